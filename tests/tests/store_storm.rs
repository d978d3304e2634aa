//! All processes of a pair are killed at random, again and again: what was promised to be stored is there at the next start.

use std::time::Instant;

use nix::sys::signal::{Signal, kill};
#[cfg(feature = "full")]
use ppair_tests::postgres::Server;
use ppair_tests::{Fixture, Pid, Random, Running, Scratch, children};

/// So many times by default; `PPAIR_STORE_KILLS` says another number.
const KILLS: usize = 100;

fn kills() -> usize {
    std::env::var("PPAIR_STORE_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"))
}

/// Kills watch dog, worker and keeper, in any order.
fn kill_all(pair: &Running, random: &mut Random) {
    let mut all: Vec<Pid> = children(pair.pid());
    all.push(pair.pid());
    while !all.is_empty() {
        let next = usize::try_from(random.below(all.len() as u64)).expect("a small number");
        let _ = kill(all.swap_remove(next), Signal::SIGKILL);
    }
    // What the watch dog has forked meanwhile. Nobody else is in its group.
    let _ = nix::sys::signal::killpg(pair.pid(), Signal::SIGKILL);
}

fn nothing_promised_is_lost(store: &str, state: &str, kills: usize) {
    let mut random = Random::seeded("store_storm");
    let begin = Instant::now();
    let mut promised = 0;
    for _ in 0..kills {
        // Within a pair the segment counts, which is ahead of the store.
        let mut found = promised;
        let mut pair = Fixture::new(env!("CARGO_BIN_EXE_durable"))
            .arg(state)
            .env("PPAIR_STORE", store)
            .spawn();
        // Some die before they have stored anything, some before they have begun.
        for _ in 0..random.below(12) {
            let line = pair.stdout_line();
            check(&line, &mut promised, &mut found);
        }
        kill_all(&pair, &mut random);
        while let Some(line) = pair.try_stdout_line() {
            check(&line, &mut promised, &mut found);
        }
        pair.wait();
    }
    println!(
        "{kills} times all were killed: {promised} stored, {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    assert!(promised > kills as u64, "hardly anything was ever stored");
}

fn check(line: &str, promised: &mut u64, found: &mut u64) {
    let (what, number) = line.split_once(' ').expect("two words");
    let number: u64 = number.parse().unwrap_or_else(|_| panic!("{line}"));
    match what {
        "begin" => {
            assert!(
                number >= *promised && number >= *found,
                "{number} was found; {promised} had been promised, {found} was there before"
            );
            *found = number;
        }
        "stored" => *promised = number.max(*promised),
        _ => panic!("{line}"),
    }
}

#[test]
fn nothing_that_was_promised_is_lost_from_a_file() {
    let folder = Scratch::new();
    let store = format!("file:{}", folder.join("state").display());
    nothing_promised_is_lost(&store, "small", kills());
}

#[test]
fn nor_of_a_big_state() {
    let folder = Scratch::new();
    let store = format!("file:{}", folder.join("state").display());
    nothing_promised_is_lost(&store, "big", kills() / 5);
}

#[cfg(feature = "full")]
#[test]
fn nor_from_a_sqlite_database() {
    let folder = Scratch::new();
    let store = format!("sqlite:{}", folder.join("state").display());
    nothing_promised_is_lost(&store, "small", kills() / 10);
}

#[cfg(feature = "full")]
#[test]
fn nor_from_a_postgres_database() {
    let Some(server) = Server::start() else {
        return;
    };
    nothing_promised_is_lost(&server.url(), "small", kills() / 20);
}
