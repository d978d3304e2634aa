//! Workers that commit as fast as they can, and are killed again and again: each one finds a whole commit, and never an older
//! one than the worker before it.

use std::thread;
use std::time::{Duration, Instant};

use ppair_tests::{Fixture, Random, Running, Signal};

/// So many are done by default; `PPAIR_STORM_KILLS` says another number.
const KILLS: usize = 6_000;
/// So many of them by another process, in whatever a worker does from its first instruction on. The others by a timer of the worker's
/// own, which is as precise on a busy machine, and costs no other process a turn.
const FROM_OUTSIDE: usize = 3_000;
/// No worker lives longer than this: from before its first line to some hundreds of commits on.
const LONGEST_LIFE: Duration = Duration::from_micros(400);

fn kills() -> usize {
    std::env::var("PPAIR_STORM_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"))
}

fn storm(fixture: &str, args: &[&str], guard: bool) -> Running {
    Fixture::new(fixture)
        .args(args)
        .env("PPAIR_MAX_RESTARTS", "unlimited")
        .env("PPAIR_RESTART_DELAY", "0s")
        .env("PPAIR_GUARD", if guard { "on" } else { "off" })
        .deadline(Duration::from_secs(600))
        .spawn()
}

/// Reads what the workers say up to the line of this one. False if there is none: it has ended by itself.
fn has_looked(pair: &mut Running, incarnation: u64) -> bool {
    let begin = format!("found {incarnation} ");
    loop {
        let line = pair.stdout_line();
        if line.starts_with(&begin) {
            return true;
        }
        if !line.starts_with("found ") {
            return false;
        }
    }
}

/// Kills workers until one ends by itself, or until there were `kills` of them. Returns how many. Every second one lives until it has
/// looked at what it found, and a while longer; the others die anywhere between their first instruction and some commits later.
fn kill(pair: &mut Running, kills: usize, random: &mut Random) -> usize {
    let mut generation = 0;
    for kill in 0..kills {
        let started = pair.event("started");
        let at_start = started.number::<u64>("generation");
        assert!(at_start >= generation, "{started}");
        if kill % 2 == 1 && !has_looked(pair, started.number("incarnation")) {
            return kill;
        }
        // The stimulus, not a wait: how long this worker lives. Its number is its own until it is reaped.
        let begin = Instant::now();
        let life = random.duration_below(LONGEST_LIFE);
        while begin.elapsed() < life {
            thread::yield_now();
        }
        // One that has ended by itself may be gone by now.
        let _ = nix::sys::signal::kill(started.pid("worker"), Signal::SIGKILL);
        let died = pair.event("died");
        if died.get("signal") != Some("SIGKILL") {
            return kill;
        }
        generation = died.number("generation");
        assert!(generation >= at_start, "{died}");
    }
    kills
}

/// Lets workers kill themselves, each at a random time after it has said what it found. Returns how many did.
fn let_die(pair: &mut Running, kills: usize) -> usize {
    let mut generation = 0;
    for kill in 0..kills {
        let died = pair.event("died");
        if died.get("signal") != Some("SIGKILL") {
            return kill;
        }
        let at_end = died.number("generation");
        assert!(at_end >= generation, "{died}");
        generation = at_end;
    }
    kills
}

/// What each worker found is whole, and never older than what the one before it found.
fn check(pair: Running, kills: usize, begin: Instant) {
    pair.signal(Signal::SIGTERM);
    let end = pair.finish();
    // Whichever of the two came first to the last worker.
    let codes = [Signal::SIGTERM, Signal::SIGKILL].map(|signal| Some(128 + signal as i32));
    assert!(codes.contains(&end.code()), "{:?}", end.status);
    assert!(end.events("rolled_back").is_empty() && end.events("state_rejected").is_empty());
    let mut last = [0; 3];
    for line in &end.stdout {
        let numbers: Vec<u64> = line
            .strip_prefix("found ")
            .unwrap_or_else(|| panic!("{line}"))
            .split(' ')
            .map(|number| number.parse().expect("a number"))
            .collect();
        let is_later = numbers.iter().zip(last).all(|(now, last)| *now >= last);
        assert!(is_later && numbers.len() == 3, "{line} after {last:?}");
        last.copy_from_slice(&numbers);
    }
    println!(
        "{kills} kills, {} workers that came to a commit's check, {} commits, {:.1} s",
        end.stdout.len(),
        last[1],
        begin.elapsed().as_secs_f64()
    );
    assert!(
        end.stdout.len() >= kills / 2,
        "most workers died before they looked"
    );
    assert!(last[1] > kills as u64, "hardly any worker came to commit");
}

fn every_worker_finds_a_whole_commit(state: &str, guard: bool, kills: usize) {
    let mut random = Random::seeded("kill_storm");
    let outside = kills.min(FROM_OUTSIDE);

    let begin = Instant::now();
    let mut pair = storm(env!("CARGO_BIN_EXE_committer"), &[state], guard);
    let killed = kill(&mut pair, outside, &mut random);
    assert_eq!(killed, outside, "a worker ended by itself");
    pair.event("started");
    check(pair, outside, begin);

    let (begin, inside) = (Instant::now(), kills - outside);
    if inside > 0 {
        let seed = random.next_u64().to_string();
        let args = [state, seed.as_str()];
        let mut pair = storm(env!("CARGO_BIN_EXE_committer"), &args, guard);
        let died = let_die(&mut pair, inside);
        assert_eq!(died, inside, "a worker ended by itself");
        check(pair, inside, begin);
    }
}

#[test]
fn no_commit_is_torn_or_lost() {
    every_worker_finds_a_whole_commit("small", false, kills());
}

#[test]
fn no_guarded_commit_is_torn_or_lost() {
    every_worker_finds_a_whole_commit("small", true, kills() / 10);
}

/// Several places of it, and the whole of it; with folds, and with healthy checkpoints.
#[test]
fn no_commit_of_a_big_state_is_torn_or_lost() {
    every_worker_finds_a_whole_commit("big", false, kills() / 20);
}

#[test]
fn no_guarded_commit_of_a_big_state_is_torn_or_lost() {
    every_worker_finds_a_whole_commit("big", true, kills() / 100);
}

#[test]
fn a_state_in_place_is_caught_torn() {
    let mut random = Random::seeded("kill_storm");
    let mut pair = storm(env!("CARGO_BIN_EXE_in_place"), &["in-place"], false);
    let killed = kill(&mut pair, 10_000, &mut random);
    assert!(killed < 10_000, "no torn state was found");
    println!("torn after {killed} kills");
    let end = pair.finish();
    end.expect_code(78);
    assert_eq!(end.stdout.last().map(String::as_str), Some("torn"));
}
