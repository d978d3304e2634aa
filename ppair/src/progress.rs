//! Progress, and what it decides: the delay before the next worker, the restart budget, and the checkpoint that the next worker
//! starts from. Pure.

use core::time::Duration;

use crate::config::Options;
use crate::exit::Exit;

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
fn delay(spent: u32, options: &Options, random: u32) -> Duration {
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
    pub(crate) fn on_death(&mut self, progressed: bool, exit: Exit) -> bool {
        if progressed {
            self.failed = 0;
        } else if exit.is_own_doing() {
            self.failed += 1;
        }
        let steps = self.failed >= Self::TRIES;
        if steps {
            self.failed = 0;
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    const PANIC: Exit = Exit::Code(101);

    #[test]
    fn workers_that_are_killed_from_outside_keep_their_checkpoint() {
        let kill = Exit::Signal {
            signal: 9,
            core: false,
        };
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
}
