//! What a hard state keeps in place of `String`, `Vec`, `Option`, `Duration` and `SystemTime`, also packed and generic.
#![deny(warnings)]
#![forbid(unsafe_code)]

use core::time::Duration;
use std::time::SystemTime;

use ppair::{Elapsed, HardState, Maybe, Text, Timestamp, Vector};

#[derive(Clone, Copy, Debug, Default, PartialEq, HardState)]
#[repr(C)]
struct Job<const N: usize> {
    name: Text<N>,
    steps: Vector<Maybe<Elapsed>, 2>,
    began: Timestamp,
}

#[derive(Clone, Copy, Default, HardState)]
#[repr(C, packed)]
struct Packed {
    on: bool,
    jobs: Vector<Job<6>, 2>,
}

const NAME: Text<6> = Text::of("build");

fn main() {
    let mut job = Job { name: NAME, ..Job::default() };
    job.steps.try_push(Some(Duration::from_millis(1500).into()).into()).unwrap();
    job.steps.try_push(Maybe::none()).unwrap();
    job.began = SystemTime::UNIX_EPOCH.into();
    let mut packed = Packed::default();
    let mut jobs = packed.jobs;
    jobs.try_push(job).unwrap();
    packed.jobs = jobs;
    let jobs = packed.jobs;
    assert_eq!(jobs, [job]);
    assert_eq!(jobs[0].steps[0].map_or_zero(), Duration::from_millis(1500));
    assert_eq!(format!("{} {:?} {}", job.name, job.steps, job.began), "build [Some(1.5s), None] 1970-01-01T00:00:00Z");
    assert_eq!(<Job<6>>::LAYOUT.size(), 88);
    assert!(!packed.on && <Packed>::LAYOUT.is_padded());
}

trait MapOrZero {
    fn map_or_zero(self) -> Duration;
}

impl MapOrZero for Maybe<Elapsed> {
    fn map_or_zero(self) -> Duration {
        self.get().map_or(Duration::ZERO, Duration::from)
    }
}
