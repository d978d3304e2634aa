//! A thousand `kill -9` at random moments: no number is lost.

use std::thread;
use std::time::{Duration, Instant};

use ppair_tests::{Fixture, Random, Signal};

const KILLS: usize = 1000;
/// No worker lives longer than this: from before its first line to some numbers on.
const LONGEST_LIFE: Duration = Duration::from_millis(12);

#[test]
fn no_number_is_lost_in_a_thousand_kills() {
    let mut random = Random::seeded("no_number_is_lost_in_a_thousand_kills");
    let begin = Instant::now();
    let mut pair = Fixture::new(env!("CARGO_BIN_EXE_counter"))
        .args(["--to", "1000000000", "--every", "0", "--pace", "1"])
        // Some workers are killed before they commit; that is not what is looked at here.
        .env("PPAIR_MAX_RESTARTS", "unlimited")
        .env("PPAIR_RESTART_DELAY", "0s")
        .deadline(Duration::from_secs(120))
        .spawn();

    let mut generation = 0;
    for kill in 1..=KILLS {
        let started = pair.event("started");
        assert_eq!(started.number::<usize>("incarnation"), kill);
        let worker = started.pid("worker");
        // The stimulus, not a wait: how long this worker lives. Nobody else ends it, so the number
        // is still its own.
        thread::sleep(random.duration_below(LONGEST_LIFE));
        pair.kill(worker, Signal::SIGKILL);
        let died = pair.event("died");
        assert_eq!(died.pid("worker"), worker, "{died}");
        assert_eq!(died.get("signal"), Some("SIGKILL"), "{died}");
        let committed = died.number::<u64>("generation");
        assert!(committed >= generation, "a generation was lost: {died}");
        generation = committed;
    }
    let last = pair.event("started");
    assert_eq!(last.number::<u64>("generation"), generation, "{last}");
    pair.signal(Signal::SIGTERM);
    let end = pair.finish();
    end.expect_code(128 + Signal::SIGTERM as i32);

    let numbers: Vec<u64> = end
        .stdout
        .iter()
        .map(|line| line.parse().expect("a number"))
        .collect();
    assert_eq!(numbers.first(), Some(&1));
    let mut repeated = 0;
    for pair in numbers.windows(2) {
        match pair[1].checked_sub(pair[0]) {
            Some(0) => repeated += 1,
            Some(1) => {}
            _ => panic!("{} came after {}", pair[1], pair[0]),
        }
    }
    let reached = *numbers.last().unwrap_or(&0);
    println!(
        "{KILLS} kills, {reached} numbers, {repeated} of them repeated, {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    assert!(
        reached >= generation,
        "{reached} printed, {generation} committed"
    );
    assert!(
        repeated <= KILLS,
        "{repeated} repeated: more than there were kills"
    );
    // A repetition needs a kill between two neighbouring system calls: it must stay the exception.
    assert!(
        repeated <= KILLS / 5,
        "{repeated} repeated: the commit does not follow the line"
    );
}
