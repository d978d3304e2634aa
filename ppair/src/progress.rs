//! Progress, and what it decides: the delay before the next worker, the restart budget, and the checkpoint that the next worker
//! starts from. And deaths for which progress is no excuse, if they are too many. Pure.

use core::time::Duration;

use crate::config::Options;
use crate::exit::{Ending, Exit, PANICKED, Reason};
use crate::give_up::GiveUp;

/// A worker that ends sooner than this has hardly begun. Where [`Options::healthy_after`] is less,
/// that counts.
const EARLY: Duration = Duration::from_millis(500);
/// Early deaths of the same cause in a row that cost nothing if each worker committed: a burst of
/// jobs that kill is worked off at full speed.
const FREE: u32 = 100;

/// The life of a worker that has ended, as far as progress is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// Whether it committed a checkpoint.
    pub(crate) committed: bool,
    /// How long it lived.
    pub(crate) uptime: Duration,
    /// Whether it died of what the last worker died of that died of itself.
    pub(crate) same: bool,
    /// Whether it panicked as nothing reads its output any more. No later worker has another
    /// reader.
    pub(crate) lost_reader: bool,
}

impl Life {
    /// Returns true if the worker committed a checkpoint or lived for `healthy_after`.
    pub(crate) fn is_progress(self, options: &Options) -> bool {
        self.committed || self.uptime >= options.healthy_after
    }
}

/// Counts restarts in a row without progress, and lives that look like progress and are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Budget {
    spent: u32,
    /// Early deaths of the same cause in a row.
    alike: u32,
    /// Early exits in a row without a commit.
    exits: u32,
}

/// What the budget says to a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Fork the next worker after this delay.
    RestartAfter(Duration),
    /// A limit is reached.
    GiveUp(GiveUp),
}

impl Budget {
    /// A budget of which `spent` restarts are gone.
    pub(crate) const fn with_spent(spent: u32) -> Self {
        Self {
            spent,
            alike: 0,
            exits: 0,
        }
    }

    /// Restarts in a row without progress.
    pub(crate) const fn spent(self) -> u32 {
        self.spent
    }

    /// Decides on a death after which the policy wants a restart. `random` spreads the delay.
    ///
    /// A commit is no progress from the 101st early death of the same cause in a row on: each costs
    /// the constant `restart_delay` and one of `max_restarts`.
    pub(crate) fn on_death(
        &mut self,
        ending: Ending,
        life: Life,
        options: &Options,
        random: u32,
    ) -> Verdict {
        let within = EARLY.min(options.healthy_after);
        self.count(ending, life, within);
        if options.max_restarts == 0 {
            return Verdict::GiveUp(GiveUp::NoProgress { restarts: 0 });
        }
        if options.max_early_exits != u32::MAX && self.exits > options.max_early_exits {
            let times = self.exits;
            return Verdict::GiveUp(GiveUp::EarlyExits { times, within });
        }
        let progressed = life.is_progress(options);
        let is_hasty = self.alike > FREE;
        if progressed && !(is_hasty && ending.is_own_doing()) {
            if !is_hasty {
                self.spent = 0;
            }
            return Verdict::RestartAfter(Duration::ZERO);
        }
        if options.max_restarts != u32::MAX && self.spent >= options.max_restarts {
            return Verdict::GiveUp(if progressed {
                let times = self.alike;
                GiveUp::SameDeath { times, within }
            } else {
                GiveUp::NoProgress {
                    restarts: self.spent,
                }
            });
        }
        self.spent = self.spent.saturating_add(1);
        Verdict::RestartAfter(if progressed {
            spread(options.restart_delay.min(options.restart_delay_max), random)
        } else {
            delay(self.spent, options, random)
        })
    }

    /// Counts what is early. A worker that was ended from outside counts for neither side.
    fn count(&mut self, ending: Ending, life: Life, within: Duration) {
        if !ending.is_own_doing() {
            return;
        }
        let Ending { exit, reason } = ending;
        let is_early = life.uptime < within;
        let exits = matches!(exit, Exit::Code(code) if code != 0 && code != PANICKED);
        let in_vain = exits && !life.committed || life.lost_reader;
        let exits_early = is_early && in_vain && reason == Reason::Own;
        self.exits = if exits_early {
            self.exits.saturating_add(1)
        } else {
            0
        };
        let dies_early = is_early && exit != Exit::Code(0);
        self.alike = match (dies_early, life.same) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => self.alike.saturating_add(1),
        };
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
    spread(full, random)
}

/// `full`, less up to a tenth of it at random.
fn spread(full: Duration, random: u32) -> Duration {
    full.saturating_sub(Duration::from_nanos(scale(full / 10, random)))
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

    const PANIC: Ending = Ending::own(Exit::Code(101));
    const NO_PROGRESS: Life = life(false, 0);

    /// A life of so many milliseconds that ended as the one before.
    const fn life(committed: bool, ms: u64) -> Life {
        Life {
            committed,
            uptime: Duration::from_millis(ms),
            same: true,
            lost_reader: false,
        }
    }

    const AT_ONCE: Verdict = Verdict::RestartAfter(Duration::ZERO);

    fn in_ms(ms: u64) -> Verdict {
        Verdict::RestartAfter(Duration::from_millis(ms))
    }

    fn delays(options: &Options, deaths: usize) -> Vec<Verdict> {
        let mut budget = Budget::default();
        (0..deaths)
            .map(|_| budget.on_death(PANIC, NO_PROGRESS, options, 0))
            .collect()
    }

    #[test]
    fn the_delay_is_none_then_doubles_up_to_the_maximum() {
        let options = Options {
            restart_delay_max: Duration::from_millis(500),
            ..Options::DEFAULT
        };
        assert_eq!(delays(&options, 6), [0, 100, 200, 400, 500, 500].map(in_ms));
    }

    #[test]
    fn the_pair_gives_up_after_max_restarts_in_a_row() {
        let options = Options {
            max_restarts: 2,
            ..Options::DEFAULT
        };
        let no_progress = |restarts| Verdict::GiveUp(GiveUp::NoProgress { restarts });
        assert_eq!(delays(&options, 3)[2], no_progress(2));
        let none = Options {
            max_restarts: 0,
            ..Options::DEFAULT
        };
        assert_eq!(delays(&none, 1), [no_progress(0)]);
        let verdict = Budget::default().on_death(PANIC, life(true, 1), &none, 0);
        assert_eq!(verdict, no_progress(0));
    }

    #[test]
    fn progress_refills_the_budget_and_takes_the_delay_away() {
        let options = Options {
            max_restarts: 2,
            ..Options::DEFAULT
        };
        let mut budget = Budget::default();
        for _ in 0..10 {
            budget.on_death(PANIC, NO_PROGRESS, &options, 0);
            budget.on_death(PANIC, NO_PROGRESS, &options, 0);
            let verdict = budget.on_death(PANIC, life(true, 1), &options, 0);
            assert_eq!(verdict, AT_ONCE);
            assert_eq!(budget.spent(), 0);
        }
    }

    /// Of a service that prints into a pipe without a reader, whether it commits before that or
    /// not.
    #[test]
    fn workers_without_a_reader_are_early_exits() {
        for committed in [false, true] {
            let lost = Life {
                lost_reader: true,
                ..life(committed, 1)
            };
            let mut budget = Budget::default();
            let mut death = || budget.on_death(PANIC, lost, &Options::DEFAULT, 0);
            for _ in 0..3 {
                assert!(matches!(death(), Verdict::RestartAfter(_)));
            }
            assert!(matches!(
                death(),
                Verdict::GiveUp(GiveUp::EarlyExits { times: 4, .. })
            ));
            // One that lives for longer than a moment had a reader until then.
            let late = Life {
                uptime: Duration::from_secs(1),
                ..lost
            };
            let mut budget = Budget::default();
            budget.on_death(PANIC, lost, &Options::DEFAULT, 0);
            budget.on_death(PANIC, late, &Options::DEFAULT, 0);
            assert_eq!(budget.exits, 0);
        }
    }

    #[test]
    fn a_commit_is_no_progress_after_a_hundred_early_deaths_of_the_same_cause() {
        let mut budget = Budget::default();
        let mut death = || budget.on_death(PANIC, life(true, 1), &Options::DEFAULT, 0);
        assert!((0..100).all(|_| death() == AT_ONCE));
        assert!((0..10).all(|_| death() == in_ms(100)));
        let within = Duration::from_millis(500);
        let times = 111;
        assert_eq!(
            death(),
            Verdict::GiveUp(GiveUp::SameDeath { times, within })
        );
    }

    /// One row each: lives that go on for ever, and what is said to each of them.
    #[test]
    fn ordinary_services_are_not_touched_by_that() {
        let exit_0 = Ending::own(Exit::Code(0));
        let kill = Ending::own(Exit::Signal {
            signal: 9,
            core: false,
        });
        let other = |committed, ms| Life {
            same: false,
            ..life(committed, ms)
        };
        let early = life(true, 1);
        let rows: [(&str, &[(Ending, Life)]); 6] = [
            ("a death a second", &[(PANIC, life(true, 1_000))]),
            ("just long enough", &[(PANIC, life(true, 500))]),
            ("of another cause each time", &[(PANIC, other(true, 1))]),
            (
                "one of a hundred lives longer",
                &[&[(PANIC, early); 100][..], &[(PANIC, life(true, 500))]].concat(),
            ),
            ("a job each, and restart = always", &[(exit_0, early)]),
            ("a storm of kills", &[(kill, early)]),
        ];
        for (what, lives) in rows {
            let mut budget = Budget::default();
            // An hour at one a second.
            for &(ending, life) in lives.iter().cycle().take(3_600) {
                let verdict = budget.on_death(ending, life, &Options::DEFAULT, 0);
                assert_eq!((verdict, budget.spent()), (AT_ONCE, 0), "{what}");
            }
        }
    }

    #[test]
    fn without_a_limit_early_deaths_of_the_same_cause_are_only_delayed() {
        let options = Options {
            max_restarts: u32::MAX,
            restart_delay_max: Duration::from_millis(50),
            ..Options::DEFAULT
        };
        let mut budget = Budget::default();
        for death in 1..10_000 {
            let verdict = budget.on_death(PANIC, life(true, 1), &options, 0);
            assert_eq!(verdict, in_ms(if death > 100 { 50 } else { 0 }), "{death}");
        }
    }

    #[test]
    fn kills_from_outside_count_for_neither_side_of_early_deaths() {
        let kill = Ending::own(Exit::Signal {
            signal: 9,
            core: false,
        });
        let mut budget = Budget::default();
        for _ in 0..110 {
            budget.on_death(PANIC, life(true, 1), &Options::DEFAULT, 0);
            let verdict = budget.on_death(kill, life(true, 1), &Options::DEFAULT, 0);
            assert_eq!(verdict, AT_ONCE);
        }
        let last = budget.on_death(PANIC, life(true, 1), &Options::DEFAULT, 0);
        assert!(matches!(last, Verdict::GiveUp(_)), "{last:?}");
    }

    #[test]
    fn a_short_time_to_be_healthy_is_the_time_to_be_early_as_well() {
        let options = Options {
            healthy_after: Duration::from_millis(20),
            ..Options::DEFAULT
        };
        let mut budget = Budget::default();
        for _ in 0..1_000 {
            let verdict = budget.on_death(PANIC, life(true, 20), &options, 0);
            assert_eq!(verdict, AT_ONCE);
        }
    }

    const EXIT: Ending = Ending::own(Exit::Code(1));

    #[test]
    fn early_exits_without_a_commit_are_tried_three_times_again() {
        let mut budget = Budget::default();
        let mut exit = || budget.on_death(EXIT, NO_PROGRESS, &Options::DEFAULT, 0);
        assert_eq!([exit(), exit(), exit()], [0, 100, 200].map(in_ms));
        let within = Duration::from_millis(500);
        let times = 4;
        assert_eq!(
            exit(),
            Verdict::GiveUp(GiveUp::EarlyExits { times, within })
        );
    }

    #[test]
    fn anything_but_an_early_exit_without_a_commit_breaks_the_row() {
        let segv = Ending::own(Exit::Signal {
            signal: 11,
            core: true,
        });
        let hang = Ending {
            exit: Exit::Code(1),
            reason: Reason::Hang,
        };
        for between in [
            (EXIT, life(true, 1)),
            (EXIT, life(false, 500)),
            (PANIC, NO_PROGRESS),
            (segv, NO_PROGRESS),
            (hang, NO_PROGRESS),
        ] {
            let mut budget = Budget::default();
            let early = (EXIT, NO_PROGRESS);
            for (ending, life) in [early, early, early, between, early, early, early] {
                let verdict = budget.on_death(ending, life, &Options::DEFAULT, 0);
                assert!(matches!(verdict, Verdict::RestartAfter(_)), "{between:?}");
            }
        }
    }

    #[test]
    fn a_limit_of_early_exits_may_be_none_or_any() {
        for (limit, restarts) in [(0, 0), (1, 1), (9, 9), (u32::MAX, 10)] {
            let options = Options {
                max_early_exits: limit,
                ..Options::DEFAULT
            };
            let mut budget = Budget::default();
            let mut exit = || budget.on_death(EXIT, NO_PROGRESS, &options, 0);
            assert!((0..restarts).all(|_| matches!(exit(), Verdict::RestartAfter(_))));
            assert!(matches!(exit(), Verdict::GiveUp(_)), "{limit}");
        }
    }

    #[test]
    fn the_spread_takes_off_at_most_a_tenth() {
        let mut budget = Budget::with_spent(1);
        let Verdict::RestartAfter(delay) =
            budget.on_death(PANIC, NO_PROGRESS, &Options::DEFAULT, u32::MAX)
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
                budget.on_death(PANIC, NO_PROGRESS, &options, random),
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
