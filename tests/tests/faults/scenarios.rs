//! What a pair goes through, and in which part of it calls fail.

use nix::errno::Errno;
use ppair_tests::Signal;
use ppair_tests::inject::{Call, Fault, Times, Whom};

use crate::script::{Outcome, Script};

/// One script, and the name of the part of it in which calls fail.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// For the reader of the table.
    pub(crate) about: &'static str,
    pub(crate) argument: Option<&'static str>,
    /// Which calls fail, if not all do: the others fail elsewhere.
    pub(crate) only: Option<&'static [&'static str]>,
    pub(crate) environment: &'static [(&'static str, &'static str)],
    pub(crate) whom: Whom,
    pub(crate) has_manager: bool,
    /// Whether the first fork fails, as a part of the script.
    pub(crate) is_degraded: bool,
    /// The calls fail from the spawn on, and not only in `faulty`.
    pub(crate) from_start: bool,
    pub(crate) play: fn(&mut Script) -> Outcome,
    /// With which code it then ends.
    pub(crate) code: i32,
    /// How many workers die on the way, as the log has it.
    pub(crate) deaths: usize,
    /// How often a call fails that fails again and again.
    pub(crate) many: usize,
}

/// The phase before the one that counts.
const BEFORE: &str = "before";

const PLAIN: Scenario = Scenario {
    name: "",
    about: "",
    argument: None,
    only: None,
    environment: &[],
    whom: Whom::Watchdog,
    has_manager: false,
    is_degraded: false,
    from_start: false,
    play: |_| Ok(()),
    code: 143,
    deaths: 2,
    many: 20,
};

impl Scenario {
    /// The phase that the program is spawned in.
    pub(crate) fn first_phase(&self) -> Option<&'static str> {
        if self.from_start {
            return Some(self.name);
        }
        self.is_degraded.then_some(BEFORE)
    }

    /// What fails as a part of the script.
    pub(crate) fn own_faults(&self) -> Vec<Fault> {
        let fork = Fault {
            call: Call {
                phase: BEFORE,
                name: "fork".to_owned(),
                index: 0,
            },
            errno: Errno::EAGAIN,
            times: Times::Once,
        };
        self.is_degraded.then_some(fork).into_iter().collect()
    }
}

fn begins_and_rests(script: &mut Script) -> Outcome {
    script.begin()?;
    script.rest(0);
    Ok(())
}

pub(crate) const SCENARIOS: [Scenario; 16] = [
    Scenario {
        name: "start",
        about: "from the beginning of `main` to the first worker",
        from_start: true,
        play: |script| {
            begins_and_rests(script)?;
            script.serves_and_stops()
        },
        ..PLAIN
    },
    Scenario {
        name: "setup-child",
        about: "the same, with a process that `setup` has started, and that lives on",
        argument: Some("setup-child"),
        only: Some(&[
            "prctl PR_SET_CHILD_SUBREAPER",
            "open /proc",
            "getdents64 /proc",
            "open /proc/PID/stat",
            "read /proc/PID/stat",
        ]),
        from_start: true,
        play: |script| {
            script.keep_setup_child()?;
            begins_and_rests(script)?;
            script.serves_and_keeps()
        },
        ..PLAIN
    },
    Scenario {
        name: "worker",
        deaths: 1,
        about: "in the first worker, from the fork to its first line",
        whom: Whom::Worker,
        from_start: true,
        play: |script| {
            script.begin()?;
            script.stops()
        },
        ..PLAIN
    },
    Scenario {
        name: "guarded worker",
        deaths: 1,
        about: "the same, with its hard state write-protected",
        environment: &[("PPAIR_GUARD", "on")],
        whom: Whom::Worker,
        from_start: true,
        play: |script| {
            script.begin()?;
            script.stops()
        },
        ..PLAIN
    },
    Scenario {
        name: "restart",
        deaths: 3,
        about: "a worker that has committed aborts, and the next one begins at once",
        play: |script| {
            begins_and_rests(script)?;
            script.add()?;
            script.faulty(|script| {
                script.write("abort")?;
                script.begin()
            })?;
            script.serves_and_stops()
        },
        ..PLAIN
    },
    Scenario {
        name: "delayed restart",
        deaths: 5,
        about: "a second worker is killed without progress, and the next one begins after a delay",
        play: |script| {
            begins_and_rests(script)?;
            script.add()?;
            for _ in 0..2 {
                let rests = script.traced.rests();
                script.kill()?;
                script.begin()?;
                script.rest(rests);
            }
            script.faulty(|script| {
                script.kill()?;
                script.begin()
            })?;
            script.serves_and_stops()
        },
        ..PLAIN
    },
    Scenario {
        name: "step back",
        deaths: 5,
        about: "a second worker aborts without progress, and the next one begins with an older checkpoint",
        play: |script| {
            begins_and_rests(script)?;
            script.add()?;
            script.add()?;
            for _ in 0..2 {
                let rests = script.traced.rests();
                script.write("abort")?;
                script.begin()?;
                script.rest(rests);
            }
            script.may_begin_with(1);
            script.faulty(|script| {
                script.write("abort")?;
                script.begin()
            })?;
            script.serves_and_stops()
        },
        ..PLAIN
    },
    Scenario {
        name: "orphans",
        deaths: 3,
        about: "a worker is killed that leaves a process behind",
        // There is a second for it, and a pause between two attempts.
        many: 5,
        play: |script| {
            begins_and_rests(script)?;
            script.add()?;
            script.command("daemon", "daemon")?;
            script.faulty(|script| {
                script.kill()?;
                script.begin()
            })?;
            script.serves_and_stops()
        },
        ..PLAIN
    },
    Scenario {
        name: "signal",
        about: "a signal is passed on",
        play: |script| {
            begins_and_rests(script)?;
            script.add()?;
            script.faulty(|script| {
                script.signal(Signal::SIGWINCH);
                Ok(())
            })?;
            script.serves_and_stops()
        },
        ..PLAIN
    },
    Scenario {
        name: "hang",
        deaths: 3,
        about: "a worker hangs, and dies of SIGABRT",
        environment: &[("PPAIR_HANG_TIMEOUT", "300ms")],
        play: |script| {
            begins_and_rests(script)?;
            script.add()?;
            script.faulty(|script| {
                script.write("hang")?;
                script.begin()
            })?;
            script.serves_and_stops()
        },
        ..PLAIN
    },
    Scenario {
        name: "stubborn hang",
        deaths: 3,
        about: "a worker hangs that ignores SIGABRT",
        environment: &[
            ("PPAIR_HANG_TIMEOUT", "300ms"),
            ("PPAIR_STOP_TIMEOUT", "30ms"),
        ],
        play: |script| {
            begins_and_rests(script)?;
            script.add()?;
            script.command("ignore 6", "ignored")?;
            script.faulty(|script| {
                script.write("hang")?;
                script.begin()
            })?;
            script.serves_and_stops()
        },
        ..PLAIN
    },
    Scenario {
        name: "stop",
        deaths: 1,
        about: "SIGTERM, and the end of the program",
        play: |script| {
            begins_and_rests(script)?;
            script.add()?;
            script.faulty_to_the_end(|script| {
                script.signal(Signal::SIGTERM);
                Ok(())
            })
        },
        ..PLAIN
    },
    Scenario {
        name: "stubborn stop",
        deaths: 1,
        about: "SIGTERM, which the worker ignores",
        environment: &[("PPAIR_STOP_TIMEOUT", "30ms")],
        play: |script| {
            begins_and_rests(script)?;
            script.add()?;
            script.command("ignore 15", "ignored")?;
            script.faulty_to_the_end(|script| {
                script.signal(Signal::SIGTERM);
                Ok(())
            })
        },
        code: 137,
        ..PLAIN
    },
    Scenario {
        name: "give up",
        deaths: 1,
        about: "a worker is killed that may not be restarted",
        environment: &[("PPAIR_MAX_RESTARTS", "0")],
        play: |script| {
            begins_and_rests(script)?;
            script.add()?;
            script.faulty_to_the_end(Script::kill)
        },
        code: 70,
        ..PLAIN
    },
    Scenario {
        name: "manager",
        about: "the beginning under a service manager, and the worker says that it is ready",
        has_manager: true,
        from_start: true,
        play: |script| {
            script.begin()?;
            let rests = script.traced.rests();
            script.command("ready", "ready")?;
            script.rest(rests);
            script.manager_hears("READY=1")?;
            script.serves_and_stops()
        },
        ..PLAIN
    },
    Scenario {
        name: "repair",
        about: "a degraded pair becomes one again: the fork at a commit, `exec`, and the fresh image up to its first rest",
        is_degraded: true,
        // There is a second between two attempts.
        many: 2,
        play: |script| {
            script.begin()?;
            script.faulty(Script::repair)?;
            script.serves_and_stops()
        },
        ..PLAIN
    },
];
