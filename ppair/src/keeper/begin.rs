//! The beginning of a pair that has a store: the watch dog locks it, forks the keeper, and waits for what is stored.

use core::time::Duration;
use std::time::Instant;

use super::reporter::SLOW;
use super::{Keeping, carry};
use crate::config::Options;
use crate::event::Event as Say;
use crate::exit::{self, Exit};
use crate::log::say;
use crate::state::segment::{RegionSpec, Segment};
use crate::state::stored::Stored;
use crate::store::StoreError;
use crate::store::holder::{LEFT, Naming};
use crate::store::lock::Lock;
use crate::sys::channel::Channel;
use crate::sys::fork::{Side, fork};
use crate::sys::process::Alone;
use crate::sys::wait::Reaped;
use crate::sys::{children, lasting, process, random, signal, wait};
use crate::watchdog::manager;

/// How long a store is waited for whose pair is gone: its keeper stores what that has committed last, or a server has not noticed yet.
const WAIT_FOR_LAST_KEEPER: Duration = Duration::from_secs(10);
/// How long it is waited for in any case: a process that was just killed is there for a moment longer.
const WAIT_FOR_DEATH: Duration = Duration::from_millis(200);

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
        let file = segment.file().get();
        if let Err(errno) = file.and_then(|file| self.channel.hand_over(file)) {
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
    is_alone: bool,
) -> Result<(&'static Keeping, Vec<Stored>), Refusal> {
    let choice = options.store;
    let name = choice.shown();
    let refuse = |error: StoreError| refusal(&name, &error);
    let lock = match choice.place().and_then(|place| place.path()) {
        Some(path) => {
            let (watchdog, mut naming) = (process::pid(), Naming::default());
            let taken = when_free(|| Lock::take(&path, watchdog, &mut naming));
            Some(taken.map_err(refuse)?)
        }
        None => None,
    };
    let channel = Channel::new()
        .map_err(|errno| StoreError::failed(format_args!("socketpair: {}", errno.desc())))
        .map_err(refuse)?;
    // As long as the process, and as each one that is forked from it.
    let keeping: &'static Keeping = lasting::leak(Box::new(Keeping::new(
        options,
        channel,
        lock,
        random::word(),
        is_alone,
    )));
    let loaded = match fork(alone) {
        Ok(Side::Child) => {
            manager::hide(alone);
            carry::first(keeping, specs)
        }
        Ok(Side::Parent(pid)) => {
            keeping.set_pid(pid);
            let mut end = None;
            let (begin, mut is_said) = (Instant::now(), false);
            let mut is_gone = || {
                if !is_said && begin.elapsed() >= SLOW {
                    is_said = true;
                    let reason = format!(
                        "the store {name} has not been read for {} s; the pair begins as soon as it is",
                        SLOW.as_secs()
                    );
                    say(&Say::Warning { reason: &reason });
                }
                let reaped = wait::reap(pid);
                let is_gone = !matches!(reaped, Ok(None));
                if is_gone {
                    keeping.set_pid(0);
                    end = reaped.ok().flatten();
                }
                is_gone
            };
            let report = keeping.channel.wait_for_report(&mut is_gone);
            report
                .map_err(|_| died(end))
                .and_then(|report| decode(&report))
                .map(|(name, loaded)| {
                    keeping.set_name(name);
                    loaded
                })
        }
        // Where no process can be forked, this one reads what is stored: it is about to serve as the worker.
        Err(_) => when_free(|| keeping.open_store(true).load()),
    };
    // If the keeper is still there after an error, it ends as soon as this process does.
    Ok((keeping, loaded.map_err(refuse)?))
}

/// Why there is no report.
fn died(end: Option<Reaped>) -> StoreError {
    let how = match end.map(|end| Exit::from_status(end.status)) {
        Some(Exit::Signal { signal, .. }) => format!("was killed by {}", signal::Name(signal)),
        Some(Exit::Code(code)) => format!("exited with {code}; what it said of it is above"),
        None => "is gone".to_owned(),
    };
    StoreError::failed(format_args!("the process that reads it {how}"))
}

/// Takes a store, or its lock. If only what is left of a pair that is gone has it, that is waited for.
pub(super) fn when_free<T>(
    mut take: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let begin = Instant::now();
    loop {
        let taken = take();
        let Err(StoreError::Held { holder }) = &taken else {
            return taken;
        };
        let patience = if has_died(holder) {
            WAIT_FOR_LAST_KEEPER
        } else {
            WAIT_FOR_DEATH
        };
        if begin.elapsed() >= patience {
            return taken;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the watch dog is gone that is named so: `process 4711 (program)`, or `process 4711 on
/// host name` if that is this machine; or its keeper is named.
fn has_died(holder: &str) -> bool {
    if holder.contains(LEFT) {
        return true;
    }
    let said = holder
        .strip_prefix("process ")
        .and_then(|rest| rest.split_once(' '));
    let Some((pid, rest)) = said else {
        return false;
    };
    let is_here = match rest.strip_prefix("on host ") {
        Some(host) => host.split(' ').next() == Some(process::host_name().as_str()),
        None => true,
    };
    is_here && pid.parse().is_ok_and(children::is_gone)
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
    fn only_a_holder_of_this_machine_is_known_to_have_died() {
        let (own, here) = (process::pid(), process::host_name());
        // Ids end far below that (proc_sys_kernel(5), `pid_max`).
        let gone = i32::MAX;
        for (holder, died) in [
            (format!("process {own} (service)"), false),
            (format!("process {gone} (service)"), true),
            (format!("process {own} on host {here} (backend 12)"), false),
            (format!("process {gone} on host {here} (backend 12)"), true),
            (format!("process {gone} on host {here}"), true),
            (
                format!("process {gone} on host another-one (backend 12)"),
                false,
            ),
            ("a process that has not said its name".to_owned(), false),
            (
                format!("process {own}, the keeper of {LEFT} (service)"),
                true,
            ),
            (String::new(), false),
        ] {
            assert_eq!(has_died(&holder), died, "{holder}");
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
