//! The thread that has a process stop at its system calls, counts them, and fails some.

use std::collections::HashMap;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use super::calls::{self, First};
use super::memory::{link, memory, text_at, without_numbers};
use super::registers::Registers;
use super::{Call, Counted, Fault, Shared, Times, Whom};

/// The thread that has the process stop at its system calls.
pub(super) struct Tracer {
    pid: Pid,
    whom: Whom,
    /// With whether they have begun.
    faults: Vec<(Fault, bool)>,
    shared: Arc<Shared>,
    /// Whether the process is in its own `main`.
    has_begun: bool,
    /// It is within a call.
    is_within: bool,
    /// With what that call will fail.
    failing: Option<Errno>,
    counts: HashMap<(&'static str, String), usize>,
    pub(super) counted: Vec<Counted>,
    pub(super) hits: usize,
    standard: [Option<PathBuf>; 3],
}

impl Tracer {
    pub(super) fn new(pid: Pid, whom: Whom, faults: Vec<Fault>, shared: Arc<Shared>) -> Self {
        Self {
            pid,
            whom,
            faults: faults.into_iter().map(|fault| (fault, false)).collect(),
            shared,
            has_begun: false,
            is_within: false,
            failing: None,
            counts: HashMap::new(),
            counted: Vec::new(),
            hits: 0,
            standard: [0, 1, 2].map(|number| link(pid, number)),
        }
    }

    /// Follows it until it ends or nobody wants to know more.
    pub(super) fn run(&mut self) {
        let mut has_options = false;
        // The process stays a zombie: `Running` reaps it.
        let seen = WaitPidFlag::WEXITED | WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT;
        loop {
            match waitid(Id::Pid(self.pid), seen) {
                Err(Errno::EINTR) => continue,
                Err(_) | Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => return,
                Ok(_) => {}
            }
            let Ok(status) = waitpid(self.pid, Some(WaitPidFlag::__WALL)) else {
                return;
            };
            if !has_options {
                has_options = true;
                let mut options = Options::PTRACE_O_TRACESYSGOOD
                    | Options::PTRACE_O_TRACEEXEC
                    | Options::PTRACE_O_EXITKILL;
                if self.whom == Whom::Worker {
                    options |= Options::PTRACE_O_TRACEFORK;
                }
                ptrace::setoptions(self.pid, options).expect("this process may trace its child");
            }
            // An error of a look at it: it was killed, and the next wait tells so.
            let signal = match status {
                WaitStatus::PtraceSyscall(_) => {
                    if self.on_call().unwrap_or(false) {
                        let _ = ptrace::detach(self.pid, None);
                        return;
                    }
                    None
                }
                WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_FORK) => {
                    self.turn_to_child();
                    continue;
                }
                WaitStatus::PtraceEvent(..) => {
                    self.has_begun = false;
                    None
                }
                WaitStatus::Stopped(_, Signal::SIGTRAP | Signal::SIGSTOP) => None,
                WaitStatus::Stopped(_, signal) => Some(signal),
                _ => None,
            };
            let _ = ptrace::syscall(self.pid, signal);
        }
    }

    /// Follows the child that was just forked, and leaves its parent alone.
    fn turn_to_child(&mut self) {
        let child = ptrace::getevent(self.pid).ok();
        let _ = ptrace::detach(self.pid, None);
        if let Some(child) = child.and_then(|child| i32::try_from(child).ok()) {
            self.pid = Pid::from_raw(child);
            (self.has_begun, self.is_within) = (true, false);
        }
    }

    /// A call begins or ends. Whether that was the last one that anybody wants to know of.
    fn on_call(&mut self) -> nix::Result<bool> {
        let registers = Registers::of(self.pid)?;
        if core::mem::take(&mut self.is_within) {
            self.shared.lock().is_idle = false;
            if let Some(errno) = self.failing.take() {
                registers.fail(self.pid, errno)?;
            }
            return Ok(false);
        }
        let (number, arguments) = (registers.number(), registers.arguments());
        self.has_begun |= number == libc::SYS_getppid && self.whom == Whom::Watchdog;
        let phase = self.shared.lock().phase;
        let goes_on = self.faults.iter().any(|(_, has_begun)| *has_begun);
        let errno = if self.has_begun && (phase.is_some() || goes_on) {
            self.count(phase, number, arguments)
        } else {
            None
        };
        if errno.is_some() {
            self.hits += 1;
            registers.skip(self.pid)?;
        } else if self.rests_in(number, arguments) {
            let mut state = self.shared.lock();
            state.is_idle = true;
            state.rests += 1;
            self.shared.changed.notify_all();
        }
        (self.is_within, self.failing) = (true, errno);
        let says = number == libc::SYS_write && arguments[0] == 1;
        Ok(self.has_begun && says && self.whom == Whom::Worker)
    }

    /// Counts a call, and says what it fails with if it does.
    fn count(
        &mut self,
        phase: Option<&'static str>,
        number: i64,
        arguments: [u64; 6],
    ) -> Option<Errno> {
        let kind = calls::kind_of(number)
            .unwrap_or_else(|| panic!("the table of errors lacks system call {number}"));
        if kind.errnos.is_empty() || calls::is_foreign(number, arguments) {
            return None;
        }
        let object = self.object(kind.first, arguments);
        // What a degraded watch dog reads and prints is its user's business.
        if matches!(
            object.as_deref(),
            Some("standard input" | "standard output")
        ) {
            return None;
        }
        let parts = [
            Some(kind.name),
            object.as_deref(),
            calls::detail(number, arguments),
        ];
        let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let mut index = None;
        if let Some(phase) = phase {
            let count = self.counts.entry((phase, name.clone())).or_default();
            let call = Call {
                phase,
                name: name.clone(),
                index: *count,
            };
            index = Some(*count);
            *count += 1;
            self.counted.push(Counted {
                call,
                errnos: kind.errnos,
            });
        }
        self.faults.iter_mut().find_map(|(fault, has_begun)| {
            let Call {
                phase: wanted_phase,
                name: wanted,
                index: wanted_index,
            } = &fault.call;
            let begins = phase == Some(*wanted_phase) && index == Some(*wanted_index);
            if *wanted != name || !(begins || *has_begun) {
                return None;
            }
            if let Times::Next(left) = &mut fault.times {
                *has_begun = *left > 1;
                *left = left.saturating_sub(1);
            }
            Some(fault.errno)
        })
    }

    /// What the first argument leads to.
    fn object(&self, first: First, arguments: [u64; 6]) -> Option<String> {
        match first {
            First::Nothing => None,
            First::Descriptor => {
                let link = link(self.pid, i32::try_from(arguments[0]).ok()?)?;
                let standard = self
                    .standard
                    .iter()
                    .rposition(|known| known.as_ref() == Some(&link));
                Some(match standard {
                    Some(0) => "standard input".to_owned(),
                    Some(1) => "standard output".to_owned(),
                    Some(_) => "standard error".to_owned(),
                    None => without_numbers(&link.to_string_lossy()),
                })
            }
            First::Path => {
                let path = text_at(self.pid, arguments[1]);
                if path.as_deref() == Some("") {
                    return self.object(First::Descriptor, arguments);
                }
                path.map(|path| without_numbers(&path))
            }
        }
    }

    /// Whether the process waits there for something to happen.
    fn rests_in(&self, number: i64, arguments: [u64; 6]) -> bool {
        if number != libc::SYS_rt_sigtimedwait {
            return number == libc::SYS_clock_nanosleep;
        }
        // A time-out of zero is only a look.
        let mut bytes = [0; 16];
        arguments[2] == 0
            || memory(self.pid)
                .and_then(|memory| memory.read_exact_at(&mut bytes, arguments[2]).ok())
                .is_some_and(|()| bytes != [0; 16])
    }
}
