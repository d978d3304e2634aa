//! A pair whose machine is cut off from its PostgreSQL server: another one may have the tables
//! soon, whatever was on its way.
//!
//! Each test takes half a minute, which it waits for the kernel: `cargo test -p ppair-tests --features
//! full --test store_cut_off -- --ignored`.

use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use ppair_tests::network::Machine;
use ppair_tests::postgres::Server;
use ppair_tests::stored::tell;
use ppair_tests::{Fixture, Power, Running, eventually, lacks};

const STORED: &str = env!("CARGO_BIN_EXE_stored");
const INSIDE: &str = "PPAIR_TEST_IN_A_NETWORK";

/// The server's end of the cable, and the client's.
const SERVER: &str = "10.111.0.1";
const CLIENT: &str = "10.111.0.2";

/// More than the 25 s after which it is to be free, for a machine that does much else, and far less
/// than the minutes that a kernel tries by itself.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs the rest of the test in a network of its own. True there, and false in the test itself,
/// which then has nothing left to do.
fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if lacks(test, &Power::networks()) {
        return false;
    }
    let program = std::env::current_exe().expect("a test program");
    let mut inside = Fixture::new("unshare").arg("--net").arg(program);
    inside = inside.args(["--exact", test, "--include-ignored", "--nocapture"]);
    // `Fixture` drops what begins with `PPAIR`.
    for (name, value) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PPAIR_REQUIRE_") {
            inside = inside.env(name, value);
        }
    }
    let inside = inside.env(INSIDE, "1").deadline(Duration::from_secs(500));
    let end = inside.run();
    end.expect_code(0);
    println!("{}", end.stdout.join("\n"));
    for line in end.stderr.iter().filter(|line| line.starts_with("SKIPPED")) {
        eprintln!("{line}");
    }
    // A name that is no test's would pass as well, with none run.
    assert!(
        end.stdout.iter().any(|line| line.contains("1 passed")),
        "{end:?}"
    );
    false
}

/// How many sessions have a lock as ppair takes it.
fn locks(client: &mut Client) -> i64 {
    let query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
    client.query_one(query, &[]).expect("an answer").get(0)
}

/// A pair on another machine has the tables. `cut` cuts that machine off.
fn is_free_soon(test: &str, cut: impl FnOnce(&Machine, &mut Running, &Server)) {
    if !is_inside(test) {
        return;
    }
    let machine = Machine::new(SERVER, CLIENT);
    let Some(server) = Server::start_at(SERVER) else {
        return;
    };
    let mut observer = Client::connect(&server.url(), NoTls).expect("a server");
    let mut pair = Fixture::new("nsenter")
        .args(machine.enter())
        .arg(STORED)
        .stdin()
        .env("PPAIR_STORE", format!("postgres://ppair@{SERVER}/postgres"))
        .deadline(Duration::from_secs(300))
        .spawn();
    pair.stdout_line();
    tell(&mut pair, "durable");
    assert_eq!(locks(&mut observer), 1);
    cut(&machine, &mut pair, &server);
    let begin = Instant::now();
    eventually("the lock is free", LIMIT, || {
        (locks(&mut observer) == 0).then_some(())
    });
    println!("{test}: free after {:.1} s", begin.elapsed().as_secs_f64());
}

#[test]
#[ignore = "it waits half a minute for the kernel"]
fn tables_are_free_soon_after_an_answer_that_does_not_arrive() {
    let test = "tables_are_free_soon_after_an_answer_that_does_not_arrive";
    is_free_soon(test, |machine, pair, server| {
        // The server has something to say only when the machine is gone already.
        let mut other = Client::connect(&server.url(), NoTls).expect("a server");
        let mut transaction = other.transaction().expect("a transaction");
        transaction
            .batch_execute("LOCK TABLE ppair_checkpoint IN ACCESS EXCLUSIVE MODE")
            .expect("a lock");
        pair.write_line("durable");
        let mut observer = Client::connect(&server.url(), NoTls).expect("a server");
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        eventually("it waits for the table", LIMIT, || {
            let row = observer.query_one(waiting, &[]).expect("an answer");
            (row.get::<_, i64>(0) > 0).then_some(())
        });
        machine.cut_off();
        transaction.commit().expect("an end");
    });
}

#[test]
#[ignore = "it waits half a minute for the kernel"]
fn tables_are_free_soon_after_a_machine_that_was_idle_is_gone() {
    let test = "tables_are_free_soon_after_a_machine_that_was_idle_is_gone";
    is_free_soon(test, |machine, _, _| machine.cut_off());
}
