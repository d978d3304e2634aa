//! Why a worker died: the facts that the watch dog found, for its log and for the next worker.

use core::fmt;
use core::time::Duration;

use crate::exit::{Exit, PANICKED};
use crate::state::black_box::PanicNote;
use crate::sys::signal::{self, SIGABRT};

/// The death of a worker, as the watch dog saw it.
///
/// The next worker gets it from [`Worker::last_death`](crate::Worker::last_death).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    pub(crate) worker: i32,
    pub(crate) incarnation: u32,
    pub(crate) exit: Exit,
    /// What it left behind, if that is about its end.
    pub(crate) note: Option<PanicNote>,
    pub(crate) uptime: Duration,
    pub(crate) max_rss_kib: u64,
    pub(crate) generation: u64,
}

/// How long before an abort a panic may have been to be its cause.
const ABORT_AFTER_PANIC: Duration = Duration::from_secs(1);

/// Whether a panic brought about this end: a panic that somebody caught kills nobody. The code of a panic is rarely anything
/// else; an abort is, so there the panic must have come just before.
pub(crate) fn is_cause(note: &PanicNote, exit: Exit, ended: Duration) -> bool {
    match exit {
        Exit::Code(code) => code == PANICKED,
        Exit::Signal { signal, .. } => {
            signal == SIGABRT && ended.saturating_sub(note.at) < ABORT_AFTER_PANIC
        }
    }
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
}

impl Death {
    /// Why the worker died.
    #[must_use]
    pub fn cause(&self) -> Cause<'_> {
        match (&self.note, self.exit) {
            (Some(note), _) => Cause::Panic {
                message: note.text.as_str(),
                file: note.file.as_str(),
                line: note.line,
                column: note.column,
                thread: note.thread.as_str(),
            },
            (None, Exit::Code(code)) => Cause::Exit { code },
            (None, Exit::Signal { signal, core }) => Cause::Signal { signal, core },
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
        }
        write!(f, " after {:.3}s", self.uptime.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use crate::sys::atomic::AtomicU64;

    use super::*;
    use crate::state::black_box::{BlackBox, WORDS};
    use crate::state::words::Words;

    /// The note of a panic `at` seconds.
    fn note(at: u64) -> PanicNote {
        let words: Vec<_> = (0..WORDS).map(|_| AtomicU64::new(0)).collect();
        let black_box = BlackBox::new(Words::open(&words)).unwrap();
        black_box
            .record_panic("a text", None, "main", Duration::from_secs(at))
            .unwrap();
        black_box.panic_note().unwrap()
    }

    #[test]
    fn a_panic_is_the_cause_of_its_exit_code_and_of_an_abort_just_after_it() {
        let (now, abort) = (
            Duration::from_secs(9),
            Exit::Signal {
                signal: SIGABRT,
                core: false,
            },
        );
        assert!(is_cause(&note(1), Exit::Code(101), now));
        assert!(is_cause(&note(9), abort, now));
        // Somebody caught it long ago.
        assert!(!is_cause(&note(1), abort, now));
        assert!(!is_cause(&note(9), Exit::Code(1), now));
        assert!(!is_cause(
            &note(9),
            Exit::Signal {
                signal: 9,
                core: false
            },
            now
        ));
    }
}
