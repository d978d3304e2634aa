//! A pair that is measured: for each line of its standard input it commits as often as that says, and prints how many nanoseconds that took.
//!
//! | line | what it commits |
//! |---|---|
//! | `small N` | 64 bytes, N times |
//! | `part N` | 64 bytes of a mebibyte, N times |
//! | `durable THREADS N` | 64 bytes, N times from each thread, and waits until each is stored |

use std::thread;
use std::time::Instant;

use ppair::{Checkpoint, Config, HardState, Pair};

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Small {
    words: [u64; 8],
}

const ROWS: usize = 16_384;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Big {
    rows: [[u64; 8]; ROWS],
}

impl Default for Big {
    #[allow(
        clippy::large_stack_arrays,
        reason = "a big state is what this is about"
    )]
    fn default() -> Self {
        Self {
            rows: [[0; 8]; ROWS],
        }
    }
}

/// Only what a line needs: a store of a mebibyte would be in the way of the others.
enum States {
    Small(Checkpoint<Small>),
    Big(Checkpoint<Big>),
}

fn measure(states: &States, line: &str) {
    let mut words = line.split(' ');
    let what = words.next().expect("a word");
    let mut number = || {
        words
            .next()
            .expect("a number")
            .parse::<u64>()
            .expect("a number")
    };
    match (what, states) {
        ("small", States::Small(small)) => {
            for at in 0..number() {
                small.store(Small { words: [at; 8] });
            }
        }
        ("part", States::Big(big)) => {
            for at in 0..number() {
                let row = usize::try_from(at.wrapping_mul(0x9e37_79b9) % ROWS as u64).unwrap_or(0);
                big.patch(|big| &big.rows[row], |row| row[0] += 1);
            }
        }
        ("durable", States::Small(small)) => {
            let (threads, commits) = (number(), number());
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        for at in 0..commits {
                            small
                                .commit_durable(Small { words: [at; 8] })
                                .expect("the store works");
                        }
                    });
                }
            });
        }
        _ => panic!("{line}?"),
    }
}

fn main() {
    let is_big = std::env::args().nth(1).as_deref() == Some("big");
    let mut pair = Pair::new(Config::new());
    let states = if is_big {
        let big = pair.prepare::<Checkpoint<Big>>();
        States::Big(big.enter(&pair.start()))
    } else {
        let small = pair.prepare::<Checkpoint<Small>>();
        States::Small(small.enter(&pair.start()))
    };
    println!("ready");
    for line in std::io::stdin().lines() {
        let line = line.expect("text");
        let begin = Instant::now();
        measure(&states, &line);
        println!("{}", begin.elapsed().as_nanos());
    }
}
