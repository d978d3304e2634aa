//! Commits as fast as it can, from two threads, and says at its start what it found. Each commit adds one to every word of
//! its state, so a state is a mixture of two commits unless all its words are the same, and equal to its generation.

use std::process::exit;
use std::thread;

use ppair::{Checkpoint, Config, HardState, Pair};

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    first: u8,
    words: [u64; 60],
    last: u32,
}

impl Default for State {
    fn default() -> Self {
        Self {
            first: 0,
            words: [0; 60],
            last: 0,
        }
    }
}

impl State {
    fn add_one(&mut self) {
        self.first = self.first.wrapping_add(1);
        self.words.iter_mut().for_each(|word| *word += 1);
        self.last = self.last.wrapping_add(1);
    }

    /// The number of commits, if it is one.
    fn count(&self) -> Option<u64> {
        let count = self.words[0];
        let whole = self.words.iter().all(|word| *word == count)
            && u64::from(self.first) == count & 0xff
            && u64::from(self.last) == count & 0xffff_ffff;
        whole.then_some(count)
    }
}

fn main() {
    let mut pair = Pair::new(Config::new());
    let words = pair.prepare::<Checkpoint<State>>();
    let others = pair.prepare::<Checkpoint<u64>>();
    let worker = pair.start();
    let (words, others) = (words.enter(&worker), others.enter(&worker));
    let Some(count) = words
        .load()
        .count()
        .filter(|count| *count == words.generation())
    else {
        println!(
            "torn: {:?} at generation {}",
            words.load().words,
            words.generation()
        );
        exit(78);
    };
    println!("found {count} {}", others.load());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    words.update(State::add_one);
                    others.update(|others| *others += 1);
                }
            });
        }
    });
}
