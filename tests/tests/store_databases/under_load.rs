//! A worker that commits as fast as it can never waits for the database.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ppair_tests::{Fixture, Running, Signal, eventually, value};

use crate::SOON;
use crate::databases::{Database, Postgres, Sqlite};

/// Far more than could be stored one by one in that time, if anything could be.
const MANY: u64 = 10_000;
const OUTAGE: Duration = Duration::from_millis(2500);

/// How long commits took.
struct Window(String);

impl Window {
    /// Since the last one.
    fn of(pair: &mut Running) -> Self {
        pair.write_line("window");
        Self(pair.stdout_line())
    }

    fn number(&self, key: &str) -> u64 {
        value(&self.0, key).parse().expect("a number")
    }

    fn time(&self, key: &str) -> Duration {
        Duration::from_nanos(self.number(key))
    }

    fn shown(&self) -> String {
        let [p50, p99, p999, longest] = ["p50", "p99", "p999", "longest"].map(|key| self.time(key));
        format!(
            "{:>9} commits in {:.1?}: half of them below {p50:?}, 99 % {p99:?}, 99.9 % {p999:?}, the longest {longest:?}",
            self.number("commits"),
            self.time("length"),
        )
    }
}

fn report(pair: &mut Running) -> String {
    pair.write_line("report");
    let line = pair.stdout_line();
    assert_eq!(value(&line, "incarnation"), "1");
    line
}

fn stored(pair: &mut Running) -> u64 {
    value(&report(pair), "stored").parse().expect("a number")
}

/// Some time in which all is well, as long as it takes to store something so often.
fn let_store(pair: &mut Running, times: u32) {
    for _ in 0..times {
        let before = stored(pair);
        eventually("something newer is stored", SOON, || {
            (stored(pair) > before).then_some(())
        });
    }
}

fn commits_go_on(database: &mut dyn Database) {
    // One at a time, as it has a processor of its own.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut pair = Fixture::new(env!("CARGO_BIN_EXE_busy"))
        .stdin()
        .env("PPAIR_STORE", database.store())
        .env("PPAIR_STORE_INTERVAL", "10ms")
        .deadline(Duration::from_secs(150))
        .spawn();
    assert_eq!(pair.stdout_line(), "begin count=0");
    database.is_in_use();
    let troubles = database.troubles();
    for &trouble in &troubles {
        let_store(&mut pair, 3);
        Window::of(&mut pair);
        let_store(&mut pair, 20);
        let without = Window::of(&mut pair);
        database.begin(trouble);
        let failed = pair.event("store_failed");
        let since = Instant::now();
        let when_it_failed = stored(&mut pair);
        eventually("an outage of some length", SOON, || {
            (since.elapsed() >= OUTAGE).then_some(())
        });
        let line = report(&mut pair);
        assert_eq!(value(&line, "failing"), "true");
        assert_eq!(value(&line, "stored"), when_it_failed.to_string());
        let during = Window::of(&mut pair);
        database.end(trouble);
        let recovered = pair.event("store_recovered");
        let_store(&mut pair, 3);
        println!(
            "{trouble:?}: {}\n  without: {}\n  during:  {}\n  {} failures in {:?}",
            failed.value("reason"),
            without.shown(),
            during.shown(),
            recovered.value("failures"),
            recovered.duration("after"),
        );
        assert!(
            during.number("commits") > MANY && during.time("longest") < during.time("length") / 2,
            "{trouble:?}: {}",
            during.shown()
        );
        pair.write_line("pause");
        let line = pair.stdout_line();
        let newest: u64 = value(&line, "generation").parse().expect("a number");
        eventually("the newest is stored", SOON, || {
            (stored(&mut pair) == newest).then_some(())
        });
        assert_eq!(database.generation().to_string(), newest.to_string());
        pair.write_line("go");
    }
    pair.signal(Signal::SIGTERM);
    pair.wait();
    let end = pair.finish();
    end.expect_code(128 + Signal::SIGTERM as i32);
    for name in ["store_failed", "store_recovered"] {
        assert_eq!(end.events(name).len(), troubles.len(), "{:?}", end.stderr);
    }
}

#[test]
fn commits_go_on_while_a_sqlite_database_is_locked() {
    commits_go_on(&mut Sqlite::on_disk());
}

#[test]
fn commits_go_on_while_the_disk_of_a_sqlite_database_is_full() {
    if let Some(mut database) =
        Sqlite::on_small_disk("commits_go_on_while_the_disk_of_a_sqlite_database_is_full")
    {
        commits_go_on(&mut database);
    }
}

#[test]
fn commits_go_on_while_a_postgres_server_is_away() {
    if let Some(mut database) =
        Postgres::start("commits_go_on_while_a_postgres_server_is_away, its disk")
    {
        commits_go_on(&mut database);
    }
}
