//! What the pair says: one line of logfmt an event, in a buffer of fixed size. Pure; the caller writes the line.

use core::fmt::{self, Write};
use core::time::Duration;

use crate::death::{Cause, Death, Fault, NEVER_BEAT};
use crate::exit::PANICKED;
use crate::give_up::GiveUp;
use crate::state::descriptor::Descriptor;
use crate::state::fit::Rejection;
use crate::state::layout::Layout;
use crate::state::recovery::Origin;
use crate::state::restored::Restored;
use crate::state::stored::Stored;
use crate::sys::{errno_name, signal};

/// What happens after a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// The next worker is forked after this delay.
    Restart(Duration),
    /// The program ends.
    Stop,
    /// The program ends with exit status 70: a limit of restarts or deaths is reached.
    GiveUp,
    /// `fork` fails, so the watch dog serves as the worker. The line of the log is written before
    /// the fork, so there it is `next=restart`, followed by `event=degraded`.
    Degrade,
}

/// What the pair has to say: for each, there is one line in its log. A program gets them from
/// [`Pair::on_event`](crate::Pair::on_event).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A worker runs (`event=started`).
    Started {
        /// The process id of the watch dog.
        watchdog: i32,
        /// The process id of the worker.
        worker: i32,
        /// The number of the worker, 1 for the first.
        incarnation: u32,
        /// The generation that is committed: commits of all hard states.
        generation: u64,
    },
    /// A worker died (`event=died`). One that returned from `main` with code 0 and is not restarted did not.
    Died {
        /// Which worker, and of what.
        death: &'a Death,
        /// Restarts in a row without progress.
        restarts: u32,
        /// What happens now.
        next: Next,
    },
    /// `fork` failed, so the watch dog serves as the worker (`event=degraded`).
    Degraded {
        /// The process id of the watch dog.
        watchdog: i32,
        /// Why `fork` failed: the number of the error, as `std::io::Error::from_raw_os_error` takes it.
        errno: i32,
        /// The number of the worker that it is.
        incarnation: u32,
        /// The generation that is committed.
        generation: u64,
    },
    /// A worker gave no sign of life for `hang_timeout` (`event=hung`). It gets a SIGABRT. Of a
    /// worker that has never given any, there was an [`Event::Warning`] before.
    Hung {
        /// The process id of the worker.
        worker: i32,
        /// The number of the worker.
        incarnation: u32,
        /// The heart that was silent; `None` if the worker has given no sign of life at all.
        heart: Option<&'a str>,
        /// For how long.
        silent: Duration,
    },
    /// A worker does not end when it is asked to, and is killed (`event=killing`).
    Killing {
        /// The process id of the worker.
        worker: i32,
        /// The number of the worker.
        incarnation: u32,
        /// `stop_timeout` or `hang`.
        reason: &'static str,
    },
    /// Processes that a dead worker had started were killed (`event=orphans`).
    Orphans {
        /// The number of the worker.
        incarnation: u32,
        /// How many.
        killed: u32,
    },
    /// A degraded watch dog has a worker again (`event=repaired`).
    Repaired {
        /// How long it was degraded.
        after: Duration,
        /// How often it tried to fork, the last time included.
        attempts: u32,
        /// The process id of the watch dog.
        watchdog: i32,
        /// The process id of the worker.
        worker: i32,
        /// The number of the worker.
        incarnation: u32,
        /// The generation that is committed.
        generation: u64,
    },
    /// A worker starts from an older checkpoint than the last one (`event=rolled_back`).
    RolledBack {
        /// What it starts from instead, and why.
        origin: &'a Origin,
    },
    /// A stored checkpoint was set aside: its layout, or a value in it, is not that of the program (`event=state_rejected`).
    StateRejected {
        /// The checkpoint.
        stored: &'a Stored,
        /// Why.
        rejection: &'a Rejection,
        /// The layout of the program's type of that name, if it has one.
        expected: Option<&'a Layout>,
    },
    /// A stored checkpoint was taken over in another layout than it was stored with (`event=state_migrated`).
    StateMigrated {
        /// The name of the hard state's type.
        state: &'a str,
        /// What was taken over.
        restored: &'a Restored,
    },
    /// The newest checkpoint could not be stored (`event=store_failed`). It is said once until it works again; the service goes on, and it is tried again.
    StoreFailed {
        /// The store, as it [calls itself](crate::Store::name).
        store: &'a str,
        /// Why.
        reason: &'a str,
        /// How often in a row.
        failures: u64,
    },
    /// The newest checkpoint is stored again (`event=store_recovered`).
    StoreRecovered {
        /// The store, as it [calls itself](crate::Store::name).
        store: &'a str,
        /// For how long it was not.
        after: Duration,
        /// How often it had failed.
        failures: u64,
    },
    /// The program ends, as a limit of restarts or deaths is reached (`event=gave_up`).
    GaveUp {
        /// Restarts in a row without progress.
        restarts: u32,
        /// The exit status of the program.
        code: u8,
        /// Which limit.
        why: GiveUp,
        /// What the user can do about it.
        hint: &'static str,
    },
    /// A stop signal arrived (`event=stopping`).
    Stopping {
        /// Its number.
        signal: i32,
    },
    /// The program ends (`event=stopped`).
    Stopped {
        /// Its exit status.
        code: u8,
    },
    /// The pair was never started: something is wrong that a restart would not mend (`event=refused`).
    Refused {
        /// What is wrong.
        reason: &'a str,
    },
    /// Something was not as it should be, and the service goes on (`event=warning`).
    Warning {
        /// What it was.
        reason: &'a str,
    },
    /// A system call failed, and the service goes on (`event=warning`).
    Failed {
        /// The name of the call.
        call: &'static str,
        /// Why: the number of the error, as `std::io::Error::from_raw_os_error` takes it.
        errno: i32,
    },
}

/// A line of at most [`LINE`] bytes. What does not fit is cut; the line's end is kept.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    bytes: [u8; LINE],
    length: usize,
}

/// Below `PIPE_BUF`, so that lines of several writers never mix in a pipe.
const LINE: usize = 2048;

impl Line {
    /// The line of `event`, with its line feed; and for journald with its level in front (sd-daemon(3)).
    pub(crate) fn of(event: &Event<'_>, with_level: bool) -> Self {
        let mut line = Self {
            bytes: [0; LINE],
            length: 0,
        };
        // The buffer takes everything: what does not fit is cut, not refused.
        if with_level {
            let _ = write!(line, "<{}>", level(event));
        }
        let _ = write_event(&mut line, event);
        line.bytes[line.length] = b'\n';
        line.length += 1;
        line
    }

    /// Bytes that still fit; one is kept for the line feed.
    fn room(&self) -> usize {
        LINE - 1 - self.length
    }

    /// The bytes to write.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.room();
        let end = (0..=room.min(text.len()))
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0);
        self.bytes[self.length..self.length + end].copy_from_slice(&text.as_bytes()[..end]);
        self.length += end;
        Ok(())
    }
}

/// How grave it is, as syslog(3) counts: 2 critical, 3 error, 4 warning, 5 notice, 6 informational.
const fn level(event: &Event<'_>) -> u8 {
    match event {
        Event::GaveUp { .. } => 2,
        Event::Died { .. }
        | Event::Hung { .. }
        | Event::Degraded { .. }
        | Event::StoreFailed { .. }
        | Event::Refused { .. } => 3,
        Event::Killing { .. }
        | Event::Orphans { .. }
        | Event::RolledBack { .. }
        | Event::StateRejected { .. }
        | Event::Warning { .. }
        | Event::Failed { .. } => 4,
        Event::Repaired { .. }
        | Event::StateMigrated { .. }
        | Event::StoreRecovered { .. }
        | Event::Stopping { .. } => 5,
        Event::Started { .. } | Event::Stopped { .. } => 6,
    }
}

fn write_event(line: &mut Line, event: &Event<'_>) -> fmt::Result {
    line.write_str("ppair event=")?;
    match *event {
        Event::Started {
            watchdog,
            worker,
            incarnation,
            generation,
        } => write!(
            line,
            "started watchdog={watchdog} worker={worker} incarnation={incarnation} generation={generation}"
        ),
        Event::Died {
            death,
            restarts,
            next,
        } => write_death(line, death, restarts, next),
        Event::Degraded {
            watchdog,
            errno,
            incarnation,
            generation,
        } => write!(
            line,
            "degraded errno={} watchdog={watchdog} incarnation={incarnation} generation={generation}",
            errno_name(errno)
        ),
        Event::Repaired {
            after,
            attempts,
            watchdog,
            worker,
            incarnation,
            generation,
        } => write!(
            line,
            "repaired after={} attempts={attempts} watchdog={watchdog} worker={worker} \
             incarnation={incarnation} generation={generation}",
            Seconds(after)
        ),
        Event::Hung {
            worker,
            incarnation,
            heart,
            silent,
        } => write_hang(line, worker, incarnation, heart, silent),
        Event::Killing {
            worker,
            incarnation,
            reason,
        } => write!(
            line,
            "killing worker={worker} incarnation={incarnation} reason={reason}"
        ),
        Event::Orphans {
            incarnation,
            killed,
        } => write!(line, "orphans incarnation={incarnation} killed={killed}"),
        Event::RolledBack { origin } => write!(
            line,
            "rolled_back state={} from={} to={} reason={}",
            Quoted(origin.name()),
            origin.committed(),
            origin.generation(),
            if origin.is_poisoned() {
                "poisoned"
            } else {
                "damaged"
            }
        ),
        Event::StateRejected {
            stored,
            rejection,
            expected,
        } => write_rejection(line, stored, rejection, expected),
        Event::StateMigrated { state, restored } => write!(
            line,
            "state_migrated state={} generation={} migrations={} added={} dropped={} renamed={}",
            Quoted(state),
            restored.stored().generation(),
            restored.migrations(),
            Quoted(&restored.added().join(", ")),
            Quoted(&restored.dropped().join(", ")),
            Quoted(&restored.renamed().join(", "))
        ),
        Event::GaveUp { .. } | Event::Stopping { .. } | Event::Stopped { .. } => {
            write_end(line, event)
        }
        Event::StoreFailed { .. } | Event::StoreRecovered { .. } => write_store(line, event),
        Event::Refused { reason } => write!(line, "refused reason={}", Quoted(reason)),
        Event::Warning { reason } => write!(line, "warning reason={}", Quoted(reason)),
        Event::Failed { call, errno } => {
            write!(line, "warning call={call} errno={}", errno_name(errno))
        }
    }
}

fn write_hang(
    line: &mut Line,
    worker: i32,
    incarnation: u32,
    heart: Option<&str>,
    silent: Duration,
) -> fmt::Result {
    write!(line, "hung worker={worker} incarnation={incarnation}")?;
    if let Some(heart) = heart {
        write!(line, " heart={}", Quoted(heart))?;
    }
    write!(line, " silent={}", Seconds(silent))?;
    if heart.is_none() {
        write!(line, " hint={}", Quoted(NEVER_BEAT))?;
    }
    Ok(())
}

fn write_rejection(
    line: &mut Line,
    stored: &Stored,
    rejection: &Rejection,
    expected: Option<&Layout>,
) -> fmt::Result {
    let expected = expected.map(|layout| Descriptor::from(layout).head());
    let expected = expected.as_deref().unwrap_or("nothing");
    let differences: Vec<String> = rejection
        .differences()
        .iter()
        .skip(1)
        .map(|difference| {
            let side = |side: Option<&str>| side.unwrap_or("-").to_owned();
            format!(
                "{}: {} -> {}",
                difference.field(),
                side(difference.was()),
                side(difference.is())
            )
        })
        .collect();
    write!(
        line,
        "state_rejected state={} generation={} reason={} expected={} found={} differences={}",
        Quoted(stored.name()),
        stored.generation(),
        Quoted(&rejection.cause().to_string()),
        Quoted(expected),
        Quoted(&stored.descriptor().head()),
        Quoted(&differences.join("; "))
    )
}

/// Of the end of the pair.
fn write_end(line: &mut Line, event: &Event<'_>) -> fmt::Result {
    match *event {
        Event::GaveUp {
            restarts,
            code,
            why,
            hint,
        } => write!(
            line,
            "gave_up restarts={restarts} code={code} reason=\"{why}\" hint={}",
            Quoted(hint)
        ),
        Event::Stopping { signal } => write!(line, "stopping signal={}", signal::Name(signal)),
        Event::Stopped { code } => write!(line, "stopped code={code}"),
        _ => Ok(()),
    }
}

/// Of the store.
fn write_store(line: &mut Line, event: &Event<'_>) -> fmt::Result {
    match *event {
        Event::StoreFailed {
            store,
            reason,
            failures,
        } => write!(
            line,
            "store_failed store={} failures={failures} reason={}",
            Quoted(store),
            Quoted(reason)
        ),
        Event::StoreRecovered {
            store,
            after,
            failures,
        } => write!(
            line,
            "store_recovered store={} after={} failures={failures}",
            Quoted(store),
            Seconds(after)
        ),
        _ => Ok(()),
    }
}

fn write_death(line: &mut Line, death: &Death, restarts: u32, next: Next) -> fmt::Result {
    write!(
        line,
        "died worker={} incarnation={}",
        death.worker, death.incarnation
    )?;
    let status = |line: &mut Line| match death.exit {
        crate::exit::Exit::Code(code) => write!(line, " code={code}"),
        crate::exit::Exit::Signal { signal, core } => {
            write!(
                line,
                " signal={} core={}",
                signal::Name(signal),
                if core { "yes" } else { "no" }
            )
        }
    };
    match death.cause() {
        Cause::Exit { .. } => {
            line.write_str(" cause=exit")?;
            status(line)?;
        }
        Cause::Signal { fault, .. } => {
            line.write_str(" cause=signal")?;
            status(line)?;
            if let Some(fault) = fault {
                write_fault(line, &fault)?;
            }
        }
        Cause::Panic {
            message,
            file,
            line: at,
            column,
            thread,
        } => {
            line.write_str(" cause=panic")?;
            status(line)?;
            write!(line, " panic={} at=", Quoted(message))?;
            write!(
                line,
                "\"{}:{at}:{column}\" thread={}",
                Escaped(file),
                Quoted(named(thread))
            )?;
        }
        Cause::Hang { heart } => {
            line.write_str(" cause=hang")?;
            status(line)?;
            if let Some(heart) = heart {
                write!(line, " heart={}", Quoted(heart))?;
            }
        }
        Cause::Oom => {
            line.write_str(" cause=oom")?;
            status(line)?;
        }
    }
    write!(
        line,
        " uptime={} maxrss={}KiB generation={} restarts={restarts}",
        Seconds(death.uptime),
        death.max_rss_kib,
        death.generation
    )?;
    match next {
        Next::Restart(delay) => write!(line, " next=restart delay={}", Seconds(delay)),
        Next::Stop => line.write_str(" next=stop"),
        Next::GiveUp => line.write_str(" next=give_up"),
        Next::Degrade => line.write_str(" next=degrade"),
    }?;
    match death.cause() {
        Cause::Exit { code } if code == PANICKED => {
            write!(line, " hint={}", Quoted(HINT_OF_PANIC))?;
        }
        Cause::Hang { heart: None } => write!(line, " hint={}", Quoted(NEVER_BEAT))?,
        _ => {}
    }
    write_backtrace(line, death.backtrace())
}

/// Returns the name of a thread, or what the standard library calls one that has none.
fn named(thread: &str) -> &str {
    if thread.is_empty() {
        "<unnamed>"
    } else {
        thread
    }
}

/// Hint for an exit with the code of a panic, of which no hook has left a note.
const HINT_OF_PANIC: &str = "101 is the exit code of a panic, and ppair's panic hook has not seen one; a panic hook that `main` sets must call \
     the one that `take_hook` has returned, or be set in `setup`";

fn write_fault(line: &mut Line, fault: &Fault<'_>) -> fmt::Result {
    if let Some(address) = fault.address {
        write!(line, " address={address:#x}")?;
    }
    write!(line, " thread={}", Quoted(named(fault.thread)))?;
    if fault.is_overflow {
        line.write_str(" fault=stack_overflow")?;
    }
    Ok(())
}

/// As many addresses as there is room for. They are the last that a line says, so that nothing else is cut because of them.
fn write_backtrace(line: &mut Line, backtrace: &[u64]) -> fmt::Result {
    const KEY: &str = " backtrace=\"";
    /// An address, the blank before it, and the quote at the end.
    const LONGEST: usize = " 0x0123456789abcdef\"".len();
    if backtrace.is_empty() || line.room() < KEY.len() + LONGEST {
        return Ok(());
    }
    line.write_str(KEY)?;
    for (number, address) in backtrace.iter().enumerate() {
        if line.room() < LONGEST {
            break;
        }
        let blank = if number == 0 { "" } else { " " };
        write!(line, "{blank}{address:#x}")?;
    }
    line.write_str("\"")
}

/// A duration in seconds with three decimals.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0.as_secs(), self.0.subsec_millis())
    }
}

/// A value in quotes, with what would end it or its line escaped.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", Escaped(self.0))
    }
}

/// A text with what would end its quotes or its line escaped.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                control if control.is_control() => write!(f, "\\u{{{:x}}}", u32::from(control))?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
