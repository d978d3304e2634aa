//! Commits durably from two threads as fast as it can, and prints each number that is stored by
//! then: from there on it is promised. What a state is follows from its number, so a mixture of two
//! is found out. With the argument `big` it is a big one, of which each commit changes a few
//! places.
//!
//! With the argument `lineage` the number belongs to a line, which begins with the store, and a
//! commit that is not stored does not end the program.

use std::hash::{BuildHasher as _, RandomState};
use std::process::exit;
use std::thread;

use ppair::{Checkpoint, Config, HardState, Pair};
use ppair_tests::lineage::Line;

const ROWS: usize = 9_000;

/// The commit with number N writes N into the row N of so many, and at both ends.
#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Numbers<const N: usize> {
    first: u64,
    rows: [u64; N],
    last: u32,
}

impl<const N: usize> Default for Numbers<N> {
    #[allow(
        clippy::large_stack_arrays,
        reason = "a big state is what this is about"
    )]
    fn default() -> Self {
        Self {
            first: 0,
            rows: [0; N],
            last: 0,
        }
    }
}

impl<const N: usize> Numbers<N> {
    fn row_of(number: u64) -> usize {
        usize::try_from(number % N as u64).expect("a small number")
    }

    fn is_whole(&self) -> bool {
        let number = self.first;
        let mut rows = (0..).zip(&self.rows);
        u64::from(self.last) == number & 0xffff_ffff
            && rows.all(|(row, found)| {
                let last = number
                    .checked_sub(row)
                    .map_or(0, |behind| number - behind % N as u64);
                *found == last
            })
    }

    fn next(checkpoint: &Checkpoint<Self>) -> u64 {
        let stored = checkpoint.edit_durable(|edit| {
            let number = edit.patch(
                |numbers| &numbers.first,
                |first| {
                    *first += 1;
                    *first
                },
            );
            edit.patch(
                |numbers| &numbers.rows[Self::row_of(number)],
                |row| *row = number,
            );
            edit.patch(
                |numbers| &numbers.last,
                |last| *last = u32::try_from(number & 0xffff_ffff).expect("the low half"),
            );
            number
        });
        stored.unwrap_or_else(|error| {
            println!("error {error}");
            exit(1)
        })
    }
}

fn run<const N: usize>() {
    let mut pair = Pair::new(Config::new());
    let numbers = pair.prepare::<Checkpoint<Numbers<N>>>();
    let worker = pair.start();
    let numbers = numbers.enter(&worker);
    let (number, is_whole) = numbers.read(|numbers| (numbers.first, numbers.is_whole()));
    if !is_whole || number != numbers.generation() {
        println!("torn at {number}, generation {}", numbers.generation());
        exit(78);
    }
    println!("begin {number}");
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    println!("stored {}", Numbers::next(&numbers));
                }
            });
        }
    });
}

fn run_line() {
    let mut pair = Pair::new(Config::new());
    let line = pair.prepare::<Checkpoint<Line>>();
    let worker = pair.start();
    let line = line.enter(&worker);
    let Line { lineage, number } = line.load();
    println!("begin {lineage} {number}");
    // One that no other process draws.
    let drawn = RandomState::new().hash_one(std::process::id()).max(1);
    loop {
        let confirmed = line.update_durable(|line| {
            if line.lineage == 0 {
                line.lineage = drawn;
            }
            line.number += 1;
            *line
        });
        match confirmed {
            Ok(Line { lineage, number }) => println!("stored {lineage} {number}"),
            Err(error) => println!("failed {error}"),
        }
    }
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("lineage") {
        return run_line();
    }
    if std::env::args().nth(1).as_deref() == Some("big") {
        run::<ROWS>();
    } else {
        run::<7>();
    }
}
