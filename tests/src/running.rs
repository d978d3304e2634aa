//! A program under test while it runs: what it says, what is done to it, how it ends.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ExitStatus};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use crate::Event;
use crate::end::{End, transcript};
use crate::stream::{Next, Stream};

/// How long a pipe may stay open after the deadline has killed all that could write to it.
const GRACE: Duration = Duration::from_secs(5);

/// A program that was started.
pub struct Running {
    what: String,
    child: Child,
    pid: Pid,
    group: bool,
    deadline: Instant,
    alarm: Option<(Sender<()>, thread::JoinHandle<()>)>,
    stdin: Option<ChildStdin>,
    stdout: Stream,
    stderr: Stream,
}

impl Running {
    pub(crate) fn new(mut child: Child, what: String, group: bool, limit: Duration) -> Self {
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id is positive"));
        let deadline = Instant::now() + limit;
        Self {
            what,
            pid,
            group,
            deadline,
            alarm: Some(arm(pid, group, deadline)),
            stdin: child.stdin.take(),
            stdout: Stream::new(child.stdout.take().expect("stdout is piped")),
            stderr: Stream::new(child.stderr.take().expect("stderr is piped")),
            child,
        }
    }

    /// The process that was spawned: the watch dog of a pair.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// When it will be killed.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The next line of standard output.
    ///
    /// # Panics
    ///
    /// If standard output ends, or the deadline passes.
    pub fn stdout_line(&mut self) -> String {
        self.try_stdout_line()
            .unwrap_or_else(|| self.fail("stdout has no further line"))
    }

    /// The next line of standard output; `None` at its end.
    pub fn try_stdout_line(&mut self) -> Option<String> {
        let next = self.stdout.next(self.deadline);
        self.take(next, "a line of stdout")
    }

    /// The next line of standard output that comes within this time; `None` if none does.
    pub fn stdout_line_within(&mut self, time: Duration) -> Option<String> {
        match self.stdout.next(Instant::now() + time) {
            Next::Line(line) => Some(line),
            Next::Ended | Next::Late => None,
        }
    }

    /// The next line of standard error.
    ///
    /// # Panics
    ///
    /// If standard error ends, or the deadline passes.
    pub fn stderr_line(&mut self) -> String {
        self.try_stderr_line()
            .unwrap_or_else(|| self.fail("stderr has no further line"))
    }

    /// The next line of standard error; `None` at its end.
    pub fn try_stderr_line(&mut self) -> Option<String> {
        let next = self.stderr.next(self.deadline);
        self.take(next, "a line of stderr")
    }

    /// The next event of this name; lines before it are skipped (and kept for [`finish`][Self::finish]).
    ///
    /// # Panics
    ///
    /// If none comes before the end of standard error, or before the deadline.
    pub fn event(&mut self, name: &str) -> Event {
        self.try_event(name)
            .unwrap_or_else(|| self.fail(&format!("no event `{name}` came")))
    }

    /// The next event of this name; `None` if standard error ends before it.
    pub fn try_event(&mut self, name: &str) -> Option<Event> {
        while let Some(event) = self.next_event() {
            if event.name() == name {
                return Some(event);
            }
        }
        None
    }

    /// The next event of any name; `None` at the end of standard error.
    pub fn next_event(&mut self) -> Option<Event> {
        while let Some(line) = self.try_stderr_line() {
            if let Some(event) = Event::find(&line) {
                return Some(event);
            }
        }
        None
    }

    /// Writes a line to standard input, in one write.
    ///
    /// # Panics
    ///
    /// If nobody reads, or [`Fixture::stdin`][crate::Fixture::stdin] was not asked for.
    pub fn write_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("the fixture has a piped stdin");
        if let Err(error) = stdin.write_all(format!("{line}\n").as_bytes()) {
            self.fail(&format!("cannot write to stdin: {error}"));
        }
    }

    /// As [`write_line`](Self::write_line); `false` if nobody reads.
    ///
    /// # Panics
    ///
    /// If [`Fixture::stdin`][crate::Fixture::stdin] was not asked for.
    pub fn try_write_line(&mut self, line: &str) -> bool {
        let stdin = self.stdin.as_mut().expect("the fixture has a piped stdin");
        stdin.write_all(format!("{line}\n").as_bytes()).is_ok()
    }

    /// Closes standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Signals the spawned process.
    ///
    /// # Panics
    ///
    /// If it is not there.
    pub fn signal(&self, signal: Signal) {
        self.kill(self.pid, signal);
    }

    /// Signals one process, such as the worker of a `started` event.
    ///
    /// # Panics
    ///
    /// If it is not there.
    pub fn kill(&self, pid: Pid, signal: Signal) {
        if let Err(errno) = kill(pid, signal) {
            self.fail(&format!("cannot send {signal} to {pid}: {errno}"));
        }
    }

    /// Signals the whole process group, as a terminal does.
    ///
    /// # Panics
    ///
    /// If the fixture leads none.
    pub fn kill_group(&self, signal: Signal) {
        assert!(self.group, "the fixture leads no group");
        if let Err(errno) = killpg(self.pid, signal) {
            self.fail(&format!("cannot send {signal} to the group: {errno}"));
        }
    }

    /// Waits until the spawned process has ended. Its children may live on, until `self` is dropped.
    ///
    /// # Panics
    ///
    /// If the deadline passes.
    pub fn wait(&mut self) -> ExitStatus {
        // The process stays a zombie, so that its id and its group's id stay taken.
        let raw = loop {
            match waitid(
                Id::Pid(self.pid),
                WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT,
            ) {
                Ok(WaitStatus::Exited(_, code)) => break code << 8,
                Ok(WaitStatus::Signaled(_, signal, core)) => {
                    break signal as i32 | if core { 0x80 } else { 0 };
                }
                Err(Errno::EINTR) => {}
                other => self.fail(&format!("unexpected wait status: {other:?}")),
            }
        };
        if self.is_late() {
            self.fail("the deadline passed before it ended");
        }
        ExitStatus::from_raw(raw)
    }

    /// Closes standard input, waits for the end of the process and of both pipes.
    ///
    /// # Panics
    ///
    /// If the deadline passes: also if some process that was left behind holds a pipe open.
    #[must_use]
    pub fn finish(self) -> End {
        self.finish_and_keep().0
    }

    /// As [`finish`](Self::finish). Its group keeps its number, and what is left of it lives, until the second is dropped.
    ///
    /// # Panics
    ///
    /// As [`finish`](Self::finish).
    #[must_use]
    pub fn finish_and_keep(mut self) -> (End, Self) {
        self.stdin = None;
        let status = self.wait();
        if !self.stdout.end(self.deadline) || !self.stderr.end(self.deadline) {
            self.fail("it ended, and some process that it left behind holds its pipes open");
        }
        let end = End {
            status,
            stdout: self.stdout.all(),
            stderr: self.stderr.all(),
        };
        (end, self)
    }

    fn take(&self, next: Next, what: &str) -> Option<String> {
        match next {
            Next::Line(line) => Some(line),
            // The watch thread closes the pipes by killing all that hold them.
            Next::Ended if !self.is_late() => None,
            Next::Ended | Next::Late => self.fail(&format!("the deadline passed before {what}")),
        }
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Fails the test with all that the program said.
    ///
    /// # Panics
    ///
    /// Always.
    #[track_caller]
    pub fn fail(&self, why: &str) -> ! {
        kill_all(self.pid, self.group);
        let until = Instant::now() + GRACE;
        self.stdout.end(until);
        self.stderr.end(until);
        panic!(
            "{why}\n{}",
            transcript(&self.what, &self.stdout.all(), &self.stderr.all())
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // First the watch thread, for it must not kill once the id is free again.
        if let Some((alarm, watch)) = self.alarm.take() {
            drop(alarm);
            let _ = watch.join();
        }
        kill_all(self.pid, self.group);
        let _ = self.child.wait();
    }
}

/// Kills the group when the deadline passes, unless the returned sender is dropped before.
fn arm(pid: Pid, group: bool, deadline: Instant) -> (Sender<()>, thread::JoinHandle<()>) {
    let (alarm, dropped) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        let left = deadline.saturating_duration_since(Instant::now());
        if dropped.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout) {
            kill_all(pid, group);
        }
    });
    (alarm, watch)
}

/// The fixture is not reaped while this may be called, so its id cannot name somebody else.
fn kill_all(pid: Pid, group: bool) {
    // Gone already is as good as killed.
    let _ = if group {
        killpg(pid, Signal::SIGKILL)
    } else {
        kill(pid, Signal::SIGKILL)
    };
}
