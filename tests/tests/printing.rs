//! What a program and its pair print: once, and in an order that a reader understands.

use ppair_tests::{Fixture, stdout_lines};

const PRINTER: &str = env!("CARGO_BIN_EXE_printer");

/// A worker has what its watch dog had buffered, and prints it when it ends.
#[test]
fn what_setup_and_on_event_print_is_printed_once() {
    let end = Fixture::new(PRINTER)
        .arg("buffered")
        .env("PPAIR_RESTART_DELAY", "1ms")
        .run();
    end.expect_code(0);
    let all = stdout_lines(&end).join("");
    let count = |what: &str| all.split(';').filter(|text| *text == what).count();
    assert_eq!((count("rust"), count("c")), (1, 1), "{all}");
    assert_eq!(end.events("started").len(), 4);
    assert_eq!((count("rust-event"), count("c-event")), (4, 4), "{all}");
}

/// The line of a death is written before there is a next worker that could write.
#[test]
fn a_death_is_logged_before_the_next_worker_writes_and_on_a_line_of_its_own() {
    let end = Fixture::new(PRINTER)
        .arg("prompt")
        .env("PPAIR_MAX_RESTARTS", "unlimited")
        .env("PPAIR_MAX_EARLY_EXITS", "unlimited")
        .env("PPAIR_RESTART_DELAY", "0s")
        .run();
    end.expect_code(0);
    let mut dead = 0;
    let mut said = 0;
    for line in &end.stderr {
        if let Some(at) = line.find("ppair event=died ") {
            assert_eq!(at, 0, "{line}");
            dead += 1;
        }
        if line.contains("hello ") {
            assert_eq!(
                dead,
                said,
                "worker {} before the death of worker {said}",
                said + 1
            );
            said += 1;
        }
    }
    assert_eq!((dead, said), (99, 100));
}
