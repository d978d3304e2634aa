//! Pairs whose checkpoints outlive them: what a store promises, however it and its keeper are doing.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;
use ppair_tests::stored::{count, keeper_of, stop, tell};
use ppair_tests::{
    End, Event, Fixture, Running, Scratch, Shortage, eventually, is_alive, keeper, value,
};

const STORED: &str = env!("CARGO_BIN_EXE_stored");
const SOON: Duration = Duration::from_secs(10);

fn start(store: &str) -> (Running, String) {
    let mut pair = Fixture::new(STORED)
        .stdin()
        .env("PPAIR_STORE", store)
        .spawn();
    let begin = pair.stdout_line();
    (pair, begin)
}

/// With the store of its own, in this folder.
fn own(folder: &Scratch) -> Fixture {
    Fixture::new(STORED)
        .stdin()
        .arg("own")
        .env("OWN_STORE", folder.path())
}

/// What is stored, as soon as it is this many.
fn wait_for_stored(pair: &mut Running, generation: u64) {
    eventually("it is stored", SOON, || {
        let report = tell(pair, "report");
        pair.stdout_line();
        report
            .contains(&format!("stored=[{generation},"))
            .then_some(())
    });
}

fn expect_no_crash(end: &End) {
    let died = end.events("died");
    let stopped = |died: &Event| died.get("signal") == Some("SIGTERM");
    assert!(died.iter().all(stopped), "{died:?}");
}

#[test]
fn what_was_committed_is_there_after_a_stop() {
    let folder = Scratch::new();
    let shm = format!("shm:ppair-test-{}", std::process::id());
    let file = format!("file:{}", folder.join("state").display());
    for store in [&file, &shm] {
        let (mut pair, begin) = start(store);
        assert!(begin.contains("count=0 generation=0 mark=0") && begin.contains("from=Initial/0"));
        for _ in 0..5 {
            tell(&mut pair, "add");
        }
        tell(&mut pair, "mark");
        stop(pair);
        let (mut pair, begin) = start(store);
        assert!(
            begin.contains("count=5 generation=5 mark=1 incarnation=1")
                && begin.contains("from=Stored/5"),
            "{begin}"
        );
        assert_eq!(count(&tell(&mut pair, "add")), 6);
        pair.close_stdin();
        pair.finish().expect_code(0);
        let (pair, begin) = start(store);
        assert!(begin.contains("count=6 generation=6 mark=1"), "{begin}");
        stop(pair);
    }
    for end in ["", ".lock"] {
        fs::remove_file(format!("/dev/shm/{}{end}", &shm["shm:".len()..])).expect("it was there");
    }
}

#[test]
fn a_crash_of_the_worker_goes_on_from_the_segment_and_the_store_follows() {
    let folder = Scratch::new();
    let store = format!("file:{}", folder.join("state").display());
    let (mut pair, _) = start(&store);
    tell(&mut pair, "add");
    pair.write_line("abort");
    let begin = pair.stdout_line();
    assert!(begin.contains("count=1") && begin.contains("from=Current/1"));
    tell(&mut pair, "add");
    wait_for_stored(&mut pair, 2);
    stop(pair);
    let (pair, begin) = start(&store);
    assert_eq!(count(&begin), 2);
    stop(pair);
}

#[test]
fn a_second_pair_is_refused_and_told_who_has_the_store() {
    let folder = Scratch::new();
    let store = format!("file:{}", folder.join("state").display());
    let (mut first, _) = start(&store);
    tell(&mut first, "add");
    let second = Fixture::new(STORED).env("PPAIR_STORE", &store).run();
    second.expect_code(75);
    let refused = &second.events("refused")[0];
    assert!(
        refused
            .get("reason")
            .is_some_and(|reason| reason.contains(&format!("process {} (stored)", first.pid()))),
        "{refused}"
    );
    assert!(second.stdout.is_empty());
    // A holder that died is none: neither the lock that it has left behind nor its keeper is in the way.
    let keeper = keeper_of(&first);
    first.kill(first.pid(), Signal::SIGKILL);
    let (third, begin) = start(&store);
    assert_eq!(count(&begin), 1);
    assert!(!is_alive(keeper));
    stop(third);
    drop(first);
}

#[test]
fn when_all_processes_are_killed_what_was_durable_is_there() {
    let folder = Scratch::new();
    let store = format!("file:{}", folder.join("state").display());
    let (mut pair, _) = start(&store);
    let worker = pair.event("started").pid("worker");
    for _ in 0..3 {
        tell(&mut pair, "durable");
    }
    let keeper = keeper_of(&pair);
    for pid in [pair.pid(), keeper, worker] {
        pair.kill(pid, Signal::SIGKILL);
    }
    let (pair, begin) = start(&store);
    assert_eq!(count(&begin), 3);
    stop(pair);
}

#[test]
fn what_was_committed_last_is_stored_when_watch_dog_and_worker_are_killed() {
    let folder = Scratch::new();
    let store = format!("file:{}", folder.join("state").display());
    let fixture = Fixture::new(STORED)
        .stdin()
        .env("PPAIR_STORE", &store)
        .env("PPAIR_STORE_INTERVAL", "1h");
    let mut pair = fixture.spawn();
    pair.stdout_line();
    let worker = pair.event("started").pid("worker");
    for _ in 0..4 {
        tell(&mut pair, "add");
    }
    pair.kill(pair.pid(), Signal::SIGKILL);
    pair.kill(worker, Signal::SIGKILL);
    let (pair, begin) = start(&store);
    assert_eq!(count(&begin), 4);
    stop(pair);
}

#[test]
fn a_dead_keeper_is_replaced_and_no_worker_notices() {
    let folder = Scratch::new();
    let store = format!("file:{}", folder.join("state").display());
    let (mut pair, _) = start(&store);
    for number in 1..=5_u64 {
        let old = keeper_of(&pair);
        pair.kill(old, Signal::SIGKILL);
        let line = tell(&mut pair, "durable");
        assert_eq!((count(&line), value(&line, "incarnation")), (number, "1"));
        let new = keeper_of(&pair);
        assert_ne!(old, new);
        let failed = pair.event("store_failed");
        assert_eq!(failed.get("reason"), Some("SIGKILL killed the keeper"));
        pair.event("store_recovered");
    }
    assert_eq!(ppair_tests::children(pair.pid()).len(), 2);
    let end = stop(pair);
    expect_no_crash(&end);
}

#[test]
fn a_store_that_fails_is_said_once_and_tried_again_and_the_service_goes_on() {
    let folder = Scratch::new();
    let mut pair = own(&folder).spawn();
    pair.stdout_line();
    assert_eq!(count(&tell(&mut pair, "durable")), 1);
    fs::write(folder.join("fail"), "").expect("a file");
    let error = tell(&mut pair, "durable");
    assert!(
        error.starts_with(
            "error generation 2 is committed, and not known to be in the store: it was told to fail"
        ),
        "{error}"
    );
    assert_eq!(count(&pair.stdout_line()), 2);
    for _ in 0..3 {
        assert!(tell(&mut pair, "sync").starts_with("error generation 2"));
        pair.stdout_line();
    }
    let failed = pair.event("store_failed");
    assert_eq!(failed.get("reason"), Some("it was told to fail"));
    let report = tell(&mut pair, "report");
    assert!(
        report.contains("stored=[1, 0] failure=Some(\"it was told to fail\")"),
        "{report}"
    );
    pair.stdout_line();
    fs::remove_file(folder.join("fail")).expect("it was there");
    wait_for_stored(&mut pair, 2);
    let recovered = pair.event("store_recovered");
    assert!(recovered.number::<u64>("failures") >= 4, "{recovered}");
    let end = stop(pair);
    assert_eq!(end.events("store_failed").len(), 1);
    expect_no_crash(&end);
}

#[test]
fn a_store_that_does_not_answer_keeps_nobody_from_committing() {
    let folder = Scratch::new();
    let mut pair = own(&folder).env("PPAIR_STOP_TIMEOUT", "300ms").spawn();
    pair.stdout_line();
    fs::write(folder.join("slow"), "").expect("a file");
    for number in 1..=200 {
        assert_eq!(count(&tell(&mut pair, "add")), number);
    }
    // And from stopping.
    let end = stop(pair);
    assert_eq!(end.events("store_failed").len(), 1);
}

#[test]
fn keepers_that_die_of_their_store_are_delayed_and_the_service_goes_on() {
    let folder = Scratch::new();
    let mut pair = own(&folder).env("PPAIR_RESTART_DELAY", "20ms").spawn();
    pair.stdout_line();
    fs::write(folder.join("crash"), "").expect("a file");
    let error = tell(&mut pair, "durable");
    assert!(error.contains("SIGABRT killed the keeper"), "{error}");
    assert_eq!(count(&pair.stdout_line()), 1);
    assert_eq!(count(&tell(&mut pair, "add")), 2);
    fs::remove_file(folder.join("crash")).expect("it was there");
    wait_for_stored(&mut pair, 2);
    pair.event("store_failed");
    pair.event("store_recovered");
    let end = stop(pair);
    expect_no_crash(&end);
    assert_eq!(end.events("store_failed").len(), 1);
}

#[test]
fn many_threads_share_one_write() {
    let folder = Scratch::new();
    let mut pair = own(&folder).spawn();
    pair.stdout_line();
    fs::write(folder.join("slow"), "").expect("a file");
    pair.write_line("threads 16 20");
    fs::remove_file(folder.join("slow")).expect("it was there");
    assert_eq!(count(&pair.stdout_line()), 320);
    let saves = fs::read(folder.join("saves")).expect("it is there").len();
    println!("{saves} saves for 320 durable commits of 16 threads");
    assert!(saves < 320, "{saves}");
    stop(pair);
}

#[test]
fn with_an_interval_of_0_each_commit_is_stored_when_it_returns() {
    let folder = Scratch::new();
    let mut pair = own(&folder).env("PPAIR_STORE_INTERVAL", "0").spawn();
    pair.stdout_line();
    for number in 1..=20_u64 {
        tell(&mut pair, "add");
        let bytes = fs::read(folder.join("u64.checkpoint")).expect("it is there");
        let stored = ppair::Stored::from_bytes(&bytes).expect("a checkpoint");
        assert_eq!(stored.get::<u64>(), Ok(number));
    }
    // A store that fails does not stop the service here either.
    fs::write(folder.join("fail"), "").expect("a file");
    assert_eq!(count(&tell(&mut pair, "add")), 21);
    pair.event("store_failed");
    fs::remove_file(folder.join("fail")).expect("it was there");
    pair.event("store_recovered");
    stop(pair);
}

#[test]
fn without_a_store_nothing_is_durable() {
    let (mut pair, _) = start("memory");
    let error = tell(&mut pair, "durable");
    assert!(
        error.starts_with("error the pair has no store that outlives it; name one"),
        "{error}"
    );
    pair.stdout_line();
    assert_eq!(tell(&mut pair, "report"), "store none");
    assert_eq!(keeper(pair.pid()), None);
    stop(pair);
}

#[test]
fn a_store_that_cannot_be_read_begins_no_pair_and_stays_as_it_is() {
    let folder = Scratch::new();
    let foreign = folder.join("foreign");
    fs::write(&foreign, "something else").expect("a file");
    let store = format!("file:{}", foreign.display());
    let end = Fixture::new(STORED).env("PPAIR_STORE", &store).run();
    end.expect_code(78);
    assert!(
        end.events("refused")[0]
            .get("reason")
            .is_some_and(|reason| reason.contains(&store))
    );
    assert_eq!(fs::read(&foreign).expect("it is there"), b"something else");

    fs::write(folder.join("fail"), "").expect("a file");
    let end = own(&folder).run();
    end.expect_code(71);
    assert!(end.events("started").is_empty() && end.stdout.is_empty());

    fs::rename(folder.join("fail"), folder.join("crash")).expect("it was there");
    let end = own(&folder).run();
    end.expect_code(71);
    let reason = end.events("refused")[0].get("reason").map(str::to_owned);
    let died = "the process that reads it was killed by SIGABRT";
    assert!(reason.is_some_and(|reason| reason.contains(died)));
}

#[test]
fn a_stop_signal_to_the_whole_group_leaves_the_keeper_its_time() {
    let folder = Scratch::new();
    let store = format!("file:{}", folder.join("state").display());
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut pair = Fixture::new(STORED)
            .stdin()
            .env("PPAIR_STORE", &store)
            .env("PPAIR_STORE_INTERVAL", "1h")
            .spawn();
        let before = count(&pair.stdout_line());
        tell(&mut pair, "add");
        pair.kill_group(signal);
        pair.finish().expect_code(128 + signal as i32);
        let (pair, begin) = start(&store);
        assert_eq!(count(&begin), before + 1);
        stop(pair);
    }
}

#[test]
fn a_program_that_runs_alone_is_stored_too() {
    let folder = Scratch::new();
    let store = format!("file:{}", folder.join("state").display());
    let mut alone = Fixture::new(STORED)
        .stdin()
        .env("PPAIR", "off")
        .env("PPAIR_STORE", &store)
        .spawn();
    alone.stdout_line();
    assert_eq!(count(&tell(&mut alone, "durable")), 1);
    tell(&mut alone, "add");
    alone.close_stdin();
    alone.finish().expect_code(0);
    let (pair, begin) = start(&store);
    assert_eq!(count(&begin), 2);
    stop(pair);
}

/// No process can be forked at first: what is stored is there all the same, and is stored again when there is a keeper.
#[test]
fn a_degraded_pair_begins_with_what_is_stored_and_becomes_one_with_a_keeper() {
    let folder = Scratch::new();
    let store = format!("file:{}", folder.join("state").display());
    let (mut pair, _) = start(&store);
    tell(&mut pair, "add");
    stop(pair);
    let shortage = Shortage::new();
    shortage.begin();
    let fixture = Fixture::new(STORED).stdin().env("PPAIR_STORE", &store);
    let mut pair = shortage.on(fixture).spawn();
    let begin = pair.stdout_line();
    assert!(
        begin.contains("count=1") && begin.contains("degraded=true"),
        "{begin}"
    );
    tell(&mut pair, "add");
    shortage.end();
    let mut expected = 2;
    loop {
        let line = tell(&mut pair, "add");
        expected += 1;
        assert_eq!(count(&line), expected);
        if value(&line, "degraded") == "false" {
            break;
        }
    }
    wait_for_stored(&mut pair, expected);
    let _ = keeper_of(&pair);
    let end = stop(pair);
    assert_eq!(end.events("repaired").len(), 1);
    let (pair, begin) = start(&store);
    assert_eq!(count(&begin), expected);
    stop(pair);
}

/// It keeps the keeper that it has, also when the watch dog starts afresh in its process.
#[test]
fn a_pair_that_is_degraded_for_a_while_keeps_its_keeper_and_its_lock() {
    let folder = Scratch::new();
    let store = format!("file:{}", folder.join("state").display());
    let shortage = Shortage::new();
    let fixture = Fixture::new(STORED).stdin().env("PPAIR_STORE", &store);
    let mut pair = shortage.on(fixture).spawn();
    pair.stdout_line();
    tell(&mut pair, "add");
    let keeper = keeper_of(&pair);
    shortage.begin();
    pair.write_line("abort");
    assert!(pair.stdout_line().contains("count=1"));
    assert_eq!(count(&tell(&mut pair, "durable")), 2);
    shortage.end();
    while value(&tell(&mut pair, "durable"), "degraded") == "true" {}
    let repaired = pair.event("repaired");
    let before = count(&tell(&mut pair, "durable"));
    assert_eq!(keeper_of(&pair), keeper);
    // It is looked after by the fresh image as well.
    pair.kill(keeper, Signal::SIGKILL);
    assert_eq!(count(&tell(&mut pair, "durable")), before + 1, "{repaired}");
    let second = Fixture::new(STORED).env("PPAIR_STORE", &store).run();
    second.expect_code(75);
    stop(pair);
    let (pair, begin) = start(&store);
    assert_eq!(count(&begin), before + 1);
    stop(pair);
}

#[test]
fn a_path_that_is_not_absolute_begins_where_the_program_was_started() {
    let folder = Scratch::new();
    let mut pair = Fixture::new(STORED)
        .stdin()
        .env("PPAIR_STORE", "file:state")
        .with(|command| {
            command.current_dir(folder.path());
        })
        .spawn();
    pair.stdout_line();
    tell(&mut pair, "durable");
    stop(pair);
    let (pair, begin) = start(&format!("file:{}", folder.join("state").display()));
    assert_eq!(count(&begin), 1);
    stop(pair);
}

/// It may have ended before its keeper has begun.
#[test]
fn a_program_that_runs_alone_for_a_moment_is_stored_too() {
    let folder = Scratch::new();
    let store = format!("file:{}", folder.join("state").display());
    for number in 0..40 {
        let mut alone = Fixture::new(STORED)
            .stdin()
            .env("PPAIR", "off")
            .env("PPAIR_STORE", &store)
            .spawn();
        alone.write_line("add");
        alone.close_stdin();
        assert_eq!(count(&alone.stdout_line()), number);
        alone.finish().expect_code(0);
    }
}
