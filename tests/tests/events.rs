//! `on_event`: typed events, in the watch dog.

use ppair_tests::Fixture;

const EVENTS: &str = env!("CARGO_BIN_EXE_events");

#[test]
fn each_event_is_handed_out_in_the_watch_dog_as_it_is_logged() {
    let end = Fixture::new(EVENTS).run();
    end.expect_code(0);
    let started = end.events("started");
    let watchdog = started[0].pid("watchdog");
    let start = format!("event in {watchdog}: ");
    let told: Vec<_> = end
        .other_stderr()
        .into_iter()
        .map(|line| {
            line.strip_prefix(&start)
                .expect("all in the watch dog")
                .to_owned()
        })
        .collect();
    let worker = |number: usize| started[number].pid("worker");
    let started = |number: usize| {
        let incarnation = number + 1;
        format!(
            "started {incarnation} watchdog={watchdog} worker={}",
            worker(number)
        )
    };
    assert_eq!(
        told,
        [
            started(0),
            // The next worker is forked before anybody is told.
            "died worker 1 exited with code 3 restart".to_owned(),
            started(1),
            "stopped 0".to_owned(),
        ]
    );
}

#[test]
fn a_function_that_panics_does_not_end_the_watch_dog() {
    let end = Fixture::new(EVENTS).arg("panics").run();
    end.expect_code(0);
    assert_eq!(end.events("started").len(), 2);
    // And its panic is not taken for the worker's.
    assert_eq!(end.events("died")[0].value("cause"), "exit");
    let warnings = end.events("warning");
    assert_eq!(warnings.len(), 4, "one for each event");
    assert!(warnings[0].value("reason").contains("on_event"));
}
