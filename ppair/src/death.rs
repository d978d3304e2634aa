//! Why a worker died: the facts that the watch dog found, for its log and for the next worker.

use core::fmt;
use core::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::exit::{Exit, PANICKED, Reason};
use crate::state::black_box::{BlackBox, FaultNote, PanicNote};
use crate::state::hearts;
use crate::sys::signal::{self, SIGABRT};

/// The death of a worker, as the watch dog saw it.
///
/// The next worker gets it from [`Worker::last_death`](crate::Worker::last_death).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    pub(crate) worker: i32,
    pub(crate) incarnation: u32,
    pub(crate) exit: Exit,
    /// What made it end.
    pub(crate) reason: Reason,
    /// The heart that was silent, of a worker that hung.
    pub(crate) heart: Option<hearts::Name>,
    /// What it left behind of a panic, if that is about its end.
    pub(crate) note: Option<PanicNote>,
    /// What it left behind of a fault, if that is about its end.
    pub(crate) fault: Option<FaultNote>,
    pub(crate) uptime: Duration,
    pub(crate) max_rss_kib: u64,
    pub(crate) generation: u64,
}

/// What a worker died of, in few bytes: two deaths of one cause have equal ones. What a panic said
/// is left out, as it often names the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    reason: Reason,
    /// The exit code, or the signal with a bit above all codes.
    status: u16,
    /// The place of the panic, or the instruction of the fault; 0 if neither is known.
    place: u64,
}

/// How long before an abort a panic may have been to be its cause.
const ABORT_AFTER_PANIC: Duration = Duration::from_secs(1);

/// Whether a panic brought about this end: a panic that somebody caught kills nobody. The code of a panic is rarely anything
/// else; an abort is, so there the panic must have come just before. `aborted` is when, as far as that is known: a core that
/// is written afterwards takes its time.
pub(crate) fn is_cause(note: &PanicNote, worker: i32, exit: Exit, aborted: Duration) -> bool {
    note.pid == worker
        && match exit {
            Exit::Code(code) => code == PANICKED,
            Exit::Signal { signal, .. } => {
                signal == SIGABRT && aborted.saturating_sub(note.at) < ABORT_AFTER_PANIC
            }
        }
}

/// Whether a worker that ended so left this note of its end: a fault that somebody mended kills nobody. The standard library ends
/// a stack overflow by an abort.
pub(crate) fn is_of_end(fault: &FaultNote, worker: i32, exit: Exit) -> bool {
    fault.pid == worker
        && match exit {
            Exit::Code(_) => false,
            Exit::Signal { signal, .. } => {
                signal == fault.signal || fault.is_overflow && signal == SIGABRT
            }
        }
}

/// What a dead worker has left in the black box, as far as it is about its end.
pub(crate) fn last_words(
    black_box: BlackBox<'_>,
    worker: i32,
    exit: Exit,
    now: Duration,
) -> (Option<PanicNote>, Option<FaultNote>) {
    let fault = black_box.fault_note();
    let fault = fault.filter(|fault| is_of_end(fault, worker, exit));
    let aborted = fault.map_or(now, |fault| fault.at);
    let panic = black_box.panic_note();
    (
        panic.filter(|note| is_cause(note, worker, exit, aborted)),
        fault,
    )
}

/// The cause of a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause<'a> {
    /// The worker returned from `main` or called `exit`, with this code.
    Exit {
        /// The exit code.
        code: u8,
    },
    /// A signal killed the worker.
    Signal {
        /// The signal's number.
        signal: i32,
        /// Whether a core was dumped.
        core: bool,
        /// What the worker could still say of it: `None` if the signal gave it no chance, as SIGKILL does, or the program has
        /// a handler of its own that hands nothing on.
        fault: Option<Fault<'a>>,
    },
    /// The worker panicked: it exited with code 101, or aborted where panics abort.
    Panic {
        /// What the panic said, at most 512 bytes of it.
        message: &'a str,
        /// The source file, as the compiler names it.
        file: &'a str,
        /// The line in `file`, from 1.
        line: u32,
        /// The column in `line`, from 1.
        column: u32,
        /// The name of the thread, empty if it has none.
        thread: &'a str,
    },
    /// The worker gave no sign of life for `hang_timeout`, so the watch dog ended it.
    Hang {
        /// The heart that was silent; `None` if the worker has given no sign of life at all.
        heart: Option<&'a str>,
    },
    /// The machine, or the worker's memory cgroup, was out of memory, and the kernel chose the worker to end.
    Oom,
}

/// What a worker could still say of a fault that it died of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault<'a> {
    /// The address that was accessed; for SIGILL and SIGFPE that of the instruction. `None` if it is not known, or somebody
    /// sent the signal.
    pub address: Option<u64>,
    /// The name of the thread, at most 15 bytes of it: `main` for the first one, and empty if it has none.
    pub thread: &'a str,
    /// Whether the stack of that thread was too small.
    pub is_overflow: bool,
}

impl Death {
    /// Returns what it died of, to be compared with other deaths.
    pub(crate) fn mark(&self) -> Mark {
        let status = match self.exit {
            Exit::Code(code) => u16::from(code),
            Exit::Signal { signal, .. } => 1 << 8 | u16::from(signal.to_le_bytes()[0]),
        };
        let place = match (&self.note, &self.fault) {
            (Some(note), _) => {
                let at = u64::from(note.line) << 32 | u64::from(note.column);
                xxh3_64_with_seed(note.file.as_str().as_bytes(), at)
            }
            (None, Some(fault)) => fault.instruction.unwrap_or(0),
            (None, None) => 0,
        };
        Mark {
            reason: self.reason,
            status,
            place,
        }
    }

    /// Why the worker died.
    #[must_use]
    pub fn cause(&self) -> Cause<'_> {
        match (&self.reason, &self.note, self.exit) {
            (Reason::Hang, ..) => Cause::Hang {
                heart: self.heart.as_ref().map(hearts::Name::as_str),
            },
            (Reason::Oom, ..) => Cause::Oom,
            (_, Some(note), _) => Cause::Panic {
                message: note.text.as_str(),
                file: note.file.as_str(),
                line: note.line,
                column: note.column,
                thread: note.thread.as_str(),
            },
            (_, None, Exit::Code(code)) => Cause::Exit { code },
            (_, None, Exit::Signal { signal, core }) => Cause::Signal {
                signal,
                core,
                fault: self.fault.as_ref().map(|fault| Fault {
                    address: fault.address,
                    thread: fault.thread.as_str(),
                    is_overflow: fault.is_overflow,
                }),
            },
        }
    }

    /// Where the worker was: for a panic the calls that led to it, at most 32 of them, the nearest first; for a fault the one
    /// instruction. Empty if that is not known.
    ///
    /// They are addresses in the program's file, so that `addr2line -e program 0x1234` tells the line. What lies outside of it, in
    /// shared libraries, is left out.
    #[must_use]
    pub fn backtrace(&self) -> &[u64] {
        match (self.cause(), &self.note, &self.fault) {
            (Cause::Panic { .. }, Some(note), _) => note.backtrace(),
            (Cause::Signal { .. }, _, Some(fault)) => fault.instruction.as_slice(),
            _ => &[],
        }
    }

    /// The process id that the worker had.
    #[must_use]
    pub fn worker(&self) -> i32 {
        self.worker
    }

    /// Which worker it was; the first is 1.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// How long it lived.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.uptime
    }

    /// The peak of its resident memory, in KiB.
    #[must_use]
    pub fn max_rss_kib(&self) -> u64 {
        self.max_rss_kib
    }

    /// How many checkpoints all workers had committed by then.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

impl fmt::Display for Death {
    /// Says it in one sentence, as in `worker 1 was killed by SIGSEGV after 0.012s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} ", self.incarnation)?;
        match self.cause() {
            Cause::Exit { code } => write!(f, "exited with code {code}")?,
            Cause::Signal {
                fault: Some(fault),
                signal,
                ..
            } => write_fault(f, signal, &fault)?,
            Cause::Signal { signal, .. } => write!(f, "was killed by {}", signal::Name(signal))?,
            Cause::Panic {
                message,
                file,
                line,
                column,
                ..
            } => {
                write!(f, "panicked at {file}:{line}:{column}: {message}")?;
            }
            Cause::Hang { heart: Some(heart) } => {
                write!(f, "was killed because its `{heart}` gave no sign of life")?;
            }
            Cause::Hang { heart: None } => {
                f.write_str("was killed because it gave no sign of life")?;
            }
            Cause::Oom => f.write_str("was killed for want of memory")?,
        }
        write!(f, " after {:.3}s", self.uptime.as_secs_f64())
    }
}

/// What is said of a worker that could still say what the fault was.
fn write_fault(f: &mut fmt::Formatter<'_>, signal: i32, fault: &Fault<'_>) -> fmt::Result {
    let in_thread = |f: &mut fmt::Formatter<'_>| match fault.thread {
        "" => f.write_str("a thread without a name"),
        name => write!(f, "thread `{name}`"),
    };
    if fault.is_overflow {
        f.write_str("overflowed the stack of ")?;
        return in_thread(f);
    }
    write!(f, "was killed by {}", signal::Name(signal))?;
    if let Some(address) = fault.address {
        write!(f, " at {address:#x}")?;
    }
    f.write_str(" in ")?;
    in_thread(f)
}

#[cfg(test)]
#[path = "death_tests.rs"]
mod tests;
