//! Waiting until what is committed is stored. What carries it there is not known here: only where it says how far it is, and how to have it look.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::OnceLock;

use super::commit::CommitError;
use super::delivery::Report;
use super::region::Region;
use super::segment::Segment;
use super::stored::Stored;
use crate::sys::{clock, futex};

/// How long one wait takes at the most before the carrier is told once more: it may be another one by now.
const TELL_AGAIN: Duration = Duration::from_millis(500);
/// So long nothing may happen at all. A store that does not answer is called so before that.
const SILENCE: Duration = Duration::from_secs(20);
/// One more than the number of changes after which nothing has happened for so long: nobody waits so long again before something does.
static SILENT_AFTER: AtomicU64 = AtomicU64::new(0);

/// Why a commit is not known to be in the store. But for [`Commit`](Self::Commit) it is committed all the same: the next worker finds it, and it is stored as soon
/// as the store works again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncError {
    /// The pair has no store that outlives it: `store` is `memory`.
    NoStore,
    /// The store has failed.
    Failed {
        /// The generation that was to be stored.
        generation: u64,
        /// Why.
        reason: String,
    },
    /// It was not even committed.
    Commit(CommitError),
}

impl fmt::Display for SyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStore => f.write_str(
                "the pair has no store that outlives it; name one with the option `store`, such as `store = \"file:PATH\"`",
            ),
            Self::Failed { generation, reason } => write!(
                f,
                "generation {generation} is committed, and not known to be in the store: {reason}"
            ),
            Self::Commit(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SyncError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Commit(error) => Some(error),
            _ => None,
        }
    }
}

impl From<CommitError> for SyncError {
    fn from(error: CommitError) -> Self {
        Self::Commit(error)
    }
}

/// Who carries checkpoints to a store.
#[derive(Clone, Copy)]
pub(crate) struct Carrier {
    pub(crate) segment: &'static Segment,
    /// Has it look now.
    pub(crate) bell: &'static dyn Ring,
}

/// What has it look.
pub(crate) trait Ring: Sync {
    /// False if it is known that there is nobody.
    fn ring(&self) -> bool;
}

/// What a checkpoint stands on where there is no pair: it keeps the memory, and stands in for the
/// store.
pub(crate) trait Ground: Send + Sync {
    /// Stores what `newest` returns, which was committed as this generation or later.
    fn keep(&self, generation: u64, newest: &mut dyn FnMut() -> Stored) -> Result<(), SyncError>;
}

static CARRIER: OnceLock<Carrier> = OnceLock::new();

/// In a worker: commits can be stored from here on.
pub(crate) fn set_carrier(carrier: Carrier) {
    CARRIER.get_or_init(|| carrier);
}

/// Whether they can.
pub(crate) fn has_carrier() -> bool {
    CARRIER.get().is_some()
}

/// What is known of the store; `None` if there is none.
pub(crate) fn report() -> Option<(Report, Option<String>)> {
    let delivery = CARRIER.get()?.segment.delivery();
    Some((delivery.report(), delivery.reason()))
}

/// Whether the store fails. It is to look then, as somebody would wait if it did not.
pub(crate) fn is_failing() -> bool {
    CARRIER.get().is_some_and(|carrier| {
        let is_failing = carrier.segment.delivery().report().is_failing();
        is_failing && {
            let _ = carrier.bell.ring();
            true
        }
    })
}

/// Waits until this generation of the region, which is committed, is stored.
pub(crate) fn wait(region: &Region<'_>, generation: u64) -> Result<(), SyncError> {
    let Some(carrier) = CARRIER.get() else {
        return Err(SyncError::NoStore);
    };
    let delivery = carrier.segment.delivery();
    // An attempt with a higher number reads what is committed by now.
    let begun = delivery.begun();
    let failed = |reason: Option<String>| SyncError::Failed {
        generation,
        reason: reason.unwrap_or_else(|| "nobody says why".to_owned()),
    };
    let mut last_change = (delivery.changes_now(), clock::now());
    let mut rung_at = None;
    loop {
        let seen = delivery.changes_now();
        if region.stored() >= generation {
            return Ok(());
        }
        let now = clock::now();
        let report = delivery.report();
        if report.is_failing() && report.failed > begun || report.is_stuck() {
            // As soon as it works again, it is to look.
            let _ = carrier.bell.ring();
            return Err(failed(delivery.reason()));
        }
        if seen != last_change.0 {
            last_change = (seen, now);
        } else if now.saturating_sub(last_change.1) > SILENCE {
            SILENT_AFTER.store(seen.wrapping_add(1), Ordering::Relaxed);
        }
        if SILENT_AFTER.load(Ordering::Relaxed) == seen.wrapping_add(1) {
            let _ = carrier.bell.ring();
            return Err(failed(Some("nobody carries it there".to_owned())));
        }
        // Once for each attempt: one that has begun may have read what was there before.
        if rung_at != Some(report.begun) || now.saturating_sub(last_change.1) > TELL_AGAIN {
            rung_at = Some(report.begun);
            if !carrier.bell.ring() {
                return Err(failed(Some("there is no keeper".to_owned())));
            }
        }
        if futex::wait(delivery.changes(), seen, TELL_AGAIN).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
