//! Programs in namespaces of their own: as process 1, as in a container, or with other mounts.

use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::{Pid, geteuid};

use crate::fixture::Fixture;
use crate::process::children;
use crate::running::Running;

/// What makes a namespace, with its own `/proc`.
const OPTIONS: [&str; 4] = ["--fork", "--pid", "--mount-proc", "--kill-child"];

/// Whoever is not root is so in a user namespace.
fn map() -> Option<&'static str> {
    (!geteuid().is_root()).then_some("--map-root-user")
}

fn options() -> impl Iterator<Item = &'static str> {
    map().into_iter().chain(OPTIONS)
}

/// `unshare`; add the program.
pub(crate) fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(options());
    command
}

/// `program` as process 1. The process that is spawned is `unshare`, which waits for it and passes on its exit code.
#[must_use]
pub fn as_process_1(program: impl AsRef<OsStr>) -> Fixture {
    Fixture::new("unshare").args(options()).arg(program)
}

/// `program` with its own view of what is mounted. It becomes the process that is spawned.
#[must_use]
pub fn in_mount_namespace(program: impl AsRef<OsStr>) -> Fixture {
    let fixture = Fixture::new("unshare").args(map());
    fixture.arg("--mount").arg(program)
}

/// Process 1, by the number that it has out here. It must have said something already, so that it is there.
///
/// # Panics
///
/// If it is not.
#[must_use]
pub fn process_1(pair: &Running) -> Pid {
    match children(pair.pid())[..] {
        [init] => init,
        ref other => panic!("one process 1 expected, found {other:?}"),
    }
}

/// Runs `kill -SIGNAL 1` inside, as an operator does by `docker exec`.
///
/// # Panics
///
/// If that fails.
pub fn signal_from_inside(init: Pid, signal: &str) {
    let mut command = Command::new("nsenter");
    if !geteuid().is_root() {
        command.args(["--user", "--preserve-credentials"]);
    }
    let script = format!("kill -{signal} 1");
    let status = command
        .args(["--pid", "--mount", "--target", &init.to_string()])
        .args(["sh", "-c", &script])
        .status();
    let status = status.expect("`nsenter` can be started");
    // Process 1 may have ended by it already, and then all others in there are killed.
    let sent = status.success() || status.signal() == Some(Signal::SIGKILL as i32);
    assert!(sent, "{script}: {status}");
}
