//! The watch dog's care for the keeper: it is started again when it dies, what it says is passed on, and at the end of the pair it gets the time
//! to store what was committed last. A part of the driver.

use core::time::Duration;

use super::alarms::Alarm;
use super::driver::WatchDog;
use crate::event::Event as Say;
use crate::exit::Exit;
use crate::progress::delay;
use crate::state::delivery::REASON;
use crate::state::durable::Ring as _;
use crate::sys::signal::{SIGCHLD, SIGINT, SIGKILL, SIGQUIT, SIGTERM, Set};
use crate::sys::wait::Reaped;
use crate::sys::{clock, futex, signal, wait};

/// How long the watch dog waits at a time for a keeper that is to end.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What is known of the keeper.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    /// Whether it was said that the store fails, and not yet that it works again.
    said_failing: bool,
    /// When that was said first.
    failing_since: Duration,
    /// How often it was said, or would have been.
    failures: u64,
    /// How many keepers have died since something was saved.
    deaths: u32,
    /// The last attempt that had succeeded when the last one of them died.
    saved: u64,
}

impl WatchDog {
    /// Looks whether there is a keeper, if there is to be one.
    pub(super) fn begin_keeping(&mut self) {
        if self
            .equipment
            .keeping
            .is_some_and(|keeping| keeping.pid() == 0)
        {
            self.alarms.set(Alarm::Keeper, Some(clock::now()));
        }
    }

    /// Whether this child is the keeper.
    pub(super) fn is_keeper(&self, pid: i32) -> bool {
        pid != 0
            && self
                .equipment
                .keeping
                .is_some_and(|keeping| keeping.pid() == pid)
    }

    /// Looks after the keeper: whether it lives, and what it says.
    #[inline]
    pub(super) fn look_after_keeper(&mut self) {
        if self.equipment.keeping.is_some() {
            self.look_at_keeper();
        }
    }

    #[inline(never)]
    fn look_at_keeper(&mut self) {
        let Some(keeping) = self.equipment.keeping else {
            return;
        };
        let pid = keeping.pid();
        // While there is a worker, the keeper is reaped on the way to it.
        if pid != 0 && self.worker.is_none() {
            if let Ok(Some(reaped)) = wait::reap(pid) {
                self.bury_keeper(reaped);
            }
        }
        let delivery = self.segment.delivery();
        let report = delivery.report();
        if report.is_failing() {
            self.kept.failures = report.failures;
            if !self.kept.said_failing {
                self.kept.said_failing = true;
                self.kept.failing_since = report.failing_since;
                self.tell(&Say::StoreFailed {
                    store: keeping.name(),
                    reason: delivery.reason_in(&mut [0; REASON]),
                    failures: report.failures,
                });
            }
        } else if self.kept.said_failing && report.saved > self.kept.saved {
            self.kept.said_failing = false;
            self.kept.deaths = 0;
            self.tell(&Say::StoreRecovered {
                store: keeping.name(),
                after: clock::now().saturating_sub(self.kept.failing_since),
                failures: self.kept.failures.max(report.failures),
            });
        }
    }

    /// The keeper has died: the next one is forked at once, and later if that one dies too.
    #[cold]
    #[inline(never)]
    pub(super) fn bury_keeper(&mut self, reaped: Reaped) {
        let Some(keeping) = self.equipment.keeping else {
            return;
        };
        keeping.set_pid(0);
        let now = clock::now();
        let delivery = self.segment.delivery();
        let saved = delivery.report().saved;
        if saved > self.kept.saved {
            self.kept.deaths = 0;
        }
        self.kept.saved = saved;
        self.kept.deaths = self.kept.deaths.saturating_add(1);
        self.kept.failures = self.kept.failures.saturating_add(1);
        let mut reason = Reason::default();
        reason.of(Exit::from_status(reaped.status));
        if self.kept.deaths > 1 {
            // Nobody is to wait for a store of which every keeper dies.
            delivery.fail(delivery.begin(), now, reason.as_str());
            futex::wake_all(delivery.changes());
        }
        if !self.kept.said_failing {
            self.kept.said_failing = true;
            self.kept.failing_since = now;
            self.kept.failures = 1;
            self.tell(&Say::StoreFailed {
                store: keeping.name(),
                reason: reason.as_str(),
                failures: 1,
            });
        }
        let delay = delay(self.kept.deaths, &self.options, now.subsec_nanos());
        self.alarms
            .set(Alarm::Keeper, Some(now.saturating_add(delay)));
    }

    /// Forks a keeper, if there is none.
    #[cold]
    #[inline(never)]
    pub(super) fn start_keeper(&mut self) {
        let Some(keeping) = self.equipment.keeping.filter(|keeping| keeping.pid() == 0) else {
            return;
        };
        if let Err(errno) = self.oom.before_fork() {
            self.complain("pwrite", errno);
        }
        let forked = keeping.fork(&self.alone, self.segment, self.equipment.tether.as_ref());
        self.oom.lower();
        match forked {
            // There is room: the one before it has left the list.
            Ok(pid) if self.others.len() < self.others.capacity() => self.others.push(pid),
            Ok(_) => {}
            Err(errno) => {
                self.complain("fork", errno);
                let later = clock::now().saturating_add(self.options.restart_delay);
                self.alarms.set(Alarm::Keeper, Some(later));
            }
        }
    }

    /// The pair ends: the keeper stores what was committed last, within the time that a worker has to stop. One more stop signal ends
    /// that too.
    pub(super) fn finish_keeping(&mut self) {
        let Some(keeping) = self.equipment.keeping else {
            return;
        };
        let pid = keeping.pid();
        if pid == 0 {
            return;
        }
        self.segment.delivery().finish();
        keeping.ring();
        let until = keeping
            .patience()
            .and_then(|patience| clock::now().checked_add(patience))
            // It says itself that it gives up, and this is for one that does not.
            .and_then(|until| until.checked_add(Duration::from_secs(1)));
        loop {
            if !matches!(wait::reap(pid), Ok(None)) {
                keeping.set_pid(0);
                break;
            }
            let stop = Set::of(&[SIGCHLD, SIGINT, SIGQUIT, SIGTERM]);
            let is_over = match signal::wait(stop, Some(LOOK_AGAIN)) {
                Ok(Some(taken)) => taken.signal != SIGCHLD && self.world.stops(taken),
                Ok(None) => false,
                Err(_) => {
                    std::thread::sleep(LOOK_AGAIN);
                    false
                }
            };
            if is_over || until.is_some_and(|until| clock::now() >= until) {
                self.tell(&Say::StoreFailed {
                    store: keeping.name(),
                    reason: "it has no more time to store what was committed last",
                    failures: self.kept.failures,
                });
                // It is not reaped yet, so its id cannot belong to anybody else.
                let _ = signal::kill(pid, SIGKILL);
                break;
            }
        }
    }
}

/// Why a keeper has died, without a heap.
#[derive(Default)]
struct Reason {
    bytes: Room,
    length: usize,
}

type Room = [u8; 32];

impl Reason {
    fn of(&mut self, exit: Exit) {
        use core::fmt::Write as _;
        // What does not fit is left out.
        let _ = match exit {
            Exit::Code(code) => write!(self, "the keeper exited with {code}"),
            Exit::Signal { signal, .. } => {
                write!(self, "{} killed the keeper", signal::Name(signal))
            }
        };
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl core::fmt::Write for Reason {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = self.bytes.get_mut(self.length..self.length + text.len());
        room.ok_or(core::fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}
