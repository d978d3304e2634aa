//! The machine as a table: each row is a script of events and what the machine answers to each.

use super::*;
use crate::config::Restart;
use crate::exit::{Exit, Reason};

const SEGV: Exit = Exit::Signal {
    signal: 11,
    core: false,
};
const TERM: i32 = 15;
const HUP: i32 = 1;
const EAGAIN: Errno = Errno::EAGAIN;

/// The life of a worker that died soon, of another cause than the one before.
const fn life(committed: bool) -> Life {
    Life {
        committed,
        uptime: Duration::from_millis(1),
        same: false,
        lost_reader: false,
    }
}

fn gave_up(restarts: u32) -> Action {
    let why = GiveUp::NoProgress { restarts };
    Action::LogGaveUp { restarts, why }
}

fn died(exit: Exit) -> Event {
    Event::Died {
        ending: Ending::own(exit),
        life: life(false),
        too_many: false,
        random: 0,
    }
}

fn progressed(exit: Exit) -> Event {
    Event::Died {
        ending: Ending::own(exit),
        life: life(true),
        too_many: false,
        random: 0,
    }
}

const KILLED: Exit = Exit::Signal {
    signal: SIGKILL,
    core: false,
};
const ABORTED: Exit = Exit::Signal {
    signal: SIGABRT,
    core: false,
};

/// A worker that hung has ended.
fn died_hung(exit: Exit) -> Event {
    Event::Died {
        ending: Ending {
            exit,
            reason: Reason::Hang,
        },
        life: life(false),
        too_many: false,
        random: 0,
    }
}

fn restart_in(delay: Duration) -> Action {
    Action::Arm(Timer::Restart, delay)
}

/// What a pair with the default options does at the first stop signal that the worker has not got as well.
const STOPS: [Action; 3] = [
    Action::Send(TERM),
    Action::LogStopping(TERM),
    Action::Arm(Timer::Stop, Duration::from_secs(10)),
];

fn stop(shared: bool) -> Event {
    Event::Signal {
        signal: TERM,
        stops: true,
        shared,
    }
}

fn log(restarts: u32, next: Next) -> Action {
    Action::LogDied { restarts, next }
}

fn at_once() -> Next {
    Next::Restart(Duration::ZERO)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Plays a script and compares each answer.
fn play(options: Options, script: &[(Event, &[Action])]) {
    let mut machine = Machine::new(options);
    for (at, &(event, expected)) in script.iter().enumerate() {
        let found: Vec<_> = machine.step(event).into_iter().collect();
        assert_eq!(found, expected, "step {at}: {event:?}");
    }
}

/// Plays a script that goes on after the first worker has started.
fn play_begun(options: Options, rest: &[(Event, &[Action])]) {
    let begin: [(Event, &[Action]); 2] = [
        (Event::Start, &[Action::Fork]),
        (Event::Forked, &[Action::LogStarted]),
    ];
    let script: Vec<_> = begin.iter().chain(rest).copied().collect();
    play(options, &script);
}

#[test]
fn a_clean_exit_ends_the_program_with_status_0() {
    play_begun(
        Options::DEFAULT,
        &[(died(Exit::Code(0)), &[log(0, Next::Stop), Action::End(0)])],
    );
}

#[test]
fn a_crash_forks_the_next_worker_before_it_is_logged() {
    play_begun(
        Options::DEFAULT,
        &[
            (died(SEGV), &[Action::Fork, log(1, at_once())]),
            (Event::Forked, &[Action::LogStarted]),
            (progressed(SEGV), &[Action::Fork, log(0, at_once())]),
        ],
    );
}

#[test]
fn crashes_without_progress_are_delayed_and_the_timer_forks() {
    play_begun(
        Options::DEFAULT,
        &[
            (died(SEGV), &[Action::Fork, log(1, at_once())]),
            (Event::Forked, &[Action::LogStarted]),
            (
                died(SEGV),
                &[log(2, Next::Restart(ms(100))), restart_in(ms(100))],
            ),
            (Event::Timer(Timer::Restart), &[Action::Fork]),
            (Event::Forked, &[Action::LogStarted]),
            (
                died(SEGV),
                &[log(3, Next::Restart(ms(200))), restart_in(ms(200))],
            ),
        ],
    );
}

#[test]
fn a_spent_budget_gives_up_with_70() {
    let options = Options {
        max_restarts: 1,
        ..Options::DEFAULT
    };
    play_begun(
        options,
        &[
            (died(SEGV), &[Action::Fork, log(1, at_once())]),
            (Event::Forked, &[Action::LogStarted]),
            (
                died(SEGV),
                &[log(1, Next::GiveUp), gave_up(1), Action::End(70)],
            ),
            (Event::Timer(Timer::Restart), &[]),
        ],
    );
}

#[test]
fn a_death_that_the_policy_does_not_restart_ends_with_the_workers_status() {
    for (restart, exit, status) in [
        (Restart::Never, SEGV, 139),
        (
            Restart::OnFailure,
            Exit::Signal {
                signal: TERM,
                core: false,
            },
            143,
        ),
        (Restart::OnAbnormal, Exit::Code(3), 3),
        (Restart::Always, Exit::Code(2), 2),
        (Restart::OnFailure, Exit::Code(64), 64),
        (Restart::Always, Exit::Code(78), 78),
    ] {
        let options = Options {
            restart,
            ..Options::DEFAULT
        };
        play_begun(
            options,
            &[(died(exit), &[log(0, Next::Stop), Action::End(status)])],
        );
    }
}

#[test]
fn a_stop_is_forwarded_and_wins_over_the_restart() {
    play_begun(
        Options::DEFAULT,
        &[
            (stop(false), &STOPS),
            (died(SEGV), &[log(0, Next::Stop), Action::End(139)]),
        ],
    );
}

#[test]
fn a_stop_that_a_terminal_sent_to_both_is_not_forwarded() {
    play_begun(
        Options::DEFAULT,
        &[
            (stop(true), &STOPS[1..]),
            (stop(true), &[Action::Arm(Timer::Stop, HURRY)]),
            (died(Exit::Code(0)), &[log(0, Next::Stop), Action::End(0)]),
        ],
    );
}

#[test]
fn a_worker_that_does_not_stop_in_time_is_killed() {
    play_begun(
        Options::DEFAULT,
        &[
            (stop(false), &STOPS),
            (
                Event::Timer(Timer::Stop),
                &[Action::LogKilling, Action::Send(SIGKILL)],
            ),
            (died(KILLED), &[log(0, Next::Stop), Action::End(137)]),
        ],
    );
}

#[test]
fn a_second_stop_leaves_a_second_and_a_third_nothing() {
    play_begun(
        Options::DEFAULT,
        &[
            (stop(false), &STOPS),
            (
                stop(false),
                &[Action::Send(TERM), Action::Arm(Timer::Stop, HURRY)],
            ),
            (stop(false), &[Action::LogKilling, Action::Send(SIGKILL)]),
            (stop(false), &[Action::LogKilling, Action::Send(SIGKILL)]),
        ],
    );
}

#[test]
fn without_a_limit_a_worker_stops_in_its_own_time() {
    let options = Options {
        stop_timeout: Duration::MAX,
        ..Options::DEFAULT
    };
    play_begun(
        options,
        &[
            (stop(false), &STOPS[..2]),
            (died(Exit::Code(0)), &[log(0, Next::Stop), Action::End(0)]),
        ],
    );
}

#[test]
fn a_hung_worker_is_aborted_and_then_killed_and_restarted() {
    let grace = Options::DEFAULT.stop_timeout;
    play_begun(
        Options::DEFAULT,
        &[
            (
                Event::Hung,
                &[
                    Action::LogHung,
                    Action::Send(SIGABRT),
                    Action::Arm(Timer::Grace, grace),
                ],
            ),
            (Event::Hung, &[]),
            (
                Event::Timer(Timer::Grace),
                &[Action::LogKilling, Action::Send(SIGKILL)],
            ),
            (died_hung(KILLED), &[Action::Fork, log(1, at_once())]),
            (Event::Forked, &[Action::LogStarted]),
            // An alarm of the last worker's means nothing to the next one.
            (Event::Timer(Timer::Grace), &[]),
        ],
    );
}

#[test]
fn a_hang_is_restarted_by_its_own_policy_only() {
    for (restart, restarts) in [(Restart::OnWatchdog, true), (Restart::OnAbort, false)] {
        let options = Options {
            restart,
            ..Options::DEFAULT
        };
        let mut machine = Machine::new(options);
        for event in [Event::Start, Event::Forked, Event::Hung] {
            machine.step(event);
        }
        let found = machine.step(died_hung(ABORTED));
        let forks = found.into_iter().any(|action| action == Action::Fork);
        assert_eq!(forks, restarts, "{restart:?}");
    }
}

#[test]
fn a_stop_wins_over_the_restart_of_a_hung_worker() {
    let mut machine = Machine::new(Options::DEFAULT);
    for event in [Event::Start, Event::Forked, Event::Hung, stop(false)] {
        machine.step(event);
    }
    let found: Vec<_> = machine.step(died_hung(ABORTED)).into_iter().collect();
    assert_eq!(found, [log(0, Next::Stop), Action::End(134)]);
}

#[test]
fn a_worker_that_stops_is_not_judged_by_its_hearts() {
    play_begun(
        Options::DEFAULT,
        &[(stop(false), &STOPS), (Event::Hung, &[])],
    );
}

#[test]
fn too_many_deaths_in_a_time_give_up_also_with_progress() {
    let last = Event::Died {
        ending: Ending::own(SEGV),
        life: life(true),
        too_many: true,
        random: 0,
    };
    let why = GiveUp::TooManyDeaths {
        deaths: u32::MAX,
        within: Duration::from_secs(3_600),
    };
    let gave_up = Action::LogGaveUp { restarts: 0, why };
    play_begun(
        Options::DEFAULT,
        &[(last, &[log(0, Next::GiveUp), gave_up, Action::End(70)])],
    );
}

#[test]
fn early_deaths_of_the_same_cause_with_a_commit_end_in_delays_and_then_in_70() {
    let mut machine = Machine::new(Options::DEFAULT);
    machine.step(Event::Start);
    let same = Life {
        same: true,
        ..life(true)
    };
    let died = Event::Died {
        ending: Ending::own(Exit::Code(101)),
        life: same,
        too_many: false,
        random: 0,
    };
    let mut delays = Vec::new();
    let last = loop {
        machine.step(Event::Forked);
        let actions: Vec<_> = machine.step(died).into_iter().collect();
        match actions[..] {
            [Action::Fork, log_at_once] => {
                assert_eq!(log_at_once, log(0, at_once()));
                delays.push(Duration::ZERO);
            }
            [_, Action::Arm(Timer::Restart, delay)] => {
                delays.push(delay);
                machine.step(Event::Timer(Timer::Restart));
            }
            _ => break actions,
        }
    };
    assert_eq!(delays, [[ms(0); 100].as_slice(), &[ms(100); 10]].concat());
    let why = GiveUp::SameDeath {
        times: 111,
        within: ms(500),
    };
    let restarts = 10;
    let gave_up = Action::LogGaveUp { restarts, why };
    assert_eq!(
        last,
        [log(restarts, Next::GiveUp), gave_up, Action::End(70)]
    );
}

#[test]
fn a_terminals_stop_reaches_the_worker_once_and_stops_the_watch_dog_as_well() {
    let suspend = |shared| Event::Signal {
        signal: SIGTSTP,
        stops: false,
        shared,
    };
    play_begun(
        Options::DEFAULT,
        &[
            (suspend(true), &[Action::Suspend]),
            (suspend(false), &[Action::Send(SIGTSTP), Action::Suspend]),
        ],
    );
}

#[test]
fn another_signal_is_forwarded_and_stops_nothing() {
    let hup = |shared| Event::Signal {
        signal: HUP,
        stops: false,
        shared,
    };
    play_begun(
        Options::DEFAULT,
        &[
            (hup(false), &[Action::Send(HUP)]),
            (hup(true), &[]),
            (died(SEGV), &[Action::Fork, log(1, at_once())]),
        ],
    );
}

#[test]
fn a_stop_while_waiting_ends_the_program_and_another_signal_does_not() {
    let hup = Event::Signal {
        signal: HUP,
        stops: false,
        shared: false,
    };
    play_begun(
        Options::DEFAULT,
        &[
            (died(SEGV), &[Action::Fork, log(1, at_once())]),
            (Event::Forked, &[Action::LogStarted]),
            (
                died(SEGV),
                &[log(2, Next::Restart(ms(100))), restart_in(ms(100))],
            ),
            (hup, &[]),
            (stop(false), &[Action::LogStopping(TERM), Action::End(143)]),
        ],
    );
}

#[test]
fn a_fork_that_fails_degrades_at_the_first_start_and_at_a_restart() {
    play(
        Options::DEFAULT,
        &[
            (Event::Start, &[Action::Fork]),
            (Event::ForkFailed(EAGAIN), &[Action::Serve(EAGAIN)]),
        ],
    );
    play_begun(
        Options::DEFAULT,
        &[
            (died(SEGV), &[Action::Fork, log(1, at_once())]),
            (Event::ForkFailed(EAGAIN), &[Action::Serve(EAGAIN)]),
        ],
    );
}

#[test]
fn a_resumed_machine_goes_on_with_its_budget() {
    let options = Options {
        max_restarts: 3,
        ..Options::DEFAULT
    };
    let mut machine = Machine::resumed(options, 3);
    let found: Vec<_> = machine.step(died(SEGV)).into_iter().collect();
    assert_eq!(found, [log(3, Next::GiveUp), gave_up(3), Action::End(70)]);
}

#[test]
fn an_event_that_cannot_happen_changes_nothing() {
    let hup = Event::Signal {
        signal: HUP,
        stops: false,
        shared: false,
    };
    let events = [
        Event::Start,
        Event::Forked,
        Event::ForkFailed(EAGAIN),
        died(SEGV),
        stop(false),
        hup,
        Event::Hung,
        Event::Timer(Timer::Restart),
        Event::Timer(Timer::Stop),
        Event::Timer(Timer::Grace),
    ];
    let running = |stops, hung| State::Running { stops, hung };
    // One row a state: which of the events above it answers to. The table in the module's head says the same.
    let rows: [(State, [u8; 10]); 7] = [
        (State::Forking, [1, 1, 1, 0, 1, 0, 0, 0, 0, 0]),
        (running(0, false), [0, 0, 0, 1, 1, 1, 1, 0, 0, 0]),
        (running(1, false), [0, 0, 0, 1, 1, 1, 0, 0, 1, 0]),
        (running(0, true), [0, 0, 0, 1, 1, 1, 0, 0, 0, 1]),
        (State::Waiting, [0, 0, 0, 0, 1, 0, 0, 1, 0, 0]),
        (State::Degraded, [0; 10]),
        (State::Ended, [0; 10]),
    ];
    for (state, answers) in rows {
        for (event, answers) in events.into_iter().zip(answers) {
            let mut machine = Machine {
                state,
                ..Machine::new(Options::DEFAULT)
            };
            let silent = machine.step(event) == Actions::NONE;
            assert_eq!(!silent, answers == 1, "{state:?} {event:?}");
            if silent {
                assert_eq!(machine.state, state, "{event:?}");
            }
        }
    }
}
