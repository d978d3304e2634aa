//! The death of a worker: it is reaped, its death is put down, and what it leaves behind is cleared away. A part of the driver.

use core::time::Duration;

use super::alarms::Alarm;
use super::driver::{AT_ONCE, REST, Role, WatchDog};
use super::machine::Event;
use crate::config::Orphans;
use crate::death::{Death, LastWords, last_words};
use crate::event::Event as Say;
use crate::exit::{Ending, Exit, Reason};
use crate::progress::Life;
use crate::resume::NO_GENERATION;
use crate::sys::signal::{SIGCHLD, SIGKILL, Set};
use crate::sys::wait::{Change, Children, Reaped};
use crate::sys::{Errno, children, clock, signal, wait};
use crate::world::WAITED;

/// How long the next worker waits for the last one's children to die. A process that the kernel cannot end (it waits for a disk or a
/// network file system) must not keep the service from coming back.
const PATIENCE: Duration = Duration::from_secs(1);
/// Any child, for `wait4`.
const ANY: i32 = -1;
/// How often a list of children that the system refuses is asked for again.
const TRIES: u32 = 20;

impl WatchDog {
    /// Reaps the worker if it has died, and steps the machine.
    pub(super) fn look_after_worker(&mut self) -> Option<Role> {
        let death = self.bury()?;
        self.step(death)
    }

    /// Reaps the worker if it has died, and puts down why.
    #[inline(never)]
    fn bury(&mut self) -> Option<Event> {
        let worker = self.worker?;
        let (exit, max_rss_kib) = match self.reap_worker(worker.pid) {
            Ok(None) => return None,
            Ok(Some(reaped)) => (Exit::from_status(reaped.status), reaped.max_rss_kib),
            Err(Errno::ECHILD) if !children::has(worker.pid) => {
                // It is gone and took the reason with it. The service goes on all the same.
                self.complain("wait4", Errno::ECHILD);
                let (signal, core) = (SIGKILL, false);
                (Exit::Signal { signal, core }, 0)
            }
            Err(errno) => {
                self.try_later("wait4", errno);
                return None;
            }
        };
        // From here on its id may be anybody's.
        self.worker = None;
        let now = clock::now();
        self.died_at = Some(now);
        let by_kill = matches!(exit, Exit::Signal { signal, .. } if signal == SIGKILL);
        let LastWords { exit, panic, fault } =
            last_words(self.segment.black_box(), worker.pid, exit, now);
        let reason = match (self.signs.hung, self.signs.was_killed) {
            (Some(_), _) => Reason::Hang,
            (None, true) => Reason::StopTimeout,
            (None, false) if by_kill && self.oom.has_struck() => Reason::Oom,
            (None, false) => Reason::Own,
        };
        let ending = Ending { exit, reason };
        let death = self.last_death.insert(Death {
            worker: worker.pid,
            incarnation: self.incarnation,
            exit,
            reason,
            heart: self.signs.hung.and_then(|hung| hung.heart),
            note: panic,
            fault,
            uptime: now.saturating_sub(worker.since),
            max_rss_kib,
            generation: self.segment.generation(),
        });
        let mark = ending.is_own_doing().then(|| death.mark());
        let life = Life {
            committed: self.generation == NO_GENERATION || death.generation > self.generation,
            uptime: death.uptime,
            same: mark.is_some() && mark == self.mark,
            lost_reader: death.lost_its_reader(),
        };
        self.mark = mark.or(self.mark);
        let progressed = life.is_progress(&self.options);
        self.counters.count_death(death);
        self.alarms.forget_worker();
        if progressed {
            for proof in &mut self.proofs {
                proof.proven = proof.started;
            }
        }
        self.steps_back = self.ladder.on_death(progressed, ending);
        let too_many = self.window.on_death(now);
        if exit != Exit::Code(0) {
            // Also if there is no next worker. What a program leaves behind that ends in order, it means to.
            self.clear_orphans();
        }
        self.take_stops();
        let random = now.subsec_nanos().wrapping_mul(0x9e37_79b9);
        Some(Event::Died {
            ending,
            life,
            too_many,
            random,
        })
    }

    /// A stop signal that arrived by now wins over a restart. The machine still has a worker, and so answers with no fork and no end: there is
    /// no role to return.
    fn take_stops(&mut self) {
        for _ in 0..AT_ONCE {
            let Ok(Some(taken)) = signal::wait(WAITED, Some(Duration::ZERO)) else {
                return;
            };
            let _ = self.on_signal(taken);
        }
    }

    /// What became of the worker. Other children that have ended on the way are reaped: orphans that this process has adopted, and everybody's if it is
    /// the first process of a container.
    fn reap_worker(&mut self, worker: i32) -> Result<Option<Reaped>, Errno> {
        loop {
            match wait::change(worker)? {
                Some(Change::Ended(reaped)) => return Ok(Some(reaped)),
                Some(Change::Stopped) => continue,
                Some(Change::Continued) => {
                    // It can give signs of life from here on.
                    self.signs.floor = clock::now();
                    continue;
                }
                None => {}
            }
            match wait::children() {
                Ok(Children::Ended(other)) if other != worker => self.reap_other(other),
                // It has ended just now.
                Ok(Children::Ended(_)) => {}
                Ok(Children::None | Children::Running) => return Ok(None),
                Err(errno) => {
                    self.try_later("waitid", errno);
                    return Ok(None);
                }
            }
        }
    }

    /// The system refuses to tell of children: it is asked again soon, and each time that this goes on.
    fn try_later(&mut self, call: &'static str, errno: Errno) {
        self.complain(call, errno);
        let later = clock::now().saturating_add(REST);
        self.alarms.set(Alarm::Retry, Some(later));
    }

    fn reap_other(&mut self, other: i32) {
        let reaped = wait::reap(other);
        if let Err(errno) = reaped {
            self.complain("wait4", errno);
        }
        if self.is_keeper(other) {
            if let Ok(Some(reaped)) = reaped {
                self.bury_keeper(reaped);
            }
        }
        self.others.retain(|known| *known != other);
    }

    /// Ends what a dead worker has left behind: its children are this process's now. Those that were there before the first worker stay. Returns
    /// whether there was anything to end.
    #[inline]
    pub(super) fn clear_orphans(&mut self) -> bool {
        // The most usual answer, and a process would be left behind if it were wrong: so two are asked.
        self.options.orphans == Orphans::Kill && !Self::has_no_child() && self.end_orphans()
    }

    fn has_no_child() -> bool {
        wait::children() == Ok(Children::None) && wait::reap(ANY) == Err(Errno::ECHILD)
    }

    /// Not inlined: a worker would have to copy the pages of the stack that its buffers take.
    #[cold]
    #[inline(never)]
    fn end_orphans(&mut self) -> bool {
        let (mut killed, mut failures) = (0, 0);
        let until = clock::now().saturating_add(PATIENCE);
        loop {
            match wait::children() {
                Ok(Children::Ended(other)) => {
                    self.reap_other(other);
                    if clock::now() < until {
                        continue;
                    }
                    break;
                }
                Ok(Children::None) if wait::reap(ANY) == Err(Errno::ECHILD) => break,
                Ok(Children::Running)
                    if killed == 0 && children::are_all_known(&self.others) == Some(true) =>
                {
                    break;
                }
                Ok(Children::None | Children::Running) => {}
                Err(errno) => self.complain("waitid", errno),
            }
            let others = &self.others;
            let (mut left, mut refused) = (0, None);
            let listed = children::for_each(|pid| {
                // One that has ended is no longer in the way. If `waitid` works, it has been reaped before.
                if !others.contains(&pid) && !matches!(wait::reap(pid), Ok(Some(_))) {
                    left += 1;
                    // It is not reaped yet, so its id cannot belong to anybody else.
                    refused = signal::kill(pid, SIGKILL).err().or(refused);
                }
            });
            if let Err(errno) = listed {
                self.complain("getdents64", errno);
                failures += 1;
            } else if let Some(errno) = refused {
                self.complain("kill", errno);
            }
            // Some may be missing in a list that failed, but where there is no `/proc` there never is one.
            if left == 0 && (listed.is_ok() || failures > TRIES) {
                break;
            }
            killed = left.max(killed);
            if clock::now() >= until {
                self.tell(&Say::Warning {
                    reason: "children of the dead worker cannot be killed; the next one starts beside them",
                });
                break;
            }
            // Until one of them has died; the others are looked at again then.
            if signal::wait(Set::of(&[SIGCHLD]), Some(REST)).is_err() {
                std::thread::sleep(REST);
            }
        }
        self.cleared = self.cleared.saturating_add(killed);
        killed > 0
    }
}
