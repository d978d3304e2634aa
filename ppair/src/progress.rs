//! Progress, and what it decides: the delay before the next worker, the restart budget, and the checkpoint that the next worker
//! starts from. And deaths for which progress is no excuse, if they are too many. Pure.

use core::time::Duration;

use crate::config::Options;
use crate::exit::Ending;

/// Counts restarts in a row without progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Budget {
    spent: u32,
}

/// What the budget says to a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Fork the next worker after this delay.
    RestartAfter(Duration),
    /// The budget is spent.
    GiveUp,
}

impl Budget {
    /// A budget of which `spent` restarts are gone.
    pub(crate) const fn with_spent(spent: u32) -> Self {
        Self { spent }
    }

    /// Restarts in a row without progress.
    pub(crate) const fn spent(self) -> u32 {
        self.spent
    }

    /// Decides on a death after which the policy wants a restart. `progressed`: the worker committed or lived for
    /// `healthy_after`. `random` spreads the delay.
    pub(crate) fn on_death(&mut self, progressed: bool, options: &Options, random: u32) -> Verdict {
        if options.max_restarts == 0 {
            return Verdict::GiveUp;
        }
        if progressed {
            self.spent = 0;
            return Verdict::RestartAfter(Duration::ZERO);
        }
        if options.max_restarts != u32::MAX && self.spent >= options.max_restarts {
            return Verdict::GiveUp;
        }
        self.spent = self.spent.saturating_add(1);
        Verdict::RestartAfter(delay(self.spent, options, random))
    }
}

/// The delay before restart number `spent` in a row without progress: none before the first, then doubling up to the
/// maximum, less up to a tenth.
pub(crate) fn delay(spent: u32, options: &Options, random: u32) -> Duration {
    let Some(doublings) = spent.checked_sub(2) else {
        return Duration::ZERO;
    };
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    let full = options
        .restart_delay
        .saturating_mul(factor)
        .min(options.restart_delay_max);
    let tenth = full / 10;
    full.saturating_sub(Duration::from_nanos(scale(tenth, random)))
}

/// `span` times `random` as a fraction of one, in nanoseconds.
fn scale(span: Duration, random: u32) -> u64 {
    let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    u64::try_from((u128::from(nanos) * u128::from(random)) >> 32).unwrap_or(0)
}

/// Counts workers that died without progress from the same checkpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ladder {
    failed: u32,
}

impl Ladder {
    /// How many workers may die from a checkpoint before the next one starts from an older one.
    const TRIES: u32 = 2;

    /// Decides on a death: whether the next worker starts from an older checkpoint. A worker that was ended from outside
    /// counts for neither side: nothing says what it would have come to.
    pub(crate) fn on_death(&mut self, progressed: bool, ending: Ending) -> bool {
        if progressed {
            self.failed = 0;
        } else if ending.is_own_doing() {
            self.failed += 1;
        }
        let steps = self.failed >= Self::TRIES;
        if steps {
            self.failed = 0;
        }
        steps
    }
}

/// The times of the last deaths: whether there were too many within a time that slides. It is for a worker that commits and
/// dies, again and again, which refills its [`Budget`] each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeathWindow {
    /// A ring with room for all deaths of which one more is too many, so that nothing is allocated when a worker dies. Empty
    /// where one is too many already, or any number is fine.
    times: Box<[Option<Duration>]>,
    /// Where the oldest is, to be overwritten by the next.
    oldest: usize,
    within: Duration,
    limited: bool,
}

impl DeathWindow {
    /// The window that `options` describe, before any death.
    pub(crate) fn new(options: &Options) -> Self {
        let limited = options.max_deaths != u32::MAX;
        let others = match usize::try_from(options.max_deaths) {
            Ok(deaths) if limited => deaths.saturating_sub(1),
            _ => 0,
        };
        Self {
            times: vec![None; others].into(),
            oldest: 0,
            within: options.max_deaths_within,
            limited,
        }
    }

    /// Counts a death at this time, of a clock that does not go back. Whether it is one too many: from the first of the last
    /// `max_deaths` to this one it was no longer than `max_deaths_within`.
    pub(crate) fn on_death(&mut self, now: Duration) -> bool {
        if self.times.is_empty() {
            return self.limited;
        }
        let first = self.times[self.oldest].replace(now);
        self.oldest = (self.oldest + 1) % self.times.len();
        first.is_some_and(|first| now.saturating_sub(first) <= self.within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn delays(options: &Options, deaths: usize) -> Vec<Verdict> {
        let mut budget = Budget::default();
        (0..deaths)
            .map(|_| budget.on_death(false, options, 0))
            .collect()
    }

    #[test]
    fn the_delay_is_none_then_doubles_up_to_the_maximum() {
        let options = Options {
            restart_delay_max: Duration::from_millis(500),
            ..Options::DEFAULT
        };
        let millis = [0, 100, 200, 400, 500, 500];
        let expected = millis.map(|ms| Verdict::RestartAfter(Duration::from_millis(ms)));
        assert_eq!(delays(&options, 6), expected);
    }

    #[test]
    fn the_pair_gives_up_after_max_restarts_in_a_row() {
        let options = Options {
            max_restarts: 2,
            ..Options::DEFAULT
        };
        assert_eq!(delays(&options, 3)[2], Verdict::GiveUp);
        let none = Options {
            max_restarts: 0,
            ..Options::DEFAULT
        };
        assert_eq!(delays(&none, 1), [Verdict::GiveUp]);
        assert_eq!(Budget::default().on_death(true, &none, 0), Verdict::GiveUp);
    }

    #[test]
    fn progress_refills_the_budget_and_takes_the_delay_away() {
        let options = Options {
            max_restarts: 2,
            ..Options::DEFAULT
        };
        let mut budget = Budget::default();
        for _ in 0..10 {
            budget.on_death(false, &options, 0);
            budget.on_death(false, &options, 0);
            assert_eq!(
                budget.on_death(true, &options, 0),
                Verdict::RestartAfter(Duration::ZERO)
            );
            assert_eq!(budget.spent(), 0);
        }
    }

    #[test]
    fn the_spread_takes_off_at_most_a_tenth() {
        let mut budget = Budget::with_spent(1);
        let Verdict::RestartAfter(delay) = budget.on_death(false, &Options::DEFAULT, u32::MAX)
        else {
            panic!("it restarts")
        };
        assert!(
            delay < Duration::from_millis(91) && delay >= Duration::from_millis(90),
            "{delay:?}"
        );
    }

    #[test]
    fn every_second_death_without_progress_is_a_step_down() {
        let mut ladder = Ladder::default();
        let deaths = [false; 8].map(|progressed| ladder.on_death(progressed, PANIC));
        assert_eq!(deaths, [false, true, false, true, false, true, false, true]);
    }

    const PANIC: Ending = Ending::own(Exit::Code(101));

    #[test]
    fn workers_that_are_killed_from_outside_keep_their_checkpoint() {
        let kill = Ending::own(Exit::Signal {
            signal: 9,
            core: false,
        });
        let mut ladder = Ladder::default();
        assert!((0..100).all(|_| !ladder.on_death(false, kill)));
        assert!(!ladder.on_death(false, PANIC));
        assert!(!ladder.on_death(false, kill));
        assert!(ladder.on_death(false, PANIC));
    }

    #[test]
    fn a_worker_that_gets_on_keeps_its_checkpoint() {
        let mut ladder = Ladder::default();
        for _ in 0..10 {
            assert!(!ladder.on_death(false, PANIC));
            assert!(!ladder.on_death(true, PANIC));
        }
    }

    #[test]
    fn nothing_overflows() {
        let options = Options {
            max_restarts: u32::MAX,
            restart_delay: Duration::MAX,
            restart_delay_max: Duration::MAX,
            ..Options::DEFAULT
        };
        let mut budget = Budget::with_spent(u32::MAX - 1);
        for random in [0, u32::MAX] {
            assert!(matches!(
                budget.on_death(false, &options, random),
                Verdict::RestartAfter(_)
            ));
        }
    }

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn window(max_deaths: u32, within: Duration) -> DeathWindow {
        DeathWindow::new(&Options {
            max_deaths,
            max_deaths_within: within,
            ..Options::DEFAULT
        })
    }

    #[test]
    fn the_limit_is_reached_at_the_last_of_so_many_deaths_in_time() {
        let mut window = window(3, at(60));
        let deaths = [0, 30, 60].map(|second| window.on_death(at(second)));
        assert_eq!(deaths, [false, false, true]);
    }

    #[test]
    fn the_window_slides() {
        let mut window = window(3, at(60));
        // Never three within a minute, although there are two in each.
        let calm = (0..100).map(|n| at(61 * (n / 2) + 30 * (n % 2)));
        assert!(calm.into_iter().all(|time| !window.on_death(time)));
        // The last two of those were at 2989 and 3019.
        assert!(!window.on_death(at(3050)));
        assert!(window.on_death(at(3051)));
        assert!(window.on_death(at(3051)));
        assert!(!window.on_death(at(3111) + Duration::from_nanos(1)));
    }

    #[test]
    fn one_death_may_be_too_many_and_a_thousand_may_not() {
        let mut window = window(1, at(1));
        assert!(window.on_death(at(0)));
        assert!(window.on_death(at(1_000)));
        let mut window = self::window(1000, Duration::MAX);
        assert!((1..1000).all(|second| !window.on_death(at(second))));
        assert!(window.on_death(at(1_000_000)));
    }

    #[test]
    fn without_a_limit_no_number_of_deaths_is_too_many() {
        let mut window = DeathWindow::new(&Options::DEFAULT);
        assert!((0..10_000).all(|_| !window.on_death(at(1))));
        assert!(window.times.is_empty());
    }

    /// Against the definition, for irregular deaths: the n deaths that end with this one are within the time.
    #[test]
    fn the_ring_counts_as_a_list_of_all_deaths_does() {
        for max_deaths in 1..=8 {
            let mut window = window(max_deaths, at(100));
            let (mut now, mut deaths, mut step) = (0, Vec::new(), 7_u64);
            for _ in 0..500 {
                step = step * 31 % 97;
                now += step;
                deaths.push(now);
                let within = deaths.iter().filter(|&&death| now - death <= 100).count();
                let expected = within >= usize::try_from(max_deaths).unwrap();
                assert_eq!(window.on_death(at(now)), expected, "{max_deaths} at {now}");
            }
        }
    }

    #[test]
    fn a_clock_that_stands_still_is_no_trouble() {
        let mut window = window(2, Duration::ZERO);
        assert!(!window.on_death(at(5)));
        assert!(window.on_death(at(5)));
        assert!(window.on_death(at(4)));
    }
}
