//! One instruction at a time: what a program's segment looks like after each of them. A `SIGKILL` runs no code, so what is there
//! between two instructions is what a kill at that moment leaves.

use std::fs::{self, File};
use std::io;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::mapped::Mapped;
use crate::patience::patience;

/// The signal that a fixture sends itself before the first instruction that counts.
pub const MARK: Signal = Signal::SIGSTOP;
/// The same, after the last one.
pub const END: Signal = Signal::SIGUSR2;

/// How many instructions there were, and how many of them changed the segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// Instructions and system calls.
    pub steps: usize,
    /// Different images of the segment, one after the other.
    pub images: usize,
}

/// Whether this process may trace its children.
#[must_use]
pub fn may_trace() -> bool {
    let Ok(child) = Command::new("sleep").arg("60").spawn() else {
        return false;
    };
    let traced = Traced {
        pid: pid_of(&child),
        child,
        deadline: Instant::now() + patience(Duration::from_secs(10)),
    };
    ptrace::attach(traced.pid).is_ok()
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id"))
}

/// A traced program, killed when it is dropped.
struct Traced {
    child: Child,
    pid: Pid,
    deadline: Instant,
}

impl Drop for Traced {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Traced {
    /// Waits for its next stop and returns the signal.
    fn stopped(&self) -> Signal {
        loop {
            assert!(Instant::now() < self.deadline, "the program takes too long");
            let flags = WaitPidFlag::WUNTRACED | WaitPidFlag::WNOHANG;
            match waitpid(self.pid, Some(flags)) {
                Ok(WaitStatus::Stopped(_, signal)) => return signal,
                Ok(WaitStatus::StillAlive) => std::thread::yield_now(),
                other => panic!("the program ended instead of stopping: {other:?}"),
            }
        }
    }
}

/// The segment of a process: the memory file called `ppair`.
///
/// # Errors
///
/// If there is none, or the system refuses.
pub fn segment_of(pid: Pid) -> io::Result<File> {
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let path = entry?.path();
        if fs::read_link(&path)?
            .to_string_lossy()
            .contains("memfd:ppair")
        {
            return File::open(path);
        }
    }
    Err(io::Error::other("the program has no segment"))
}

/// Runs `program` up to its mark, and from there to its end mark one instruction at a time. `look` sees the
/// first `size` bytes of the segment as they are at the mark, and after each instruction that has changed them.
///
/// # Panics
///
/// If the program does something else, or takes longer than two minutes.
pub fn single_step(
    program: &str,
    arguments: &[&str],
    guard: bool,
    size: usize,
    mut look: impl FnMut(&[u8]),
) -> Steps {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PPAIR") {
            command.env_remove(name);
        }
    }
    command.env("PPAIR", "off");
    command.env("PPAIR_GUARD", if guard { "on" } else { "off" });
    let child = command.spawn().expect("the fixture starts");
    let traced = Traced {
        pid: pid_of(&child),
        child,
        deadline: Instant::now() + patience(Duration::from_secs(120)),
    };
    assert_eq!(traced.stopped(), MARK, "{arguments:?}");
    ptrace::attach(traced.pid).expect("this process may trace its child");
    let segment = segment_of(traced.pid).expect("a segment");
    // Its bytes are compared after each instruction, and reading a file so often would take most of the time.
    let view = Mapped::read_only(&segment, size);
    let mut last = vec![0; size];
    last.copy_from_slice(view.bytes());
    look(&last);
    let mut steps = Steps::default();
    loop {
        match traced.stopped() {
            // The stops that the mark and the attachment have left come first.
            Signal::SIGTRAP | MARK => {}
            END => return steps,
            other => panic!("{arguments:?}: the program got {other} after {steps:?}"),
        }
        let now = view.bytes();
        if *now != *last {
            steps.images += 1;
            last.copy_from_slice(now);
            look(&last);
        }
        ptrace::step(traced.pid, None).expect("a step");
        steps.steps += 1;
    }
}
