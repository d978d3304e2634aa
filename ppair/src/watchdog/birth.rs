//! The next worker: what is done before, in and after the fork. A part of the driver.

use core::time::Duration;

use super::driver::{Image, Proof, REST, Running, WatchDog};
use super::machine::Event;
use crate::config::Orphans;
use crate::event::Event as Say;
use crate::exit::Exit;
use crate::log::say;
use crate::resume::Relay;
use crate::state::keep::Reject;
use crate::state::recovery::loss;
use crate::sys::fork::{Side, fork};
use crate::sys::signal::{SIGINT, SIGQUIT, SIGTERM, Set};
use crate::sys::{Errno, children, clock, process, signal};
use crate::worker::hold_on_to;
use crate::world::{OF_TERMINALS, WAITED};

/// What came of `Action::Fork`.
pub(super) enum Forked {
    /// This process is the worker.
    Worker,
    Watchdog(Event),
}

impl WatchDog {
    /// `at_once`: as soon as the last worker was buried.
    pub(super) fn fork(&mut self, at_once: bool) -> Forked {
        if let Err(errno) = self.oom.before_fork() {
            self.complain("pwrite", errno);
        }
        if let Image::Used(relay) = &self.image {
            return self.start_afresh(relay);
        }
        if let Some(stop) = self.clear_up(at_once) {
            return Forked::Watchdog(stop);
        }
        self.incarnation = self.incarnation.wrapping_add(1);
        let handed_over = self
            .segment
            .black_box()
            .clear()
            .and_then(|()| self.segment.fence(self.incarnation));
        if let Err(errno) = handed_over {
            self.complain("pwrite", errno);
        }
        // After the takeover: what was written and never published is void from there on, and no rung of the ladder.
        if core::mem::take(&mut self.steps_back) {
            self.step_back();
        }
        self.generation = self.segment.generation();
        for (proof, region) in self.proofs.iter_mut().zip(self.segment.regions()) {
            proof.started = region.published(self.incarnation).generation;
        }
        // Here, so that the worker, which inherits it, need not look at the clock.
        let counters = self.counters;
        self.counters.count_start(self.died_at, clock::now());
        // The new worker finds this in its memory.
        self.owed = pending_of_terminals();
        match fork(&self.alone) {
            Ok(Side::Child) => {
                self.become_worker();
                Forked::Worker
            }
            Ok(Side::Parent(pid)) => {
                self.unclear = pending_of_terminals().but(self.owed);
                self.segment.set_forked(self.incarnation, self.unclear);
                let since = clock::now();
                self.announce_start(pid);
                // The new worker usually waits for this very processor, and what is left to do here (to say that it was started, and why) can wait for it.
                process::give_way();
                self.begin_watch(Running { pid, since });
                Forked::Watchdog(Event::Forked)
            }
            Err(errno) => {
                self.counters = counters;
                Forked::Watchdog(Event::ForkFailed(errno))
            }
        }
    }

    /// Clears away what is left of the last worker. Where that takes its time, a stop may have come, which it returns.
    fn clear_up(&mut self, at_once: bool) -> Option<Event> {
        let last = self.last_death.as_ref()?;
        // What the one leaves that ended in order is still there; of the others it was cleared away when they were buried.
        let is_cleared = at_once && last.exit != Exit::Code(0);
        if self.segment.ready() == self.incarnation {
            if let Some(tether) = &self.equipment.tether {
                // What it has sent is of no interest any more, and must not fill the way of the next ones.
                tether.drain();
            }
        }
        if !is_cleared && self.clear_orphans() {
            return self.stop_before_fork();
        }
        None
    }

    /// A stop signal that waits to be taken, before there is a worker.
    #[cold]
    fn stop_before_fork(&self) -> Option<Event> {
        let taken = signal::wait(Set::of(&[SIGINT, SIGQUIT, SIGTERM]), Some(Duration::ZERO));
        let taken = taken.ok().flatten()?;
        self.world.stops(taken).then_some(Event::Signal {
            signal: taken.signal,
            stops: true,
            shared: false,
        })
    }

    /// Two workers have died without progress from the same checkpoints: the next one starts from older ones. Nothing tells which hard state is
    /// to blame. So one that a worker has got on with is left behind only if there are no others; and of those, only the ones that lose least by it.
    #[cold]
    #[inline(never)]
    fn step_back(&mut self) {
        for suspects in [true, false] {
            let segment = self.segment;
            let losses = || {
                let regions = segment.regions().zip(&self.proofs).enumerate();
                regions.filter_map(|(number, (region, Proof { proven, .. }))| {
                    let generation = region.published(self.incarnation).generation;
                    let is_suspect = *proven == 0 || *proven != generation;
                    let loss = loss(&region, self.incarnation)?;
                    (is_suspect == suspects).then_some((loss, number))
                })
            };
            let Some((least, _)) = losses().min() else {
                continue;
            };
            let mut failed = None;
            for (_, number) in losses().filter(|(loss, _)| *loss == least) {
                match segment.reject(number) {
                    Ok(Some(Reject { refused: None }) | None) => {}
                    Ok(Some(Reject {
                        refused: Some(errno),
                    })) => failed = Some(("fallocate", errno)),
                    Err(errno) => failed = Some(("pwrite", errno)),
                }
            }
            if let Some((call, errno)) = failed {
                self.complain(call, errno);
            }
            return;
        }
    }

    /// In the new process, before any code of the user's.
    fn become_worker(&self) {
        self.equipment.manager.hide(&self.alone);
        let tether = self.equipment.tether.as_ref();
        hold_on_to(tether, self.pid, self.options.on_watchdog_death);
        // The later, the sooner the watch dog has said what came.
        match self.segment.forked(self.incarnation) {
            Some(Set::NONE) => {}
            came => self.say_what_it_lacks(came),
        }
        if !self.leave_world() {
            // With its signals blocked it could not be told to stop. The next one may have them.
            process::exit_now(crate::exit::SYSTEM);
        }
    }

    /// In the new process, whose signals are still blocked: says which of those that a terminal
    /// sent around the fork had come before it was there. What it has got is pending. If the watch
    /// dog has not said which `came`, its pending signals are those, or later ones.
    #[cold]
    #[inline(never)]
    fn say_what_it_lacks(&self, came: Option<Set>) {
        let came = came
            .or_else(|| children::pending_of_parent(self.pid))
            .unwrap_or(Set::NONE);
        // In this order: what comes from here on, both get.
        let has = signal::pending().unwrap_or(Set::ALL);
        let lacks = came.and(OF_TERMINALS).but(self.owed).but(has);
        self.segment.set_lacks(self.incarnation, lacks);
    }

    fn leave_world(&self) -> bool {
        let left = self.world.leave();
        if let Err(errno) = left {
            failed("sigprocmask", errno);
        }
        left.is_ok()
    }

    /// This process serves as the worker.
    #[inline(never)]
    pub(super) fn serve(&mut self, errno: Errno) {
        self.put_down_degraded();
        self.tell(&Say::Degraded {
            watchdog: self.pid,
            errno: errno as i32,
            incarnation: self.incarnation,
            generation: self.segment.generation(),
        });
        self.tell_manager_of_degradation();
        if self.options.orphans == Orphans::Kill {
            // The user's code runs here now, and its processes are to live as they would without a pair.
            if let Err(errno) = process::adopt_orphans(false) {
                self.complain("prctl", errno);
            }
        }
        signal::end_quiet();
        // Nobody else is left to serve, so it goes on anyway.
        self.leave_world();
    }

    #[inline(never)]
    fn start_afresh(&self, relay: &Relay) -> Forked {
        loop {
            failed("execve", relay.exec());
            // Nothing else can bring the service back, so it is tried until it works or somebody asks for a stop.
            match signal::wait(WAITED, Some(Duration::from_secs(1))) {
                Ok(Some(taken)) if self.world.stops(taken) => {
                    process::exit_now(crate::exit::status_of_signal(taken.signal));
                }
                Ok(_) => {}
                Err(_) => std::thread::sleep(REST),
            }
        }
    }
}

/// A terminal's signals that this process has not taken yet. None if the system does not tell.
fn pending_of_terminals() -> Set {
    signal::pending().map_or(Set::NONE, |pending| pending.and(OF_TERMINALS))
}

fn failed(call: &'static str, errno: Errno) {
    say(&Say::Failed {
        call,
        errno: errno as i32,
    });
}
