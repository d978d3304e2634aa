//! A program to test: what it gets, and how it starts.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{SigHandler, Signal, signal};

use crate::end::End;
use crate::patience::patience;
use crate::running::Running;

/// A program to spawn: arguments, environment, deadline.
pub struct Fixture {
    command: Command,
    deadline: Duration,
    stdin: bool,
    group: bool,
}

impl Fixture {
    /// A program by its path: `Fixture::new(env!("CARGO_BIN_EXE_name"))`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let ours = name.to_string_lossy().starts_with("PPAIR");
            let others = [
                "JOURNAL_STREAM",
                "INVOCATION_ID",
                "RUST_BACKTRACE",
                "RUST_LIB_BACKTRACE",
            ];
            if ours || others.iter().any(|other| name == *other) {
                command.env_remove(name);
            }
        }
        Self {
            command,
            deadline: Duration::from_secs(30),
            stdin: false,
            group: true,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets when the whole process group is killed and the test fails, on an idle machine:
    /// [`patience`] makes more of it.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Pipes standard input, for [`Running::write_line`]; without this it is empty.
    #[must_use]
    pub fn stdin(mut self) -> Self {
        self.stdin = true;
        self
    }

    /// Changes the command in ways that the harness has no name for.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    /// The program calls `setsid` itself (as a wrapper for a terminal does), so it must not lead a
    /// group already.
    #[must_use]
    pub fn without_group(mut self) -> Self {
        self.group = false;
        self
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn spawn(mut self) -> Running {
        self.command
            .stdin(if self.stdin {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if self.group {
            self.command.process_group(0);
        }
        // SAFETY: the closure runs between fork and exec and makes system calls only, which is allowed there.
        unsafe { self.command.pre_exec(default_signals) };
        let child = self
            .command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {:?}: {error}", self.command));
        Running::new(
            child,
            format!("{:?}", self.command),
            self.group,
            patience(self.deadline),
        )
    }

    /// Starts it and waits for its end.
    #[must_use]
    pub fn run(self) -> End {
        self.spawn().finish()
    }
}

/// Whoever runs the tests may ignore signals, as `nohup` and a shell's background jobs do; a fixture must not inherit that.
fn default_signals() -> io::Result<()> {
    for number in [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGCHLD,
    ] {
        // SAFETY: the default disposition runs no code.
        unsafe { signal(number, SigHandler::SigDfl) }?;
    }
    Ok(())
}
