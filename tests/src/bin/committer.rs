//! Commits as fast as it can, from two threads, and says at its start what it found. What a state is follows from its generation, so
//! a mixture of two commits is found out. With the argument `big`, the state is a big one, of which each commit changes several places; the
//! other thread marks what is committed as healthy. With a seed as a second argument each worker has the kernel kill it at a random time:
//! a timer's SIGKILL comes between any two instructions, however busy the machine is.

use std::process::exit;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigEvent, SigevNotify, Signal};
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use ppair::{Checkpoint, Config, HardState, Pair, Worker};
use ppair_tests::Random;

/// Each commit adds one to every word.
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

const ROWS: usize = 1_100;
const ROW: usize = 8;

/// 70,000 bytes. The commit with number N writes N into all words of the row N of so many, and at both ends.
#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Big {
    first: u64,
    rows: [[u64; ROW]; ROWS],
    last: u32,
}

impl Default for Big {
    #[allow(
        clippy::large_stack_arrays,
        reason = "a big state is what this is about"
    )]
    fn default() -> Self {
        Self {
            first: 0,
            rows: [[0; ROW]; ROWS],
            last: 0,
        }
    }
}

fn row_of(number: u64) -> usize {
    usize::try_from(number % ROWS as u64).expect("a small number")
}

impl Big {
    fn is_after(&self, commits: u64) -> bool {
        let mut rows = (0..).zip(&self.rows);
        let last = |row: u64| match commits.checked_sub(row) {
            Some(behind) => commits - behind % ROWS as u64,
            None => 0,
        };
        self.first == commits
            && u64::from(self.last) == commits & 0xffff_ffff
            && rows.all(|(row, words)| words.iter().all(|word| *word == last(row)))
    }

    /// The whole of it at once, now and then, and else what has changed.
    fn commit(checkpoint: &Checkpoint<Self>, number: u64) {
        let low = u32::try_from(number & 0xffff_ffff).expect("the low half");
        if number % 500 == 0 {
            checkpoint.update(|big| {
                big.first = number;
                big.rows[row_of(number)] = [number; ROW];
                big.last = low;
            });
            return;
        }
        checkpoint.edit(|edit| {
            edit.patch(|big| &big.first, |first| *first = number);
            edit.patch(|big| &big.rows[row_of(number)], |row| *row = [number; ROW]);
            edit.patch(|big| &big.last, |last| *last = low);
        });
    }
}

/// No worker lives longer than this, once it has said what it found.
const LONGEST_LIFE: Duration = Duration::from_micros(400);

/// How a worker comes to its end: by somebody else, or by a timer of its own.
#[derive(Clone, Copy)]
struct End {
    seed: Option<u64>,
}

impl End {
    /// The timer is dropped when the worker dies, that is never.
    fn begin(self, worker: &Worker) -> Option<Timer> {
        let mut random = Random::new(self.seed? ^ u64::from(worker.incarnation()) << 32);
        let event = SigEvent::new(SigevNotify::SigevSignal {
            signal: Signal::SIGKILL,
            si_value: 0,
        });
        let mut timer = Timer::new(ClockId::CLOCK_MONOTONIC, event).expect("a timer");
        let life = Duration::from_nanos(1) + random.duration_below(LONGEST_LIFE);
        timer
            .set(Expiration::OneShot(life.into()), TimerSetTimeFlags::empty())
            .expect("the timer is set");
        Some(timer)
    }
}

fn torn(what: &str, generation: u64) -> ! {
    println!("torn: {what} at generation {generation}");
    exit(78);
}

fn small(words: &Checkpoint<State>, others: &Checkpoint<u64>, worker: &Worker, end: End) {
    let (found, generation) = (words.load(), words.generation());
    if found.count() != Some(generation) {
        torn(&format!("{:?}", found.words), generation);
    }
    println!(
        "found {} {generation} {}",
        worker.incarnation(),
        others.load()
    );
    let _timer = end.begin(worker);
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

fn big(big: &Checkpoint<Big>, others: &Checkpoint<u64>, worker: &Worker, end: End) {
    let generation = big.generation();
    if !big.read(|big| big.is_after(generation)) {
        torn(&format!("{}", big.get(|big| &big.first)), generation);
    }
    println!(
        "found {} {generation} {}",
        worker.incarnation(),
        others.load()
    );
    let _timer = end.begin(worker);
    thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                others.update(|others| *others += 1);
                worker.mark_healthy().expect("this worker may commit");
            }
        });
        for number in generation + 1.. {
            Big::commit(big, number);
        }
    });
}

fn main() {
    let is_big = std::env::args().nth(1).as_deref() == Some("big");
    let seed = std::env::args().nth(2);
    let end = End {
        seed: seed.map(|seed| seed.parse().expect("a seed is a number")),
    };
    let mut pair = Pair::new(Config::new());
    let others = pair.prepare::<Checkpoint<u64>>();
    if is_big {
        let state = pair.prepare::<Checkpoint<Big>>();
        let worker = pair.start();
        big(&state.enter(&worker), &others.enter(&worker), &worker, end);
    } else {
        let state = pair.prepare::<Checkpoint<State>>();
        let worker = pair.start();
        small(&state.enter(&worker), &others.enter(&worker), &worker, end);
    }
}
