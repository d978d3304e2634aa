//! The watch dog's decisions: (state, event) -> (state, actions), without a system call, a clock or an allocation.
//!
//! | state | `Forked` | `ForkFailed` | `Died` | stop signal | other signal | `Hung` | `Timer` |
//! |---|---|---|---|---|---|---|---|
//! | `Forking` | `Running` | `Degraded` | | stays pending, or `Ended` if it was taken | stays pending | | |
//! | `Running` | | | `Forking`, `Waiting` or `Ended` | forward; stopping | forward | SIGABRT; hung | |
//! | `Running`, stopping | | | `Ended` | forward, at most a second left; the third: SIGKILL | forward | | `Stop`: SIGKILL |
//! | `Running`, hung | | | as `Running` | forward; stopping | forward | | `Grace`: SIGKILL |
//! | `Waiting` | | | | `Ended` | dropped: the next worker starts afresh | | `Restart`: `Forking` |
//! | `Degraded`, `Ended` | | | | | | | |
//!
//! An empty cell is an event that cannot happen there, or has nothing to say; it changes nothing. A SIGTSTP is forwarded, and then the
//! watch dog stops as well, as a program does that a terminal suspends.

use core::time::Duration;

use crate::config::Options;
use crate::event::Next;
use crate::exit::{self, Ending};
use crate::give_up::GiveUp;
use crate::progress::{Budget, Life, Verdict};
use crate::sys::Errno;
use crate::sys::signal::{SIGABRT, SIGKILL, SIGTSTP};

/// What a second stop signal leaves of the time to stop.
const HURRY: Duration = Duration::from_secs(1);
/// How long a hung worker has for its core where the time to stop is unlimited.
const GRACE: Duration = Duration::from_secs(10);

/// What the machine waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The next worker's time.
    Restart,
    /// The end of the time that a worker has to stop.
    Stop,
    /// The end of the time that a hung worker has after its SIGABRT.
    Grace,
}

/// What the driver tells the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The program has begun.
    Start,
    /// The fork that an action asked for has happened: there is a worker.
    Forked,
    /// It failed.
    ForkFailed(Errno),
    /// The worker has ended.
    Died {
        /// How, and at whose hands.
        ending: Ending,
        /// What is to be judged of its life.
        life: Life,
        /// Whether `max_deaths` within `max_deaths_within` are reached.
        too_many: bool,
        /// Any number, to spread delays.
        random: u32,
    },
    /// A thread of the worker that gave signs of life has given none for `hang_timeout`.
    Hung,
    /// A signal came for the watch dog.
    Signal {
        /// Its number.
        signal: i32,
        /// Whether it asks the program to stop.
        stops: bool,
        /// Whether the worker got it as well, from the same terminal.
        shared: bool,
    },
    /// The time that `Action::Arm` named has passed.
    Timer(Timer),
}

/// What the machine tells the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Fork a worker; then `Forked` or `ForkFailed`.
    Fork,
    /// Be the worker from here on.
    Serve(Errno),
    /// Send this signal to the worker.
    Send(i32),
    /// Stop until somebody continues this process, as the worker does.
    Suspend,
    /// Report the death that was told last.
    LogDied {
        /// Restarts in a row without progress.
        restarts: u32,
        /// What happens now.
        next: Next,
    },
    /// Report that a worker runs.
    LogStarted,
    /// Report that a stop signal came.
    LogStopping(i32),
    /// Report that the worker hangs.
    LogHung,
    /// Report that the worker does not stop and is killed.
    LogKilling,
    /// Report that a limit is reached.
    LogGaveUp {
        /// Restarts in a row without progress.
        restarts: u32,
        /// Which limit.
        why: GiveUp,
    },
    /// Report `Timer` after this time, or earlier if it was armed to.
    Arm(Timer, Duration),
    /// Report that the program ends with this status, and end it. Always the last action.
    End(u8),
}

/// The actions of one step, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Actions {
    actions: [Option<Action>; 4],
}

impl Actions {
    const NONE: Self = Self { actions: [None; 4] };

    /// Those that `picks` picks, and the others.
    pub(crate) fn partition(self, picks: impl Fn(&Action) -> bool) -> (Self, Self) {
        let those = |picked| Self {
            actions: self
                .actions
                .map(|action| action.filter(|action| picks(action) == picked)),
        };
        (those(true), those(false))
    }

    fn of<const N: usize>(list: [Action; N]) -> Self {
        Self::of_those(list.map(Some))
    }

    /// Those of them that there are.
    fn of_those<const N: usize>(list: [Option<Action>; N]) -> Self {
        const { assert!(N <= 4, "a step has at most four actions") };
        let mut actions = Self::NONE;
        for (to, action) in actions.actions.iter_mut().zip(list.into_iter().flatten()) {
            *to = Some(action);
        }
        actions
    }
}

impl IntoIterator for Actions {
    type Item = Action;
    type IntoIter = core::iter::Flatten<core::array::IntoIter<Option<Action>, 4>>;

    fn into_iter(self) -> Self::IntoIter {
        self.actions.into_iter().flatten()
    }
}

/// Where the pair is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between `Action::Fork` and its answer.
    Forking,
    /// A worker runs.
    Running {
        /// How many stop signals came.
        stops: u8,
        /// Whether it hung.
        hung: bool,
    },
    /// The next worker's time has not come.
    Waiting,
    /// The watch dog serves as the worker.
    Degraded,
    /// The program ends.
    Ended,
}

/// The machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    state: State,
    options: Options,
    budget: Budget,
}

impl State {
    const BEGUN: Self = Self::Running {
        stops: 0,
        hung: false,
    };
}

impl Machine {
    /// The machine of a pair that has not begun.
    pub(crate) const fn new(options: Options) -> Self {
        Self::forking(options, 0)
    }

    /// The machine of a pair whose next worker is to be forked at `Start`, `spent` restarts into its budget.
    pub(crate) const fn forking(options: Options, spent: u32) -> Self {
        Self {
            state: State::Forking,
            options,
            budget: Budget::with_spent(spent),
        }
    }

    /// The machine of a pair whose worker runs, `spent` restarts into its budget.
    pub(crate) const fn resumed(options: Options, spent: u32) -> Self {
        Self {
            state: State::BEGUN,
            options,
            budget: Budget::with_spent(spent),
        }
    }

    /// Restarts in a row without progress.
    pub(crate) const fn restarts(&self) -> u32 {
        self.budget.spent()
    }

    /// One step.
    pub(crate) fn step(&mut self, event: Event) -> Actions {
        match (self.state, event) {
            (State::Forking, Event::Start) => Actions::of([Action::Fork]),
            (State::Waiting, Event::Timer(Timer::Restart)) => {
                self.state = State::Forking;
                Actions::of([Action::Fork])
            }
            (State::Forking, Event::Forked) => {
                self.state = State::BEGUN;
                Actions::of([Action::LogStarted])
            }
            (State::Forking, Event::ForkFailed(errno)) => {
                self.state = State::Degraded;
                Actions::of([Action::Serve(errno)])
            }
            (
                State::Running { stops, hung: _ },
                Event::Died {
                    ending,
                    life,
                    too_many,
                    random,
                },
            ) => self.on_death(stops > 0, ending, life, too_many, random),
            (
                State::Running { stops, hung },
                Event::Signal {
                    signal,
                    stops: true,
                    shared,
                },
            ) => self.on_stop(stops, hung, signal, shared),
            (
                state @ (State::Running { .. } | State::Waiting),
                Event::Signal {
                    signal,
                    stops: false,
                    shared,
                },
            ) => Actions::of_those([
                (state != State::Waiting && !shared).then_some(Action::Send(signal)),
                (signal == SIGTSTP).then_some(Action::Suspend),
            ]),
            (
                State::Running {
                    stops: 0,
                    hung: false,
                },
                Event::Hung,
            ) => {
                self.state = State::Running {
                    stops: 0,
                    hung: true,
                };
                let grace = match self.options.stop_timeout {
                    Duration::MAX => GRACE,
                    grace => grace,
                };
                Actions::of([
                    Action::LogHung,
                    Action::Send(SIGABRT),
                    Action::Arm(Timer::Grace, grace),
                ])
            }
            (State::Running { hung: true, .. }, Event::Timer(Timer::Grace))
            | (State::Running { stops: 1.., .. }, Event::Timer(Timer::Stop)) => {
                Actions::of([Action::LogKilling, Action::Send(SIGKILL)])
            }
            (
                State::Waiting | State::Forking,
                Event::Signal {
                    signal,
                    stops: true,
                    ..
                },
            ) => {
                self.state = State::Ended;
                let status = exit::status_of_signal(signal);
                Actions::of([Action::LogStopping(signal), Action::End(status)])
            }
            (
                State::Forking
                | State::Running { .. }
                | State::Waiting
                | State::Degraded
                | State::Ended,
                _,
            ) => Actions::NONE,
        }
    }

    /// The first stop signal begins the time that the worker has, the second one leaves a second of it, the third one nothing.
    fn on_stop(&mut self, stops: u8, hung: bool, signal: i32, shared: bool) -> Actions {
        self.state = State::Running {
            stops: stops.saturating_add(1),
            hung,
        };
        let forward = (!shared).then_some(Action::Send(signal));
        match stops {
            0 => {
                let time = self.options.stop_timeout;
                let limited = time != Duration::MAX;
                Actions::of_those([
                    forward,
                    Some(Action::LogStopping(signal)),
                    limited.then_some(Action::Arm(Timer::Stop, time)),
                ])
            }
            1 => Actions::of_those([forward, Some(Action::Arm(Timer::Stop, HURRY))]),
            _ => Actions::of([Action::LogKilling, Action::Send(SIGKILL)]),
        }
    }

    fn on_death(
        &mut self,
        stopping: bool,
        ending: Ending,
        life: Life,
        too_many: bool,
        random: u32,
    ) -> Actions {
        let Options {
            restart,
            never_restart,
            ..
        } = self.options;
        if stopping || !ending.restarts_under(restart, never_restart) {
            self.state = State::Ended;
            let log = Action::LogDied {
                restarts: self.restarts(),
                next: Next::Stop,
            };
            return Actions::of([log, Action::End(ending.exit.status())]);
        }
        let verdict = if too_many {
            Verdict::GiveUp(GiveUp::TooManyDeaths {
                deaths: self.options.max_deaths,
                within: self.options.max_deaths_within,
            })
        } else {
            self.budget.on_death(ending, life, &self.options, random)
        };
        match verdict {
            Verdict::RestartAfter(Duration::ZERO) => {
                self.state = State::Forking;
                let next = Next::Restart(Duration::ZERO);
                // The next worker first: it need not wait for the log.
                Actions::of([
                    Action::Fork,
                    Action::LogDied {
                        restarts: self.restarts(),
                        next,
                    },
                ])
            }
            Verdict::RestartAfter(delay) => {
                self.state = State::Waiting;
                let next = Next::Restart(delay);
                Actions::of([
                    Action::LogDied {
                        restarts: self.restarts(),
                        next,
                    },
                    Action::Arm(Timer::Restart, delay),
                ])
            }
            Verdict::GiveUp(why) => {
                self.state = State::Ended;
                let restarts = self.restarts();
                let log = Action::LogDied {
                    restarts,
                    next: Next::GiveUp,
                };
                let gave_up = Action::LogGaveUp { restarts, why };
                Actions::of([log, gave_up, Action::End(exit::GAVE_UP)])
            }
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
