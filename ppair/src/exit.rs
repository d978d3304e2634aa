//! How a worker ended, what its restart policy says to that, and the exit status of the program. Pure.

use crate::config::{ExitCodes, Restart};
use crate::sys::signal::{SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGTERM};

/// The pair gave up: `EX_SOFTWARE` of sysexits.h.
pub(crate) const GAVE_UP: u8 = 70;
/// The system refuses what a pair cannot do without: `EX_OSERR` of sysexits.h.
pub(crate) const SYSTEM: u8 = 71;
/// The configuration is wrong, so that no restart would help: `EX_CONFIG` of sysexits.h.
pub(crate) const CONFIG: u8 = 78;
/// Another pair has the store (`EX_TEMPFAIL` of sysexits.h).
pub(crate) const HELD: u8 = 75;

/// The exit code of a Rust program whose main thread panicked.
pub(crate) const PANICKED: u8 = 101;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It returned from `main` or called `exit`.
    Code(u8),
    /// A signal killed it.
    Signal {
        /// The signal's number.
        signal: i32,
        /// Whether a core was dumped.
        core: bool,
    },
}

impl Exit {
    /// Reads a status word of `wait(2)` that says that the process has ended.
    pub(crate) const fn from_status(status: i32) -> Self {
        match status & 0x7f {
            0 => Self::Code(byte(status >> 8)),
            signal => Self::Signal {
                signal,
                core: status & 0x80 != 0,
            },
        }
    }

    /// The exit status of a program that ends because its worker ended so: the worker's, or 128 and the signal.
    pub(crate) const fn status(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal { signal, .. } => status_of_signal(signal),
        }
    }
}

/// What made a worker end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) enum Reason {
    /// Nothing that the watch dog knows of: the worker itself, or whoever sent it a signal.
    Own,
    /// The watch dog: the worker gave no sign of life for `hang_timeout`.
    Hang,
    /// The kernel: there was no memory left.
    Oom,
    /// The watch dog: the worker did not stop within `stop_timeout`.
    StopTimeout,
}

/// The end of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// How it ended.
    pub(crate) exit: Exit,
    /// What made it end.
    pub(crate) reason: Reason,
}

impl Ending {
    /// The end of a worker that nothing but itself made end, for all that is known.
    #[cfg(test)]
    pub(crate) const fn own(exit: Exit) -> Self {
        Self {
            exit,
            reason: Reason::Own,
        }
    }

    /// Whether it was the worker's own doing, so that what it started from may be to blame: also if it hung, or took all the memory. Who
    /// ends a worker from outside says nothing of its hard state.
    pub(crate) const fn is_own_doing(self) -> bool {
        let from_outside = matches!(
            self.exit,
            Exit::Signal {
                signal: SIGKILL | SIGHUP | SIGINT | SIGTERM,
                ..
            }
        );
        matches!(self.reason, Reason::Hang | Reason::Oom) || !from_outside
    }

    /// Whether `policy` restarts a worker that ended so: systemd's table, see [`Restart`]; and
    /// never with one of the exit codes `but`.
    pub(crate) const fn restarts_under(self, policy: Restart, but: ExitCodes) -> bool {
        use Restart::{Always, Never, OnAbnormal, OnAbort, OnFailure, OnSuccess, OnWatchdog};
        if let Exit::Code(code) = self.exit {
            if but.has(code) {
                return false;
            }
        }
        match policy {
            Always => true,
            Never => false,
            OnSuccess => self.is_clean(),
            OnFailure => !self.is_clean(),
            OnAbnormal => match (self.reason, self.exit) {
                (Reason::Own, Exit::Code(_)) => false,
                (Reason::Own, Exit::Signal { .. }) => !self.is_clean(),
                (Reason::Hang | Reason::Oom | Reason::StopTimeout, _) => true,
            },
            OnAbort => {
                matches!((self.reason, self.exit), (Reason::Own, Exit::Signal { .. }))
                    && !self.is_clean()
            }
            OnWatchdog => matches!(self.reason, Reason::Hang),
        }
    }

    /// Whether the worker ended in order: on its own account, with code 0 or by a signal that asks for an end.
    const fn is_clean(self) -> bool {
        matches!(self.reason, Reason::Own)
            && matches!(
                self.exit,
                Exit::Code(0)
                    | Exit::Signal {
                        signal: SIGHUP | SIGINT | SIGTERM | SIGPIPE,
                        ..
                    }
            )
    }
}

/// The exit status that a shell gives a process that was killed by `signal`.
pub(crate) const fn status_of_signal(signal: i32) -> u8 {
    128 | byte(signal & 0x7f)
}

const fn byte(number: i32) -> u8 {
    number.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::signal::SIGABRT;

    #[test]
    fn a_worker_that_was_ended_from_outside_is_not_to_blame() {
        let by = |signal| Exit::Signal {
            signal,
            core: false,
        };
        for signal in [SIGKILL, SIGTERM, SIGINT, SIGHUP] {
            assert!(!Ending::own(by(signal)).is_own_doing(), "{signal}");
        }
        for exit in [by(SIGPIPE), by(11), by(6), Exit::Code(1), Exit::Code(101)] {
            assert!(Ending::own(exit).is_own_doing(), "{exit:?}");
        }
        for reason in [Reason::Hang, Reason::Oom] {
            let exit = by(SIGKILL);
            assert!(Ending { exit, reason }.is_own_doing(), "{reason:?}");
        }
    }
    const fn killed(signal: i32) -> Exit {
        Exit::Signal {
            signal,
            core: false,
        }
    }

    #[test]
    fn status_words_are_read_as_wait_writes_them() {
        assert_eq!(Exit::from_status(0), Exit::Code(0));
        assert_eq!(Exit::from_status(7 << 8), Exit::Code(7));
        assert_eq!(Exit::from_status(9), killed(9));
        assert_eq!(
            Exit::from_status(0x80 | 0xb),
            Exit::Signal {
                signal: 11,
                core: true
            }
        );
    }

    #[test]
    fn the_programs_status_is_the_workers() {
        assert_eq!(Exit::Code(3).status(), 3);
        assert_eq!(killed(15).status(), 143);
    }

    /// systemd.service(5), "Restart=", Table 1: its rows and columns in its order, `X` for a restart.
    const TABLE: &str = "
        cause                       | no | always | on-success | on-failure | on-abnormal | on-abort | on-watchdog
        clean exit code or signal   |    |   X    |     X      |            |             |          |
        unclean exit code           |    |   X    |            |     X      |             |          |
        unclean signal              |    |   X    |            |     X      |      X      |    X     |
        timeout                     |    |   X    |            |     X      |      X      |          |
        watchdog                    |    |   X    |            |     X      |      X      |          |      X
        termination due to oom      |    |   X    |            |     X      |      X      |          |
    ";

    /// The policies in the order of the table's columns.
    const COLUMNS: [(&str, Restart); 7] = [
        ("no", Restart::Never),
        ("always", Restart::Always),
        ("on-success", Restart::OnSuccess),
        ("on-failure", Restart::OnFailure),
        ("on-abnormal", Restart::OnAbnormal),
        ("on-abort", Restart::OnAbort),
        ("on-watchdog", Restart::OnWatchdog),
    ];

    /// The ends that are of each cause.
    fn endings(cause: &str) -> Vec<Ending> {
        const EVERY: [Exit; 6] = [
            Exit::Code(0),
            Exit::Code(1),
            killed(SIGKILL),
            killed(SIGABRT),
            killed(SIGTERM),
            Exit::Signal {
                signal: 11,
                core: true,
            },
        ];
        let by =
            |reason, exits: &[Exit]| exits.iter().map(|&exit| Ending { exit, reason }).collect();
        match cause {
            "clean exit code or signal" => {
                let clean = [SIGHUP, SIGINT, SIGTERM, SIGPIPE].map(killed);
                [by(Reason::Own, &[Exit::Code(0)]), by(Reason::Own, &clean)].concat()
            }
            "unclean exit code" => by(Reason::Own, &[1, 2, 70, 77, 79, 101, 255].map(Exit::Code)),
            "unclean signal" => {
                // Every signal but the clean ones, also those of real time.
                let signals = (1..=64).filter(|signal| ![1, 2, 13, 15].contains(signal));
                by(Reason::Own, &signals.map(killed).collect::<Vec<_>>())
            }
            "timeout" => by(Reason::StopTimeout, &EVERY),
            "watchdog" => by(Reason::Hang, &EVERY),
            "termination due to oom" => by(Reason::Oom, &EVERY),
            other => panic!("`{other}` is no cause of the table"),
        }
    }

    #[test]
    fn the_restart_table_is_systemds_cell_by_cell() {
        let mut rows = TABLE.trim().lines().map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            assert_eq!(cells.len(), 8, "{row}");
            cells
        });
        let head = rows.next().unwrap();
        assert_eq!(head[1..], COLUMNS.map(|(name, _)| name));
        let mut cells = 0;
        for row in rows {
            for (cell, (name, policy)) in row[1..].iter().zip(COLUMNS) {
                for ending in endings(row[0]) {
                    let restarts = ending.restarts_under(policy, ExitCodes::of(&[]));
                    assert_eq!(restarts, *cell == "X", "{ending:?} under {name}");
                }
                cells += 1;
            }
        }
        assert_eq!(cells, 42);
    }

    #[test]
    fn what_is_never_restarted_is_so_under_no_policy_and_for_no_reason() {
        for (name, policy) in COLUMNS {
            for reason in [Reason::Own, Reason::Hang, Reason::Oom, Reason::StopTimeout] {
                for code in 0..=u8::MAX {
                    let exit = Exit::Code(code);
                    let ending = Ending { exit, reason };
                    let restarts = |but: &[u8]| ending.restarts_under(policy, ExitCodes::of(but));
                    assert!(!restarts(&[code]), "{ending:?} under {name}");
                    // Code 78 is one of them also where it is not listed.
                    let expected = code != CONFIG && restarts(&[]);
                    assert_eq!(restarts(&[code ^ 1]), expected, "{ending:?} under {name}");
                }
            }
        }
    }

    #[test]
    fn the_table_has_a_column_for_each_policy_that_can_be_named() {
        for (word, policy) in Restart::NAMES {
            let (name, _) = COLUMNS.into_iter().find(|(_, of)| *of == policy).unwrap();
            let word = if word == "never" { "no" } else { word };
            assert_eq!(name, word.replace('_', "-"));
        }
    }
}
