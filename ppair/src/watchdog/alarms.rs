//! What the driver waits for, on a clock that does not jump. Pure.
//!
//! If the watch dog itself stood still (somebody stopped it, or the whole machine), its alarms are late, and so may be the worker: nobody is to be
//! judged by time in which nobody could do anything. So where a worker's life is at stake, what is much too late is put off by the time that has
//! passed since the watch dog was awake; not twice in a row, so that a machine that is always late still gets its alarms.

use core::time::Duration;

use super::machine::Timer;

/// What happens at an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// The machine is told.
    Machine(Timer),
    /// The worker is looked after once more: the system had refused to.
    Retry,
    /// What the worker has committed counts as healthy.
    Healthy,
    /// Its signs of life are judged.
    Hang,
    /// The service manager gets a sign of life.
    Ping,
    /// The next keeper is forked.
    Keeper,
}

impl Alarm {
    const ALL: [Self; 8] = [
        Self::Machine(Timer::Restart),
        Self::Machine(Timer::Stop),
        Self::Machine(Timer::Grace),
        Self::Retry,
        Self::Healthy,
        Self::Hang,
        Self::Ping,
        Self::Keeper,
    ];

    /// Those at which a worker is ended.
    const JUDGEMENTS: [Self; 3] = [
        Self::Machine(Timer::Stop),
        Self::Machine(Timer::Grace),
        Self::Hang,
    ];

    fn number(self) -> usize {
        Self::ALL
            .iter()
            .position(|other| *other == self)
            .unwrap_or_default()
    }
}

/// So much too late, the watch dog or its machine stood still.
const STOOD_STILL: Duration = Duration::from_millis(500);

/// The times of all alarms.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Alarms {
    at: [Option<Duration>; Alarm::ALL.len()],
    /// When the watch dog was awake last.
    awake: Duration,
    excused: bool,
}

impl Alarms {
    /// The watch dog is awake, whatever it did before: from here on it is known whether it stands still.
    pub(crate) fn begin(&mut self, now: Duration) {
        self.awake = now;
        self.excused = false;
    }

    /// Sets an alarm, or takes it away.
    pub(crate) fn set(&mut self, alarm: Alarm, at: Option<Duration>) {
        self.at[alarm.number()] = at;
    }

    /// Sets an alarm, unless it is set to an earlier time.
    pub(crate) fn at_the_latest(&mut self, alarm: Alarm, at: Duration) {
        let set = &mut self.at[alarm.number()];
        *set = Some(set.map_or(at, |earlier| earlier.min(at)));
    }

    /// Takes away all that concern a worker: it is dead.
    pub(crate) fn forget_worker(&mut self) {
        for alarm in Alarm::ALL {
            if !matches!(alarm, Alarm::Ping | Alarm::Keeper) {
                self.set(alarm, None);
            }
        }
    }

    /// The time of the next one.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.at.iter().flatten().min().copied()
    }

    /// The watch dog is awake. Returns whether it stood still before, and nobody is to be judged by that time.
    pub(crate) fn wake(&mut self, now: Duration) -> bool {
        let slept = now.saturating_sub(core::mem::replace(&mut self.awake, now));
        let judgements = Alarm::JUDGEMENTS.map(Alarm::number);
        let next = judgements.into_iter().filter_map(|at| self.at[at]).min();
        let is_late = next.is_some_and(|next| now.saturating_sub(next) > STOOD_STILL);
        self.excused = is_late && !self.excused;
        if self.excused {
            for at in judgements {
                self.at[at] = self.at[at].map(|at| at.saturating_add(slept));
            }
        }
        self.excused
    }

    /// Takes an alarm whose time has come.
    pub(crate) fn take_due(&mut self, now: Duration) -> Option<Alarm> {
        Alarm::ALL.into_iter().find(|alarm| {
            let at = &mut self.at[alarm.number()];
            at.take_if(|at| *at <= now).is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }
    const STOP: Alarm = Alarm::Machine(Timer::Stop);

    #[test]
    fn alarms_come_when_they_are_due_and_once() {
        let mut alarms = Alarms::default();
        assert_eq!(alarms.next(), None);
        alarms.set(Alarm::Healthy, Some(ms(20)));
        alarms.set(STOP, Some(ms(10)));
        assert_eq!(alarms.next(), Some(ms(10)));
        assert_eq!(alarms.take_due(ms(9)), None);
        assert_eq!(alarms.take_due(ms(20)), Some(STOP));
        assert_eq!(alarms.take_due(ms(20)), Some(Alarm::Healthy));
        assert_eq!(alarms.take_due(ms(20)), None);
    }

    #[test]
    fn a_second_time_only_shortens() {
        let mut alarms = Alarms::default();
        alarms.at_the_latest(STOP, ms(10));
        alarms.at_the_latest(STOP, ms(50));
        assert_eq!(alarms.next(), Some(ms(10)));
        alarms.at_the_latest(STOP, ms(5));
        assert_eq!(alarms.next(), Some(ms(5)));
    }

    #[test]
    fn who_could_not_keep_the_time_gets_it_again_once() {
        let mut alarms = Alarms::default();
        alarms.set(STOP, Some(ms(10_000)));
        alarms.set(Alarm::Machine(Timer::Restart), Some(ms(500)));
        assert!(!alarms.wake(ms(1_000)));
        // A minute later: nine of the ten seconds are left.
        assert!(alarms.wake(ms(61_000)));
        assert_eq!(
            alarms.take_due(ms(61_000)),
            Some(Alarm::Machine(Timer::Restart))
        );
        assert_eq!(alarms.next(), Some(ms(70_000)));
        assert!(!alarms.wake(ms(70_400)), "a little late is late");
        assert_eq!(alarms.take_due(ms(70_400)), Some(STOP));
    }

    #[test]
    fn what_was_before_the_watch_began_is_no_standing_still() {
        let mut alarms = Alarms::default();
        alarms.set(Alarm::Hang, Some(ms(5_001_000)));
        alarms.begin(ms(5_000_000));
        assert!(alarms.wake(ms(5_003_000)));
        // So much as the watch dog was away, and not as long as the machine is up.
        assert_eq!(alarms.next(), Some(ms(5_004_000)));
    }

    #[test]
    fn a_machine_that_is_always_late_gets_its_alarms() {
        let mut alarms = Alarms::default();
        alarms.set(Alarm::Hang, Some(ms(10_000)));
        assert!(alarms.wake(ms(12_000)));
        assert!(!alarms.wake(ms(30_000)));
        assert_eq!(alarms.take_due(ms(30_000)), Some(Alarm::Hang));
    }

    #[test]
    fn a_dead_worker_needs_no_alarm() {
        let mut alarms = Alarms::default();
        for alarm in Alarm::ALL {
            alarms.set(alarm, Some(ms(1)));
        }
        alarms.forget_worker();
        assert_eq!(alarms.take_due(ms(1)), Some(Alarm::Ping));
        // The keeper lives on, or is started again, whatever becomes of a worker.
        assert_eq!(alarms.take_due(ms(1)), Some(Alarm::Keeper));
        assert_eq!(alarms.next(), None);
    }
}
