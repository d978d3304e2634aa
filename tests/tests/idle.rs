//! A watch dog that waits for its worker costs nothing.

use std::thread;
use std::time::Duration;

use ppair_tests::{Activity, Fixture, Memory, Power, Running, children, eventually, lacks};

/// A pair whose worker does not end by itself, and whose watch dog has come to its wait.
fn waiting_pair() -> Running {
    let mut pair = Fixture::new(env!("CARGO_BIN_EXE_counter"))
        .args(["--to", "1", "--every", "0", "--pace", "60000"])
        // The one thing that it wakes up for by itself, ever more rarely.
        .env("PPAIR_HEALTHY_AFTER", "1h")
        .deadline(Duration::from_secs(40))
        .spawn();
    let worker = pair.event("started").pid("worker");
    assert_eq!(children(pair.pid()), [worker]);
    // No line says that the wait has begun: it has when the numbers stand still for a moment.
    let mut last = None;
    eventually("the watch dog rests", Duration::from_secs(5), || {
        let before = last.replace(Activity::of(pair.pid()));
        thread::sleep(Duration::from_millis(50));
        (before == last).then_some(())
    });
    pair
}

#[test]
fn a_waiting_watch_dog_does_not_wake_up_in_10_seconds() {
    let pair = waiting_pair();
    let before = Activity::of(pair.pid());
    // By its nature this test waits: it looks for what does not happen.
    thread::sleep(Duration::from_secs(10));
    assert_eq!(Activity::of(pair.pid()), before);
}

#[test]
fn a_waiting_watch_dog_has_less_than_a_mebibyte_of_its_own() {
    if lacks(
        "a_waiting_watch_dog_has_less_than_a_mebibyte_of_its_own",
        &Power::smaps(),
    ) {
        return;
    }
    let pair = waiting_pair();
    let memory = Memory::of(pair.pid());
    println!("{memory:?} KiB");
    assert!(memory.private < 1024, "{memory:?} KiB");
}
