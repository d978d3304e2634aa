//! What was committed is there at the next start, and one pair at a time has it.

use ppair_tests::postgres::Server;
use ppair_tests::{Scratch, Signal, threads, value};

use crate::{count, keeper_of, kill_all, start, stop, stored, tell};

fn is_there_after_a_stop(store: &str) {
    let (mut pair, begin) = start(store);
    assert!(begin.contains("count=0 generation=0") && begin.contains("from=Initial/0"));
    for _ in 0..5 {
        tell(&mut pair, "add");
    }
    tell(&mut pair, "mark");
    // What belongs to a database runs in the keeper, and nowhere else.
    let worker = pair.event("started").pid("worker");
    assert_eq!((threads(pair.pid()), threads(worker)), (1, 1));
    let end = stop(pair);
    assert_eq!(end.events("store_failed").len(), 0);
    let (pair, begin) = start(store);
    assert!(
        begin.contains("count=5 generation=5 mark=1 incarnation=1")
            && begin.contains("from=Stored/5"),
        "{begin}"
    );
    stop(pair);
}

fn is_refused_to_a_second_pair_until_the_first_is_dead(store: &str) {
    let (mut first, begin) = start(store);
    let before = count(&begin);
    for _ in 0..3 {
        tell(&mut first, "durable");
    }
    let second = stored(store).run();
    second.expect_code(75);
    let refused = &second.events("refused")[0];
    let holder = format!("process {} ", first.pid());
    assert!(refused.value("reason").contains(&holder), "{refused}");
    assert!(second.stdout.is_empty());
    assert_eq!(count(&tell(&mut first, "durable")), before + 4);
    kill_all(&mut first);
    let (third, begin) = start(store);
    assert_eq!(count(&begin), before + 4);
    stop(third);
}

fn crashes_of_workers_and_keepers_do_not_disturb_it(store: &str) {
    let (mut pair, begin) = start(store);
    let before = count(&begin);
    for number in 1..=3 {
        let keeper = keeper_of(&pair);
        assert_eq!(count(&tell(&mut pair, "durable")), before + number);
        pair.write_line("abort");
        let begin = pair.stdout_line();
        assert_eq!(count(&begin), before + number);
        assert_eq!(value(&begin, "incarnation"), (number + 1).to_string());
        assert_eq!(keeper_of(&pair), keeper);
    }
    for number in 4..=6 {
        let keeper = keeper_of(&pair);
        pair.kill(keeper, Signal::SIGKILL);
        let line = tell(&mut pair, "durable");
        assert_eq!(count(&line), before + number);
        assert_eq!(value(&line, "incarnation"), "4");
        assert_ne!(keeper_of(&pair), keeper);
        assert_eq!(threads(pair.pid()), 1);
        pair.event("store_recovered");
    }
    let end = stop(pair);
    assert_eq!(end.events("store_failed").len(), 3);
    let (pair, begin) = start(store);
    assert_eq!(count(&begin), before + 6);
    stop(pair);
}

fn is_kept_by_the_keeper_of_a_dead_pair(store: &str) {
    let mut pair = stored(store).env("PPAIR_STORE_INTERVAL", "1h").spawn();
    let before = count(&pair.stdout_line());
    let worker = pair.event("started").pid("worker");
    for _ in 0..4 {
        tell(&mut pair, "add");
    }
    for pid in [pair.pid(), worker] {
        pair.kill(pid, Signal::SIGKILL);
    }
    // Who comes next waits for the keeper, which has begun to store what was committed last.
    pair.wait();
    let (pair, begin) = start(store);
    assert_eq!(count(&begin), before + 4);
    stop(pair);
}

fn all_of_it(store: &str) {
    is_there_after_a_stop(store);
    is_refused_to_a_second_pair_until_the_first_is_dead(store);
    crashes_of_workers_and_keepers_do_not_disturb_it(store);
    is_kept_by_the_keeper_of_a_dead_pair(store);
}

#[test]
fn what_is_committed_is_in_a_sqlite_database() {
    let folder = Scratch::new();
    all_of_it(&format!("sqlite:{}", folder.join("state").display()));
}

#[test]
fn what_is_committed_is_in_a_postgres_database() {
    if let Some(server) = Server::shared() {
        all_of_it(&format!("{}?ppair_table=round_trip", server.url()));
    }
}
