//! The beginning of a pair that has a store: the watch dog locks it, forks the keeper, and waits for what is stored.

use core::time::Duration;
use std::time::Instant;

use super::{Keeping, carry};
use crate::config::Options;
use crate::event::Event as Say;
use crate::exit;
use crate::log::say;
use crate::state::segment::{RegionSpec, Segment};
use crate::state::stored::Stored;
use crate::store::StoreError;
use crate::store::lock::Lock;
use crate::sys::channel::Channel;
use crate::sys::fork::{Side, fork};
use crate::sys::process::Alone;
use crate::sys::{children, random, signal, wait};

/// How long a lock is waited for whose pair is gone: its keeper stores what that has committed last.
const WAIT_FOR_LAST_KEEPER: Duration = Duration::from_secs(10);

/// Why no pair may begin.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) reason: String,
    pub(crate) code: u8,
}

impl Keeping {
    /// The segment is made: the first keeper may begin.
    pub(crate) fn hand_over(&self, segment: &Segment) {
        if self.pid() == 0 {
            return;
        }
        if let Err(errno) = self.channel.hand_over(segment.file()) {
            say(&Say::Failed {
                call: "sendmsg",
                errno: errno as i32,
            });
            // It waits for what never comes. The next one is forked with the segment.
            let _ = signal::kill(self.pid(), signal::SIGKILL);
        }
    }
}

fn refusal(name: &str, error: &StoreError) -> Refusal {
    let (code, hint) = match error {
        StoreError::Held { .. } => (
            exit::HELD,
            "; stop that one first, or give this one another store",
        ),
        StoreError::Unusable { .. } => (exit::CONFIG, ""),
        StoreError::Failed { .. } => (
            exit::SYSTEM,
            "; without what is stored there, nothing is started (to begin without it: PPAIR_STORE=memory)",
        ),
    };
    Refusal {
        reason: format!("the store {name} cannot be used: {error}{hint}"),
        code,
    }
}

/// Locks the store, forks the keeper and takes what it has loaded.
pub(crate) fn begin(
    options: &Options,
    alone: &Alone,
    specs: &[RegionSpec],
) -> Result<(&'static Keeping, Vec<Stored>), Refusal> {
    let choice = options.store;
    let name = choice.shown();
    let refuse = |error: StoreError| refusal(&name, &error);
    let lock = match choice.place().and_then(|place| place.path()) {
        Some(path) => Some(take_lock(&path).map_err(refuse)?),
        None => None,
    };
    let channel = Channel::new()
        .map_err(|errno| StoreError::failed(format_args!("socketpair: {}", errno.desc())))
        .map_err(refuse)?;
    // As long as the process, and as each one that is forked from it.
    let keeping: &'static Keeping = Box::leak(Box::new(Keeping::new(
        options,
        channel,
        lock,
        random::word(),
    )));
    let loaded = match fork(alone) {
        Ok(Side::Child) => carry::first(keeping, specs),
        Ok(Side::Parent(pid)) => {
            keeping.set_pid(pid);
            let mut is_gone = || {
                let is_gone = !matches!(wait::reap(pid), Ok(None));
                if is_gone {
                    keeping.set_pid(0);
                }
                is_gone
            };
            keeping
                .channel
                .wait_for_report(&mut is_gone)
                .map_err(|_| {
                    StoreError::failed("the process that reads it died; what it said last is above")
                })
                .and_then(|report| decode(&report))
                .map(|(name, loaded)| {
                    keeping.set_name(name);
                    loaded
                })
        }
        // Where no process can be forked, this one reads what is stored: it is about to serve as the worker.
        Err(_) => keeping.open_store(true).load(),
    };
    // If the keeper is still there after an error, it ends as soon as this process does.
    Ok((keeping, loaded.map_err(refuse)?))
}

/// Takes the lock of a store. If only the keeper of a pair that is gone has it, that is waited for.
fn take_lock(path: &std::path::Path) -> Result<Lock, StoreError> {
    let begin = Instant::now();
    loop {
        match Lock::take(path) {
            Err(StoreError::Held { holder })
                if begin.elapsed() < WAIT_FOR_LAST_KEEPER
                    && pid_of(&holder).is_some_and(children::is_gone) =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

/// The process that [`Lock`] says has it.
fn pid_of(holder: &str) -> Option<i32> {
    let (pid, _) = holder.strip_prefix("process ")?.split_once(' ')?;
    pid.parse().ok().filter(|pid| *pid > 0)
}

const LOADED: u8 = 0;
const HELD: u8 = 1;
const UNUSABLE: u8 = 2;
const FAILED: u8 = 3;

/// What the keeper reports.
pub(super) fn encode(name: &str, loaded: &Result<Vec<Stored>, StoreError>) -> Vec<u8> {
    let (kind, text) = match loaded {
        Ok(loaded) => {
            let mut report = vec![LOADED];
            let mut put = |bytes: &[u8]| {
                report.extend((bytes.len() as u64).to_le_bytes());
                report.extend(bytes);
            };
            put(name.as_bytes());
            for stored in loaded {
                put(&stored.to_bytes());
            }
            return report;
        }
        Err(StoreError::Held { holder }) => (HELD, holder),
        Err(StoreError::Unusable { reason }) => (UNUSABLE, reason),
        Err(StoreError::Failed { reason }) => (FAILED, reason),
    };
    let mut report = vec![kind];
    report.extend(text.as_bytes());
    report
}

/// The store's name, and what was loaded.
fn decode(report: &[u8]) -> Result<(String, Vec<Stored>), StoreError> {
    let garbled = || StoreError::failed("the process that reads it said what nobody understands");
    let (kind, mut rest) = report.split_first().ok_or_else(garbled)?;
    let text = || String::from_utf8_lossy(rest);
    match *kind {
        HELD => return Err(StoreError::held(text())),
        UNUSABLE => return Err(StoreError::unusable(text())),
        FAILED => return Err(StoreError::failed(text())),
        LOADED => {}
        _ => return Err(garbled()),
    }
    let mut next = || {
        let (length, behind) = rest.split_first_chunk().ok_or_else(garbled)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| garbled())?;
        let (bytes, left) = behind.split_at_checked(length).ok_or_else(garbled)?;
        rest = left;
        Ok((bytes, left.is_empty()))
    };
    let (name, mut is_last) = next()?;
    let name = String::from_utf8_lossy(name).into_owned();
    let mut loaded = Vec::new();
    while !is_last {
        let (bytes, was_last) = next()?;
        is_last = was_last;
        loaded.push(Stored::from_bytes(bytes).map_err(|_| garbled())?);
    }
    Ok((name, loaded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_was_loaded_or_what_is_wrong() {
        for loaded in [
            Ok(Vec::new()),
            Ok(vec![Stored::of(&7_u64, 3), Stored::of(&[1_u8; 5], 9)]),
            Err(StoreError::held("process 4711")),
            Err(StoreError::unusable("foreign")),
            Err(StoreError::failed("full")),
        ] {
            let report = decode(&encode("a name", &loaded));
            assert_eq!(report, loaded.map(|loaded| ("a name".to_owned(), loaded)));
        }
    }

    #[test]
    fn anything_else_is_no_report() {
        let whole = encode("name", &Ok(vec![Stored::of(&7_u64, 3)]));
        for report in [
            &[][..],
            &[9],
            &whole[..whole.len() - 1],
            &whole[..5],
            &whole[..20],
        ] {
            assert!(decode(report).is_err(), "{report:?}");
        }
        let mut longer = whole;
        longer.push(0);
        assert!(decode(&longer).is_err());
    }
}
