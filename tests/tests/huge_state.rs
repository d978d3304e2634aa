//! Hard states that are larger than any stack, and start as zeros.

use std::time::Duration;

use ppair_tests::stored::tell;
use ppair_tests::{Fixture, Running, Scratch};

const HUGE: &str = env!("CARGO_BIN_EXE_huge");

/// A pair of this version, whose processes have a stack of so many KiB, as `ulimit -s` says.
fn start(stack: &str, version: &str, store: &str) -> Running {
    Fixture::new("sh")
        .args(["-c", "ulimit -s $0 && exec \"$@\"", stack, HUGE, version])
        .stdin()
        .env("PPAIR_STORE", store)
        .env("PPAIR_RESTART_DELAY", "1ms")
        .env("PPAIR_MAX_RESTARTS", "30")
        .deadline(Duration::from_secs(240))
        .spawn()
}

fn exit(mut pair: Running) {
    pair.write_line("exit");
    pair.finish().expect_code(0);
}

#[test]
fn a_state_of_64_mib_needs_no_stack() {
    let mut pair = start("8192", "first", "memory");
    assert_eq!(pair.stdout_line(), "worker=1 source=Initial last=0 other=0");
    assert_eq!(tell(&mut pair, "add"), "last=1");
    let next = tell(&mut pair, "panic");
    assert_eq!(next, "worker=2 source=Current last=1 other=0");
    exit(pair);
}

/// Restarts, going back to the zeros, a store, and the next versions of the program.
#[test]
fn nothing_that_a_pair_does_with_it_needs_more_than_256_kib() {
    let folder = Scratch::new();
    let store = format!("file:{}", folder.join("state").display());
    let mut pair = start("256", "first", &store);
    assert_eq!(pair.stdout_line(), "worker=1 source=Initial last=0 other=0");
    // Whatever was committed is left behind.
    pair.write_line("poison");
    let back = pair.stdout_line();
    assert!(back.ends_with("source=Initial last=0 other=0"), "{back}");
    tell(&mut pair, "add");
    assert_eq!(tell(&mut pair, "healthy"), "last=1");
    assert_eq!(tell(&mut pair, "durable"), "last=2");
    exit(pair);

    // Neither of these commits anything, so that both find the same.
    for (version, other) in [("evolved", 7), ("migrated", 0)] {
        let mut pair = start("256", version, &store);
        let line = format!("worker=1 source=Stored last=2 other={other}");
        assert_eq!(pair.stdout_line(), line, "{version}");
        exit(pair);
    }
}
