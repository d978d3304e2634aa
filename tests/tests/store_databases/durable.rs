//! What a durable commit has promised is kept, whatever has befallen database, keeper and pair.

use std::time::Duration;

use ppair_tests::{Fixture, Running, Signal};

use crate::databases::{Database, Postgres, Sqlite};
use crate::{keeper_of, kill_all};

fn start(database: &dyn Database) -> (Running, u64) {
    let mut pair = Fixture::new(env!("CARGO_BIN_EXE_busy"))
        .arg("durable")
        .stdin()
        .env("PPAIR_STORE", database.store())
        .deadline(Duration::from_secs(100))
        .spawn();
    let begin = pair.stdout_line();
    let count = begin.strip_prefix("begin count=").expect("its beginning");
    (pair, count.parse().expect("a number"))
}

/// What four threads were promised.
struct Promises {
    pair: Running,
    highest: u64,
}

impl Promises {
    /// Whether a line is a promise.
    fn take(&mut self, line: &str) -> bool {
        if let Some(number) = line.strip_prefix("stored ") {
            let number = number.parse().expect("a number");
            self.highest = self.highest.max(number);
            return true;
        }
        assert!(line.starts_with("failed generation "), "{line}");
        false
    }

    fn wait_for_failure(&mut self) {
        loop {
            let line = self.pair.stdout_line();
            if !self.take(&line) {
                return;
            }
        }
    }

    fn wait_for_more(&mut self, promises: u64) {
        let enough = self.highest + promises;
        while self.highest < enough {
            let line = self.pair.stdout_line();
            self.take(&line);
        }
    }

    fn kill_keeper(&self) {
        self.pair.kill(keeper_of(&self.pair), Signal::SIGKILL);
    }

    /// Kills watch dog, worker and keeper. Returns the highest number that was promised.
    fn kill_all(mut self) -> (u64, Running) {
        kill_all(&mut self.pair);
        while let Some(line) = self.pair.try_stdout_line() {
            self.take(&line);
        }
        (self.highest, self.pair)
    }
}

fn nothing_promised_is_lost(database: &mut dyn Database) {
    let (pair, begin) = start(database);
    assert_eq!(begin, 0);
    database.is_in_use();
    let mut promises = Promises { pair, highest: 0 };
    promises.wait_for_more(20);
    let troubles = database.troubles();
    let last = *troubles.last().expect("one");
    for trouble in troubles {
        let before = promises.highest;
        database.begin(trouble);
        promises.pair.event("store_failed");
        promises.wait_for_failure();
        promises.kill_keeper();
        promises.wait_for_failure();
        database.end(trouble);
        promises.wait_for_more(20);
        promises.pair.event("store_recovered");
        println!("{trouble:?}: {} promised", promises.highest - before);
    }
    for _ in 0..3 {
        promises.kill_keeper();
        promises.wait_for_more(20);
        promises.pair.event("store_failed");
        promises.pair.event("store_recovered");
    }
    // Nobody is left who could store later what was promised too early.
    database.begin(last);
    promises.pair.event("store_failed");
    promises.wait_for_failure();
    let (highest, killed) = promises.kill_all();
    database.end(last);
    let (pair, found) = start(database);
    assert!(found >= highest, "{highest} was promised, {found} is there");
    println!("{highest} promised, {found} found");
    drop((killed, pair));
}

#[test]
fn nothing_promised_is_lost_from_a_sqlite_database_that_is_locked_at_times() {
    nothing_promised_is_lost(&mut Sqlite::on_disk());
}

#[test]
fn nor_when_its_disk_is_full_at_times() {
    if let Some(mut database) = Sqlite::on_small_disk("nor_when_its_disk_is_full_at_times") {
        nothing_promised_is_lost(&mut database);
    }
}

#[test]
fn nor_from_a_postgres_database_that_is_away_at_times() {
    if let Some(mut database) =
        Postgres::start("nor_from_a_postgres_database_that_is_away_at_times, its disk")
    {
        nothing_promised_is_lost(&mut database);
    }
}
