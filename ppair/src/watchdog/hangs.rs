//! Whether the worker gives signs of life, and what becomes of one that does not. A part of the driver.

use core::time::Duration;

use super::alarms::Alarm;
use super::driver::WatchDog;
use super::machine::Event;
use crate::event::Event as Say;
use crate::state::hearts::Name;
use crate::sys::{children, clock};

/// How often a heart is looked at within the time that it has.
const LOOKS: u32 = 4;
/// How soon one that is silent is looked at once more, at the latest.
const SECOND_LOOK: Duration = Duration::from_millis(500);
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
        let silent = weakest.filter(|weakest| now.saturating_sub(weakest.beat) >= timeout);
        if silent.is_some() && silent == self.signs.suspect {
            // While a worker runs, this leads to no fork and no end, and so to no role.
            let _ = self.step(Event::Hung);
            return;
        }
        self.signs.suspect = silent;
        let next = match (silent, weakest) {
            (Some(_), _) => now.checked_add((timeout / LOOKS).min(SECOND_LOOK)),
            (None, Some(weakest)) => self.next_look(now, weakest.beat),
            // All hearts rest. One that begins to beat again is looked at in time.
            (None, None) => self.next_look(now, now),
        };
        self.alarms.set(Alarm::Hang, next);
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
