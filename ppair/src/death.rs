//! Why a worker died: the facts that the watch dog found, for its log and for the next worker.

use core::fmt;
use core::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::event::{Escaped, Quoted};
use crate::exit::{Exit, PANICKED, Reason};
use crate::state::black_box::{BlackBox, FaultNote, PanicNote};
use crate::state::hearts;
use crate::sys::signal::{self, SIGABRT, SIGSYS};

/// The death of a worker, as the watch dog saw it.
///
/// The next worker gets it from [`Worker::last_death`](crate::Worker::last_death).
///
/// ```no_run
/// #[ppair::main]
/// fn main(worker: ppair::Worker) {
///     if let Some(death) = worker.last_death() {
///         // worker 1 panicked at src/main.rs:14:9 in thread "main", 2.338 s after its start: "job 6 is poison"
///         eprintln!("{death}");
///     }
/// }
/// ```
///
/// # System calls of a dying worker
///
/// A program may put itself behind a filter of system calls (seccomp). ppair's panic hook and
/// signal handlers leave their notes in shared memory, and make no system call before the program
/// has said what it says without a pair. These are all of their calls:
///
/// | | before the program's own hook or handler | after it |
/// |---|---|---|
/// | a panic | none | `exit_group`, with [`ThreadPanic::Crash`](crate::ThreadPanic::Crash) in another thread than the main one |
/// | a fault that comes again | none | `rt_sigreturn`; `prctl` in another thread than the main one, for its name |
/// | a signal that does not (`abort`, `raise`, a trap) | none | the same; and `rt_sigaction`, `getpid`, `gettid`, `rt_tgsigqueueinfo`, `tgkill` |
/// | a stack overflow | `rt_sigaction`; `prctl` in another thread than the main one | |
///
/// With [`guard`](crate::Config::guard), a note is a few `pwrite64` more, as a commit is.
/// `clock_gettime`, after it, is a system call only on machines whose clock the vDSO cannot read.
/// If the filter kills the worker for such a call, the death is still that of the panic or fault.
/// With `PPAIR=off` there is none of this.
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

/// Whether a panic brought about this end: a panic that somebody caught kills nobody. The code of a
/// panic is rarely anything else; an abort is, so there the panic must have come just before, or
/// its hooks have not even returned. `aborted` is when, as far as that is known: a core that is
/// written afterwards takes its time.
pub(crate) fn is_cause(note: &PanicNote, worker: i32, exit: Exit, aborted: Duration) -> bool {
    note.pid == worker
        && match exit {
            Exit::Code(code) => code == PANICKED,
            Exit::Signal { signal, .. } => {
                let is_open = note.at == Duration::ZERO;
                let is_new = || aborted.saturating_sub(note.at) < ABORT_AFTER_PANIC;
                signal == SIGABRT && (is_open || is_new())
            }
        }
}

/// Whether a worker that ended so left this note of its end: a fault that somebody mended kills
/// nobody. The standard library ends a stack overflow by an abort. A filter of system calls may
/// have killed the worker while its handler was at this fault.
pub(crate) fn is_of_end(fault: &FaultNote, worker: i32, exit: Exit) -> bool {
    fault.pid == worker
        && match exit {
            Exit::Code(_) => false,
            Exit::Signal { signal, .. } => {
                signal == fault.signal
                    || fault.is_overflow && signal == SIGABRT
                    || fault.is_end && signal == SIGSYS
            }
        }
}

/// Facts about a worker's end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastWords {
    /// How it ended. If it left a note of a fault and then died of a system call in its handler,
    /// this is what it would have died of.
    pub(crate) exit: Exit,
    pub(crate) panic: Option<PanicNote>,
    pub(crate) fault: Option<FaultNote>,
}

/// What a dead worker has left in the black box, as far as it is about its end.
pub(crate) fn last_words(
    black_box: BlackBox<'_>,
    worker: i32,
    exit: Exit,
    now: Duration,
) -> LastWords {
    let fault = black_box.fault_note();
    let fault = fault.filter(|fault| is_of_end(fault, worker, exit));
    let exit = match (exit, fault) {
        (Exit::Signal { signal, core }, Some(fault)) if signal == SIGSYS => Exit::Signal {
            signal: fault.signal,
            core,
        },
        _ => exit,
    };
    let told = fault.map(|fault| fault.at).filter(|at| !at.is_zero());
    let aborted = told.unwrap_or(now);
    let panic = black_box.panic_note();
    let panic = panic.filter(|note| is_cause(note, worker, exit, aborted));
    LastWords { exit, panic, fault }
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

    /// Returns true if it is a panic of the standard library's `print!` or `eprint!` about a pipe
    /// that nothing reads any more. Each later worker has the same pipe.
    pub(crate) fn lost_its_reader(&self) -> bool {
        let Cause::Panic { message, .. } = self.cause() else {
            return false;
        };
        message.starts_with("failed printing to std") && message.contains("Broken pipe")
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
    /// Writes one sentence, as in `worker 1 was killed by SIGSEGV at address 0x8 in thread "main",
    /// 0.012 s after its start`. What the worker has said itself stands in quotes, with control
    /// characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = |f: &mut fmt::Formatter<'_>| {
            write!(f, ", {:.3} s after its start", self.uptime.as_secs_f64())
        };
        write!(f, "worker {} ", self.incarnation)?;
        match self.cause() {
            Cause::Exit { code } => {
                write!(f, "exited with code {code}")?;
                after(f)
            }
            Cause::Signal { signal, fault, .. } => {
                write_signal(f, signal, fault.as_ref())?;
                after(f)
            }
            Cause::Panic {
                message,
                file,
                line,
                column,
                thread,
            } => {
                f.write_str("panicked")?;
                if !file.is_empty() {
                    write!(f, " at {}:{line}:{column}", Escaped(file))?;
                }
                write!(f, " in {}", InThread(thread))?;
                after(f)?;
                write!(f, ": {}", Quoted(message))
            }
            Cause::Hang { heart } => {
                f.write_str("hung and was killed")?;
                after(f)?;
                match heart {
                    Some(heart) => {
                        let heart = Quoted(heart);
                        write!(
                            f,
                            ": its heart {heart} sent no heartbeat for `hang_timeout`"
                        )
                    }
                    None => write!(f, ": {NEVER_BEAT}"),
                }
            }
            Cause::Oom => {
                f.write_str("was killed by the out-of-memory killer")?;
                after(f)
            }
        }
    }
}

/// Hint for a worker that had to send heartbeats and never did.
pub(crate) const NEVER_BEAT: &str = "it never sent a heartbeat; call `ppair::alive()`, or beat a `ppair::heart`, at least once in each \
     `hang_timeout`";

/// A thread by its name.
struct InThread<'a>(&'a str);

impl fmt::Display for InThread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => f.write_str("an unnamed thread"),
            name => write!(f, "thread {}", Quoted(name)),
        }
    }
}

fn write_signal(f: &mut fmt::Formatter<'_>, signal: i32, fault: Option<&Fault<'_>>) -> fmt::Result {
    let signal = signal::Name(signal);
    let Some(fault) = fault else {
        return write!(f, "was killed by {signal}");
    };
    let thread = InThread(fault.thread);
    if fault.is_overflow {
        return write!(f, "overflowed the stack of {thread}");
    }
    write!(f, "was killed by {signal}")?;
    if let Some(address) = fault.address {
        write!(f, " at address {address:#x}")?;
    }
    write!(f, " in {thread}")
}

#[cfg(test)]
#[path = "death_tests.rs"]
mod tests;
