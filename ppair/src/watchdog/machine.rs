//! The watch dog's decisions: (state, event) -> (state, actions), without a system call, a clock or an allocation.
//!
//! | state | `Forked` | `ForkFailed` | `Died` | stop signal | other signal | `Timer` |
//! |---|---|---|---|---|---|---|
//! | `Forking` | `Running` | `Degraded` | | remembered | | |
//! | `Running` | | | `Forking`, `Waiting` or `Ended` | forward, stopping | forward | |
//! | `Running`, stopping | | | `Ended` | forward | forward | |
//! | `Waiting` | | | | `Ended` | dropped: the next worker starts afresh | `Forking` |
//! | `Degraded`, `Ended` | | | | | | |
//!
//! An empty cell is an event that cannot happen there; it changes nothing.

use core::time::Duration;

use crate::config::Options;
use crate::event::Next;
use crate::exit::{self, Ending, Exit};
use crate::progress::{Budget, Verdict};
use crate::sys::Errno;

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
        /// How.
        exit: Exit,
        /// Whether it committed a checkpoint or lived for `healthy_after`.
        progressed: bool,
        /// Any number, to spread delays.
        random: u32,
    },
    /// A signal came for the watch dog.
    Signal {
        /// Its number.
        signal: i32,
        /// Whether it asks the program to stop.
        stops: bool,
        /// Whether the worker got it as well, from the same terminal.
        shared: bool,
    },
    /// The time that `Action::Wait` named has passed.
    Timer,
}

/// What the machine tells the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Fork a worker; then `Forked` or `ForkFailed`.
    Fork,
    /// Be the worker from here on.
    Serve(Errno),
    /// Send this signal to the worker.
    Forward(i32),
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
    /// Report that the budget is spent.
    LogGaveUp(u32),
    /// Report `Timer` after this time.
    Wait(Duration),
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
        const { assert!(N <= 4, "a step has at most four actions") };
        let mut actions = Self::NONE;
        for (to, action) in actions.actions.iter_mut().zip(list) {
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
    /// A worker runs; `stopping` once a stop signal came.
    Running { stopping: bool },
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
            state: State::Running { stopping: false },
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
            (State::Waiting, Event::Timer) => {
                self.state = State::Forking;
                Actions::of([Action::Fork])
            }
            (State::Forking, Event::Forked) => {
                self.state = State::Running { stopping: false };
                Actions::of([Action::LogStarted])
            }
            (State::Forking, Event::ForkFailed(errno)) => {
                self.state = State::Degraded;
                Actions::of([Action::Serve(errno)])
            }
            (
                State::Running { stopping },
                Event::Died {
                    exit,
                    progressed,
                    random,
                },
            ) => self.on_death(stopping, exit, progressed, random),
            (
                State::Running { stopping },
                Event::Signal {
                    signal,
                    stops,
                    shared,
                },
            ) => {
                self.state = State::Running {
                    stopping: stopping || stops,
                };
                match (stops && !stopping, shared) {
                    (true, false) => {
                        Actions::of([Action::Forward(signal), Action::LogStopping(signal)])
                    }
                    (true, true) => Actions::of([Action::LogStopping(signal)]),
                    (false, false) => Actions::of([Action::Forward(signal)]),
                    (false, true) => Actions::NONE,
                }
            }
            (
                State::Waiting,
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

    fn on_death(&mut self, stopping: bool, exit: Exit, progressed: bool, random: u32) -> Actions {
        if stopping || !Ending::own(exit).restarts_under(self.options.restart) {
            self.state = State::Ended;
            let log = Action::LogDied {
                restarts: self.restarts(),
                next: Next::Stop,
            };
            return Actions::of([log, Action::End(exit.status())]);
        }
        match self.budget.on_death(progressed, &self.options, random) {
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
                    Action::Wait(delay),
                ])
            }
            Verdict::GiveUp => {
                self.state = State::Ended;
                let restarts = self.restarts();
                let log = Action::LogDied {
                    restarts,
                    next: Next::GiveUp,
                };
                Actions::of([log, Action::LogGaveUp(restarts), Action::End(exit::GAVE_UP)])
            }
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
