//! A worker that never rests. Without an argument one thread commits as fast as it can and measures each commit; with the argument `durable`, four
//! threads commit durably, and print `stored NUMBER` when that is promised, or `failed WHY`. It does what each line of its standard input says:
//!
//! | line | what it does |
//! |---|---|
//! | `window` | prints how long commits took since the last such line |
//! | `report` | prints how far they are stored |
//! | `pause` | no more commits: prints the newest generation |
//! | `go` | on it goes |

use std::mem::take;
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ppair::{Checkpoint, Config, HardState, Pair, Worker};

/// So much that databases do not keep it within a row, and nothing that they could compress.
const NOISE: usize = 1023;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Busy {
    count: u64,
    noise: [u64; NOISE],
}

impl Default for Busy {
    fn default() -> Self {
        let mut random = ppair_tests::Random::new(1);
        Self {
            count: 0,
            noise: [0; NOISE].map(|_| random.next_u64()),
        }
    }
}

/// How often something took how long.
struct Histogram {
    /// 16 for each power of two.
    buckets: Vec<u64>,
    longest: Duration,
    begin: Instant,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; 1024],
            longest: Duration::ZERO,
            begin: Instant::now(),
        }
    }
}

impl Histogram {
    fn add(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = match nanos.checked_ilog2() {
            None | Some(..4) => nanos,
            Some(power) => u64::from(power - 3) * 16 + (nanos >> (power - 4)) % 16,
        };
        self.buckets[usize::try_from(bucket).expect("a small number")] += 1;
        self.longest = self.longest.max(time);
    }

    fn commits(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The time that so many of a thousand are below, in nanoseconds.
    fn below(&self, thousandths: u64) -> u64 {
        let mut left = (self.commits() * thousandths).div_ceil(1000);
        for (bucket, &times) in (0_u64..).zip(&self.buckets) {
            if left <= times {
                // Where the next one begins.
                let next = bucket + 1;
                return match next / 16 {
                    0 => next,
                    power => (16 + next % 16) << (power - 1),
                };
            }
            left -= times;
        }
        0
    }

    fn print(&self) {
        println!(
            "window commits={} length={} p50={} p99={} p999={} longest={}",
            self.commits(),
            self.begin.elapsed().as_nanos(),
            self.below(500),
            self.below(990),
            self.below(999),
            self.longest.as_nanos(),
        );
    }
}

/// What the thread that commits holds for each commit.
#[derive(Default)]
struct Turn {
    histogram: Mutex<Histogram>,
    /// Somebody else wants it: a lock that is taken again at once is nobody else's.
    wanted: AtomicBool,
}

impl Turn {
    fn take(&self) -> MutexGuard<'_, Histogram> {
        self.histogram
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn take_from_commits(&self) -> MutexGuard<'_, Histogram> {
        self.wanted.store(true, Ordering::Relaxed);
        let taken = self.take();
        self.wanted.store(false, Ordering::Relaxed);
        taken
    }

    fn commit(&self, busy: &Checkpoint<Busy>) -> ! {
        loop {
            let mut histogram = self.take();
            let begin = Instant::now();
            busy.update(|busy| busy.count += 1);
            histogram.add(begin.elapsed());
            drop(histogram);
            while self.wanted.load(Ordering::Relaxed) {
                thread::yield_now();
            }
        }
    }
}

fn commit_durably(busy: &Checkpoint<Busy>) -> ! {
    loop {
        let stored = busy.update_durable(|busy| {
            busy.count += 1;
            busy.count
        });
        match stored {
            Ok(count) => println!("stored {count}"),
            Err(error) => println!("failed {error}"),
        }
    }
}

fn obey(turn: &Turn, busy: &Checkpoint<Busy>, worker: &Worker) {
    let mut paused = None;
    for line in std::io::stdin().lines() {
        match line.expect("text").as_str() {
            "window" => take(&mut *turn.take_from_commits()).print(),
            "report" => {
                let report = worker.store().expect("a store");
                println!(
                    "report stored={} failing={} incarnation={}",
                    report.stored()[0],
                    report.failure().is_some(),
                    worker.incarnation(),
                );
            }
            "pause" => {
                paused = Some(turn.take_from_commits());
                println!("paused generation={}", busy.generation());
            }
            "go" => drop(paused.take()),
            other => panic!("{other}?"),
        }
    }
}

fn main() {
    let mut pair = Pair::new(Config::new());
    let busy = pair.prepare::<Checkpoint<Busy>>();
    let worker = pair.start();
    let busy = busy.enter(&worker);
    println!("begin count={}", busy.load().count);
    let is_durable = std::env::args().nth(1).as_deref() == Some("durable");
    let turn = Turn::default();
    thread::scope(|scope| {
        if is_durable {
            for _ in 0..4 {
                scope.spawn(|| commit_durably(&busy));
            }
        } else {
            scope.spawn(|| turn.commit(&busy));
        }
        obey(&turn, &busy, &worker);
        exit(0);
    });
}
