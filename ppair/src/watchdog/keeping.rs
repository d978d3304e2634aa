//! The watch dog's care for the keeper: it is started again when it dies, what it says is passed on, and at the end of the pair it gets the time
//! to store what was committed last. A part of the driver.

use core::time::Duration;

use super::alarms::Alarm;
use super::driver::{Image, WatchDog};
use crate::event::Event as Say;
use crate::exit::Exit;
use crate::progress::delay;
use crate::state::delivery::REASON;
use crate::sys::signal::{SIGCHLD, SIGINT, SIGKILL, SIGQUIT, SIGTERM, Set};
use crate::sys::wait::Reaped;
use crate::sys::{Errno, clock, futex, signal, wait};

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
    /// Whether the watch dog was woken: perhaps by a worker that cannot ring the keeper by itself.
    pub(super) is_woken: bool,
}

impl WatchDog {
    /// Looks whether there is a keeper, if there is to be one.
    pub(super) fn begin_keeping(&mut self) {
        let Some(keeping) = self.equipment.keeping else {
            return;
        };
        let pid = keeping.pid();
        if pid != 0 {
            match wait::reap(pid) {
                Ok(None) => {}
                Ok(Some(reaped)) => self.bury_keeper(reaped),
                // The program has waited for it, when this process served as the worker.
                Err(_) => keeping.set_pid(0),
            }
        }
        if keeping.pid() == 0 {
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
        if core::mem::take(&mut self.kept.is_woken) {
            keeping.ring_for_worker();
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
        // Whatever has its id next is not known.
        let pid = keeping.pid();
        self.others.retain(|known| *known != pid);
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
        if matches!(self.image, Image::Used(_)) {
            self.has_no_keeper("no keeper can be started before the next worker");
            return;
        }
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
                let mut reason = Reason::default();
                reason.put(format_args!("fork: {}", errno.desc()));
                self.has_no_keeper(reason.as_str());
                let later = clock::now().saturating_add(self.options.restart_delay);
                self.alarms.set(Alarm::Keeper, Some(later));
            }
        }
    }

    /// Nobody is to wait for a keeper that cannot be started.
    fn has_no_keeper(&self, reason: &str) {
        let delivery = self.segment.delivery();
        delivery.fail(delivery.begin(), clock::now(), reason);
        futex::wake_all(delivery.changes());
    }

    /// The pair ends: the keeper stores what was committed last, within the time that a worker has to stop. One more stop signal ends
    /// that too.
    pub(super) fn finish_keeping(&mut self) {
        let Some(keeping) = self.equipment.keeping else {
            return;
        };
        keeping.finish();
        let until = keeping
            .patience()
            .and_then(|patience| clock::now().checked_add(patience))
            // It says itself that it gives up, and this is for one that does not.
            .and_then(|until| until.checked_add(Duration::from_secs(1)));
        let mut reason = Reason::default();
        // If the one that there is dies, or there is none, there is one more.
        for is_last in [false, true] {
            if keeping.pid() == 0 && !self.is_all_stored() {
                self.start_keeper();
            }
            let pid = keeping.pid();
            if pid == 0 {
                break;
            }
            let Ok(reaped) = self.wait_for_last_keeper(pid, until) else {
                self.say_not_stored("it has no more time to store what was committed last");
                // It is not reaped yet, so its id cannot belong to anybody else.
                let _ = signal::kill(pid, SIGKILL);
                return;
            };
            keeping.set_pid(0);
            match reaped.map(|reaped| Exit::from_status(reaped.status)) {
                // It has said so itself.
                Some(Exit::Code(crate::exit::SYSTEM)) => return keeping.let_go(),
                Some(exit) if exit != Exit::Code(0) => {
                    reason = Reason::default();
                    reason.of(exit);
                }
                _ => {}
            }
            if is_last {
                break;
            }
        }
        if !self.is_all_stored() {
            self.say_not_stored(match reason.as_str() {
                "" => "nobody has stored what was committed last",
                reason => reason,
            });
        }
        keeping.let_go();
    }

    fn is_all_stored(&self) -> bool {
        let mut regions = self.segment.regions();
        regions.all(|region| region.published(self.incarnation).generation <= region.stored())
    }

    fn say_not_stored(&self, reason: &str) {
        self.tell(&Say::StoreFailed {
            store: self.equipment.keeping.map_or("", |keeping| keeping.name()),
            reason,
            failures: self.kept.failures,
        });
    }

    /// Waits until it has ended, and reaps it: `None` if somebody else has.
    fn wait_for_last_keeper(
        &mut self,
        pid: i32,
        until: Option<Duration>,
    ) -> Result<Option<Reaped>, OutOfTime> {
        loop {
            match wait::reap(pid) {
                Ok(None) => {}
                Ok(reaped) => return Ok(reaped),
                Err(Errno::ECHILD) => return Ok(None),
                Err(errno) => self.complain("wait4", errno),
            }
            let stop = Set::of(&[SIGCHLD, SIGINT, SIGQUIT, SIGTERM]);
            let is_over = match signal::wait(stop, Some(LOOK_AGAIN)) {
                Ok(Some(taken)) => {
                    taken.signal != SIGCHLD
                        && self.world.stops(taken)
                        && !self.is_echo(taken.signal)
                }
                Ok(None) => false,
                Err(_) => {
                    std::thread::sleep(LOOK_AGAIN);
                    false
                }
            };
            if is_over || until.is_some_and(|until| clock::now() >= until) {
                return Err(OutOfTime);
            }
        }
    }
}

/// The last keeper has no more time.
struct OutOfTime;

/// Why there is no keeper, without a heap.
struct Reason {
    bytes: Room,
    length: usize,
}

type Room = [u8; 64];

impl Default for Reason {
    fn default() -> Self {
        Self {
            bytes: [0; 64],
            length: 0,
        }
    }
}

impl Reason {
    fn of(&mut self, exit: Exit) {
        match exit {
            Exit::Code(code) => self.put(format_args!("the keeper exited with {code}")),
            Exit::Signal { signal, .. } => {
                self.put(format_args!("{} killed the keeper", signal::Name(signal)));
            }
        }
    }

    fn put(&mut self, text: core::fmt::Arguments<'_>) {
        use core::fmt::Write as _;
        // What does not fit is left out.
        let _ = self.write_fmt(text);
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
