//! The machine as a table: each row is a script of events and what the machine answers to each.

use super::*;
use crate::config::Restart;

const SEGV: Exit = Exit::Signal {
    signal: 11,
    core: false,
};
const TERM: i32 = 15;
const HUP: i32 = 1;
const EAGAIN: Errno = Errno::EAGAIN;

fn died(exit: Exit) -> Event {
    Event::Died {
        exit,
        progressed: false,
        random: 0,
    }
}

fn progressed(exit: Exit) -> Event {
    Event::Died {
        exit,
        progressed: true,
        random: 0,
    }
}

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
                &[log(2, Next::Restart(ms(100))), Action::Wait(ms(100))],
            ),
            (Event::Timer, &[Action::Fork]),
            (Event::Forked, &[Action::LogStarted]),
            (
                died(SEGV),
                &[log(3, Next::Restart(ms(200))), Action::Wait(ms(200))],
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
                &[log(1, Next::GiveUp), Action::LogGaveUp(1), Action::End(70)],
            ),
            (Event::Timer, &[]),
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
            (
                stop(false),
                &[Action::Forward(TERM), Action::LogStopping(TERM)],
            ),
            (stop(false), &[Action::Forward(TERM)]),
            (died(SEGV), &[log(0, Next::Stop), Action::End(139)]),
        ],
    );
}

#[test]
fn a_stop_that_a_terminal_sent_to_both_is_not_forwarded() {
    play_begun(
        Options::DEFAULT,
        &[
            (stop(true), &[Action::LogStopping(TERM)]),
            (stop(true), &[]),
            (died(Exit::Code(0)), &[log(0, Next::Stop), Action::End(0)]),
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
            (hup(false), &[Action::Forward(HUP)]),
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
                &[log(2, Next::Restart(ms(100))), Action::Wait(ms(100))],
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
    assert_eq!(
        found,
        [log(3, Next::GiveUp), Action::LogGaveUp(3), Action::End(70)]
    );
}

#[test]
fn an_event_that_cannot_happen_changes_nothing() {
    let events = [
        Event::Start,
        Event::Forked,
        Event::ForkFailed(EAGAIN),
        died(SEGV),
        stop(false),
        Event::Timer,
    ];
    let states = [
        State::Forking,
        State::Running { stopping: false },
        State::Running { stopping: true },
        State::Waiting,
        State::Degraded,
        State::Ended,
    ];
    // One row a state: which of the events above it answers to. The table in the module's head says the same.
    let answers = [
        [true, true, true, false, false, false],
        [false, false, false, true, true, false],
        [false, false, false, true, true, false],
        [false, false, false, false, true, true],
        [false; 6],
        [false; 6],
    ];
    for (state, answers) in states.into_iter().zip(answers) {
        for (event, answers) in events.into_iter().zip(answers) {
            let mut machine = Machine {
                state,
                ..Machine::new(Options::DEFAULT)
            };
            let silent = machine.step(event) == Actions::NONE;
            assert_eq!(!silent, answers, "{state:?} {event:?}");
            if silent {
                assert_eq!(machine.state, state, "{event:?}");
            }
        }
    }
}
