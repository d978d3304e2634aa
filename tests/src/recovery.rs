//! The worker of the recovery benchmark, the same under each watch dog that is compared.

use std::io::{self, Write};

use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{getpid, pause};

/// What a worker reports: three numbers of 8 bytes, in one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// When, on the clock that all processes of a machine share.
    pub nanoseconds: u64,
    /// Who.
    pub pid: i32,
    /// The page faults since its fork that needed no disk.
    pub faults: u64,
}

/// The bytes of a report on the pipe.
pub const REPORT_SIZE: usize = 24;

impl Report {
    /// Takes the bytes of a report apart.
    ///
    /// # Panics
    ///
    /// If they are none.
    #[must_use]
    pub fn from_bytes(bytes: [u8; REPORT_SIZE]) -> Self {
        let number = |at: usize| {
            u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("8 bytes make a number"))
        };
        let pid = i32::try_from(number(8)).expect("a report has a process id");
        Self {
            nanoseconds: number(0),
            pid,
            faults: number(16),
        }
    }
}

/// The time on the clock of the reports.
///
/// # Panics
///
/// If the machine has no such clock.
#[must_use]
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("the clock can be read");
    let seconds = u64::try_from(time.tv_sec()).expect("the clock is not negative");
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec()).expect("nanoseconds are not negative")
}

/// Runs as the worker: reports its start, fills so much memory, reports that, and waits to be killed.
///
/// `started` is the time of its first line.
///
/// # Errors
///
/// If nobody reads the reports any more.
pub fn work(started: u64, memory: usize) -> io::Result<()> {
    report(started)?;
    // Ones, because zeroes could be pages that are not there.
    let memory = vec![1_u8; memory];
    report(now())?;
    pause();
    drop(memory);
    Ok(())
}

fn report(nanoseconds: u64) -> io::Result<()> {
    let faults = getrusage(UsageWho::RUSAGE_SELF)?.minor_page_faults();
    let mut bytes = [0; REPORT_SIZE];
    bytes[..8].copy_from_slice(&nanoseconds.to_ne_bytes());
    bytes[8..16].copy_from_slice(&i64::from(getpid().as_raw()).to_ne_bytes());
    bytes[16..].copy_from_slice(&u64::try_from(faults).unwrap_or_default().to_ne_bytes());
    let mut pipe = io::stdout().lock();
    pipe.write_all(&bytes)?;
    pipe.flush()
}

/// The argument of the programs that are compared: how many MiB the worker fills.
///
/// # Panics
///
/// If it is missing, or no number.
#[must_use]
pub fn memory_argument() -> usize {
    let argument = std::env::args()
        .nth(1)
        .expect("the argument is a number of MiB");
    argument
        .parse::<usize>()
        .expect("the argument is a number of MiB")
        * 1024
        * 1024
}
