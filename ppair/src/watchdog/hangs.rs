//! Whether the worker gives signs of life, and what becomes of one that does not. A part of the driver.

use core::fmt::Write as _;
use core::time::Duration;

use super::alarms::Alarm;
use super::driver::WatchDog;
use super::machine::Event;
use crate::death::NEVER_BEAT;
use crate::event::Event as Say;
use crate::fixed::Text;
use crate::state::hearts::{Name, Weakest};
use crate::sys::{children, clock};

/// How often a heart is looked at within the time that it has.
const LOOKS: u32 = 4;
/// How soon one that is silent is looked at once more, at the latest.
const SECOND_LOOK: Duration = Duration::from_millis(500);

/// Consequence of a look at the worker's hearts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Judgement {
    /// The worker has never sent a heartbeat, and half of its time is over: it is told so before it
    /// is ended.
    warns: bool,
    /// The next step.
    then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// It hangs.
    Hung,
    /// This heart was silent for too long. One more look tells whether it only stood still.
    Suspect(Weakest),
    /// A heart has beaten in time, last at this time.
    Beats(Duration),
    /// All hearts rest.
    Rests,
}

/// Judges a worker by its weakest heart, and by the one that was suspect at the last look.
fn judge(
    weakest: Option<Weakest>,
    suspect: Option<Weakest>,
    timeout: Duration,
    now: Duration,
) -> Judgement {
    let Some(weakest) = weakest else {
        let (warns, then) = (false, Then::Rests);
        return Judgement { warns, then };
    };
    let silent = now.saturating_sub(weakest.beat);
    Judgement {
        warns: weakest.heart.is_none() && silent >= timeout / 2,
        then: if silent < timeout {
            Then::Beats(weakest.beat)
        } else if suspect == Some(weakest) {
            Then::Hung
        } else {
            Then::Suspect(weakest)
        },
    }
}

/// Time from the look at which a heart was silent for too long to the one that decides.
fn until_second_look(timeout: Duration) -> Duration {
    (timeout / LOOKS).min(SECOND_LOOK)
}

impl WatchDog {
    /// When the worker's signs of life are looked at next: when the weakest heart is due, and four times at least in the time that it has, as a watch dog that
    /// sleeps for long does not notice that both of them stood still.
    pub(super) fn next_look(&self, now: Duration, beat: Duration) -> Option<Duration> {
        let timeout = self.options.hang_timeout?;
        let due = beat.saturating_add(timeout).max(now);
        Some(now.saturating_add(timeout / LOOKS).min(due))
    }

    /// Judges the worker's signs of life. One look is not enough to call it hung: it may stand still no longer, and not have had the time to say so.
    #[inline(never)]
    pub(super) fn look_at_hearts(&mut self, now: Duration) {
        let (Some(worker), Some(timeout)) = (self.worker, self.options.hang_timeout) else {
            return;
        };
        if children::stands_still(worker.pid) {
            self.signs.floor = now;
        }
        let hearts = self.segment.hearts();
        let weakest = hearts.weakest(self.incarnation, self.signs.floor, now);
        let Judgement { warns, then } = judge(weakest, self.signs.suspect, timeout, now);
        if warns {
            self.warn_of_no_heart(timeout, now);
        }
        self.signs.suspect = match then {
            Then::Suspect(weakest) => Some(weakest),
            Then::Hung => self.signs.suspect,
            Then::Beats(_) | Then::Rests => None,
        };
        let next = match then {
            Then::Hung => {
                // While a worker runs, this leads to no fork and no end, and so to no role.
                let _ = self.step(Event::Hung);
                return;
            }
            Then::Suspect(_) => now.checked_add(until_second_look(timeout)),
            Then::Beats(beat) => self.next_look(now, beat),
            // One that begins to beat again is looked at in time.
            Then::Rests => self.next_look(now, now),
        };
        self.alarms.set(Alarm::Hang, next);
    }

    /// Warns, once in a pair, that the program does not send what the watch dog waits for.
    #[cold]
    #[inline(never)]
    fn warn_of_no_heart(&mut self, timeout: Duration, now: Duration) {
        if core::mem::replace(&mut self.has_warned_of_no_heart, true) {
            return;
        }
        let silent = now.saturating_sub(self.signs.floor);
        let end = timeout.saturating_add(until_second_look(timeout));
        // Without a heap; it fits.
        let mut reason = Text::<256>::default();
        let _ = write!(
            reason,
            "worker {} counts as hung {:.3} s after its start, in {:.3} s: {NEVER_BEAT}",
            self.incarnation,
            end.as_secs_f64(),
            end.saturating_sub(silent).as_secs_f64(),
        );
        self.tell(&Say::Warning {
            reason: reason.as_str(),
        });
    }

    #[inline(never)]
    pub(super) fn say_hung(&mut self) {
        self.signs.hung = self.signs.suspect;
        let (Some(worker), Some(hung)) = (self.worker, &self.signs.hung) else {
            return;
        };
        self.tell(&Say::Hung {
            worker: worker.pid,
            incarnation: self.incarnation,
            heart: hung.heart.as_ref().map(Name::as_str),
            silent: clock::now().saturating_sub(hung.beat),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_silent_worker_is_warned_if_it_never_beat_and_looked_at_twice() {
        let never = Weakest {
            beat: s(100),
            heart: None,
        };
        let reader = Weakest {
            beat: s(100),
            heart: Some(Name::of("reader")),
        };
        let earlier = Weakest {
            beat: s(99),
            ..never
        };
        // The weakest heart, the suspect, the time; whether there is a warning, and what follows.
        for (weakest, suspect, now, warns, then) in [
            (None, None, 500, false, Then::Rests),
            (None, Some(reader), 500, false, Then::Rests),
            (Some(never), None, 100, false, Then::Beats(s(100))),
            (Some(never), None, 114, false, Then::Beats(s(100))),
            (Some(never), None, 115, true, Then::Beats(s(100))),
            (Some(never), None, 129, true, Then::Beats(s(100))),
            (Some(never), None, 130, true, Then::Suspect(never)),
            // A late look finds it silent for too long at once, and is not the last one.
            (Some(never), None, 999, true, Then::Suspect(never)),
            (Some(never), Some(never), 131, true, Then::Hung),
            // It was stopped in between.
            (Some(never), Some(earlier), 131, true, Then::Suspect(never)),
            (Some(reader), None, 129, false, Then::Beats(s(100))),
            (Some(reader), None, 130, false, Then::Suspect(reader)),
            (Some(reader), Some(never), 130, false, Then::Suspect(reader)),
            (Some(reader), Some(reader), 130, false, Then::Hung),
            // A beat of the future is one of now.
            (Some(reader), Some(reader), 50, false, Then::Beats(s(100))),
        ] {
            let judged = judge(weakest, suspect, s(30), s(now));
            assert_eq!(judged, Judgement { warns, then }, "{weakest:?} at {now}");
        }
    }
}
