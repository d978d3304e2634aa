//! What the driver waits for, on a clock that does not jump. Pure.
//!
//! If the watch dog itself stood still (somebody stopped it, or the whole machine), all its alarms are late at once, and so may be the worker: nobody
//! is to be judged by time in which nobody could do anything. So what is much too late is put off once by as much as it is late.

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
}

impl Alarm {
    const ALL: [Self; 7] = [
        Self::Machine(Timer::Restart),
        Self::Machine(Timer::Stop),
        Self::Machine(Timer::Grace),
        Self::Retry,
        Self::Healthy,
        Self::Hang,
        Self::Ping,
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
    excused: bool,
}

impl Alarms {
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
            if alarm != Alarm::Ping {
                self.set(alarm, None);
            }
        }
    }

    /// The time of the next one.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.at.iter().flatten().min().copied()
    }

    /// Puts all of them off if the next one is so late that nobody can have kept the time. Returns whether it did; not twice in a row, so
    /// that a machine that is always late still gets its alarms.
    pub(crate) fn excuse(&mut self, now: Duration) -> bool {
        let late = self.next().map(|next| now.saturating_sub(next));
        let late = late.filter(|late| *late > STOOD_STILL && !self.excused);
        self.excused = late.is_some();
        let Some(late) = late else { return false };
        for at in self.at.iter_mut().flatten() {
            *at = at.saturating_add(late);
        }
        true
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
    fn what_nobody_could_keep_is_put_off_once() {
        let mut alarms = Alarms::default();
        alarms.set(STOP, Some(ms(1_000)));
        alarms.set(Alarm::Hang, Some(ms(3_000)));
        assert!(!alarms.excuse(ms(1_400)), "a little late is late");
        assert!(alarms.excuse(ms(61_000)));
        assert_eq!(alarms.take_due(ms(60_999)), None);
        assert_eq!(alarms.next(), Some(ms(61_000)));
        assert!(!alarms.excuse(ms(99_000)), "not twice in a row");
        assert_eq!(alarms.take_due(ms(99_000)), Some(STOP));
        assert_eq!(alarms.take_due(ms(99_000)), Some(Alarm::Hang));
    }

    #[test]
    fn a_dead_worker_needs_no_alarm() {
        let mut alarms = Alarms::default();
        for alarm in Alarm::ALL {
            alarms.set(alarm, Some(ms(1)));
        }
        alarms.forget_worker();
        assert_eq!(alarms.take_due(ms(1)), Some(Alarm::Ping));
        assert_eq!(alarms.next(), None);
    }
}
