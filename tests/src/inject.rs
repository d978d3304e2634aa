//! System calls that fail on demand: a watch dog under `ptrace`, whose calls are counted, and some of them failed.
//!
//! Only the process that was spawned is followed, and not its workers; or only its first worker. Calls count from the first `getppid` of an image
//! on, which the fixture makes at the beginning of its `main`: what the dynamic loader and the standard library do before is not the watch
//! dog's. A call is known by the phase of the test in which it begins, its name, and how many of that name the phase had before.

mod calls;
mod memory;
mod registers;
mod tracer;

use std::os::unix::process::CommandExt;
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::Signal;

use crate::{Fixture, Running};
use tracer::Tracer;

/// Which system call it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// Where in the test.
    pub phase: &'static str,
    /// Its name, and what tells it apart: a descriptor's file, a path, a signal.
    pub name: String,
    /// How many of that name there were in that phase before.
    pub index: usize,
}

/// How often a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Times {
    /// Only this one.
    Once,
    /// This one and those of its name that follow, in whatever phase or none, so many in all.
    Next(usize),
}

/// What is to fail.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Where it begins.
    pub call: Call,
    /// With what.
    pub errno: Errno,
    /// How often.
    pub times: Times,
}

/// Which process is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The one that was spawned.
    Watchdog,
    /// Its first child, until it first writes to standard output.
    Worker,
}

/// A counted call.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Which one.
    pub call: Call,
    /// With what it may fail.
    pub errnos: &'static [Errno],
}

/// What the followed process does, as far as others want to know.
#[derive(Default)]
struct State {
    phase: Option<&'static str>,
    /// It waits for something to happen.
    is_idle: bool,
    /// How often it has begun to.
    rests: usize,
    ended: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A program whose system calls are watched, and its watcher.
pub struct Traced {
    running: Option<Running>,
    shared: Arc<Shared>,
    tracer: Option<JoinHandle<Tracer>>,
}

impl Traced {
    /// Starts a program of which `faults` fail, in this phase.
    ///
    /// # Panics
    ///
    /// If it cannot be started, or may not be traced.
    #[must_use]
    pub fn spawn(
        fixture: Fixture,
        whom: Whom,
        faults: Vec<Fault>,
        phase: Option<&'static str>,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        shared.lock().phase = phase;
        let (sender, receiver) = mpsc::channel();
        let seen = Arc::clone(&shared);
        // Only the thread that has spawned it may trace it.
        let tracer = thread::spawn(move || {
            let fixture = fixture.with(|command| {
                // SAFETY: the closure runs between fork and exec and makes one system call, which is allowed there.
                unsafe { command.pre_exec(|| ptrace::traceme().map_err(Into::into)) };
            });
            let running = fixture.spawn();
            let mut tracer = Tracer::new(running.pid(), whom, faults, Arc::clone(&seen));
            sender.send(running).expect("the test waits for it");
            tracer.run();
            seen.lock().ended = true;
            seen.changed.notify_all();
            tracer
        });
        let running = receiver.recv().expect("the fixture starts");
        Self {
            running: Some(running),
            shared,
            tracer: Some(tracer),
        }
    }

    /// The program. It must not be waited for but by `finish`.
    ///
    /// # Panics
    ///
    /// After `finish`.
    pub fn running(&mut self) -> &mut Running {
        self.running.as_mut().expect("it runs")
    }

    /// Calls belong to this phase from here on; to none they do not count.
    pub fn begin(&self, phase: Option<&'static str>) {
        self.shared.lock().phase = phase;
    }

    /// How often the followed process has begun to wait for something to happen.
    #[must_use]
    pub fn rests(&self) -> usize {
        self.shared.lock().rests
    }

    /// Waits until the followed process has begun to wait more than `rests` times, and does so. `false` if it ends first, or not before `until`.
    #[must_use]
    pub fn wait_for_rest(&self, rests: usize, until: Instant) -> bool {
        let mut state = self.shared.lock();
        loop {
            if state.is_idle && state.rests > rests {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for the end of what is followed, and returns its calls and how many of them were failed.
    ///
    /// # Panics
    ///
    /// When called twice.
    #[must_use]
    pub fn join(&mut self) -> (Vec<Counted>, usize) {
        let tracer = self.tracer.take().expect("it is followed");
        let tracer = tracer.join().expect("the tracer ends by itself");
        (tracer.counted, tracer.hits)
    }

    /// The program when what is followed has ended.
    ///
    /// # Panics
    ///
    /// When called twice.
    #[must_use]
    pub fn into_running(mut self) -> Running {
        self.running.take().expect("it runs")
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // Nobody else may wait for the process while it is traced.
        if let (Some(running), Some(tracer)) = (&self.running, self.tracer.take()) {
            running.kill_group(Signal::SIGKILL);
            let _ = tracer.join();
        }
    }
}
