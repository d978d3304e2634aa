//! Two pairs that both believe to have the tables, as when one was cut off from the server: what the other one has stored is not overwritten.

use postgres::{Client, NoTls};
use ppair_tests::postgres::Server;
use ppair_tests::{Signal, eventually, is_stopped, value};

use crate::{SOON, count, keeper_of, start, stop, stored, tell};

/// Whoever has lost a connection, the server takes a moment to notice.
fn wait_until_nobody_holds(client: &mut Client) {
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 'lost_holder'::regclass::oid";
    eventually("nobody holds the tables", SOON, || {
        let row = client.query_one(locks, &[]).expect("a number");
        (row.get::<_, i64>(0) == 0).then_some(())
    });
}

#[test]
fn a_pair_that_has_lost_its_tables_goes_on_and_overwrites_nothing() {
    let Some(server) = Server::shared() else {
        return;
    };
    let store = format!("{}?ppair_table=lost", server.url());
    let mut loses = stored(&store)
        .env("PPAIR_STOP_TIMEOUT", "300ms")
        .env("PPAIR_STORE_INTERVAL", "10ms")
        .spawn();
    loses.stdout_line();
    for _ in 0..3 {
        tell(&mut loses, "durable");
    }
    // Its machine stands still, and the server takes it for gone.
    let keeper = keeper_of(&loses);
    loses.kill(keeper, Signal::SIGSTOP);
    eventually("it stands still", SOON, || is_stopped(keeper).then_some(()));
    for _ in 0..10 {
        tell(&mut loses, "add");
    }
    let mut client = Client::connect(&server.url(), NoTls).expect("it runs");
    let end = "SELECT pg_terminate_backend(backend) FROM lost_holder";
    client.query(end, &[]).expect("its session");
    wait_until_nobody_holds(&mut client);
    let (mut takes, begin) = start(&store);
    assert_eq!(count(&begin), 3);
    assert_eq!(count(&tell(&mut takes, "durable")), 4);

    loses.kill(keeper, Signal::SIGCONT);
    let failed = loses.event("store_failed");
    let holder = format!(
        "it is held by another pair: process {} on host",
        takes.pid()
    );
    assert!(failed.value("reason").starts_with(&holder), "{failed}");
    for number in 14..20 {
        let error = tell(&mut loses, "durable");
        assert!(error.starts_with("error generation "), "{error}");
        let line = loses.stdout_line();
        assert_eq!((count(&line), value(&line, "incarnation")), (number, "1"));
        assert_eq!(count(&tell(&mut takes, "durable")), number - 9);
    }
    // Nor does a keeper that is started now know better.
    loses.kill(keeper, Signal::SIGKILL);
    let error = tell(&mut loses, "durable");
    assert!(error.starts_with("error generation "), "{error}");
    loses.stdout_line();
    stop(takes);
    wait_until_nobody_holds(&mut client);
    // Also when the other one is gone: its state is the newer one.
    let error = tell(&mut loses, "durable");
    assert!(error.ends_with(", which has taken it over"), "{error}");
    loses.stdout_line();
    let end = stop(loses);
    assert_eq!(end.events("store_recovered").len(), 0, "{:?}", end.stderr);
    let (pair, begin) = start(&store);
    assert_eq!(count(&begin), 10);
    stop(pair);
}
