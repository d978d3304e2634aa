//! Serving as the worker after `fork` failed, and the way back to a pair.
//!
//! After each commit the degraded process tries to fork again, if that is safe. The child goes on as the worker from this
//! very commit; the user's code does not notice. The parent becomes the watch dog again, in a fresh image of the program,
//! because its own has run the user's `main`: see [`resume`](crate::resume).

use core::time::Duration;
use std::sync::{Mutex, PoisonError};

use crate::config::Options;
use crate::event::Event as Say;
use crate::keeper::{Handle, Keeping};
use crate::log::say;
use crate::resume::{Baton, NO_GENERATION, Relay};
use crate::state::checkpoint;
use crate::state::segment::Segment;
use crate::sys::fork::{Side, fork};
use crate::sys::process::Alone;
use crate::sys::signal::Set;
use crate::sys::tether::Tether;
use crate::sys::{children, clock, process, signal, wait};
use crate::watchdog::driver::{Equipment, Image, Running, WatchDog};
use crate::worker::{Worker, hold_on_to};
use crate::world::{WAITED, World};

/// After so many looks it is said that a degraded process has lost what a pair consists of.
const SAY_MISSING: u32 = 3;

/// A degraded pair that may become one again.
#[derive(Debug)]
struct Degraded {
    options: Options,
    world: World,
    segment: &'static Segment,
    equipment: &'static Equipment,
    worker: Worker,
    restarts: u32,
    since: Duration,
    attempts: u32,
    /// How often something was not there that a pair consists of.
    missing: u32,
    not_before: Duration,
}

static DEGRADED: Mutex<Option<Degraded>> = Mutex::new(None);

/// From now on each commit of this process tries to make it a pair again.
pub(crate) fn begin(
    options: Options,
    world: World,
    segment: &'static Segment,
    equipment: &'static Equipment,
    worker: Worker,
    restarts: u32,
) {
    let now = clock::now();
    let degraded = Degraded {
        options,
        world,
        segment,
        equipment,
        worker,
        restarts,
        since: now,
        attempts: 0,
        missing: 0,
        not_before: now.saturating_add(options.restart_delay),
    };
    *DEGRADED.lock().unwrap_or_else(PoisonError::into_inner) = Some(degraded);
    checkpoint::set_after_commit(try_to_repair);
}

/// Forks if the time has come and it is safe. Runs after a commit, when no lock of ppair's is held.
fn try_to_repair() {
    if process::is_secure() {
        // The fresh image could not believe what this one hands over in its environment.
        return;
    }
    // Another thread is at it, so there are two threads, and it will find that out.
    let Ok(mut guard) = DEGRADED.try_lock() else {
        return;
    };
    let Some(degraded) = guard.as_mut() else {
        return;
    };
    let now = clock::now();
    if now < degraded.not_before {
        return;
    }
    degraded.not_before = now.saturating_add(degraded.options.restart_delay);
    if degraded.has_children() || process::holds_record_locks() || process::has_timers() {
        return;
    }
    if !degraded.is_whole() {
        degraded.missing = degraded.missing.saturating_add(1);
        // The system may have refused to tell, for a moment. It is looked at again each time.
        if degraded.missing == SAY_MISSING {
            say(&Say::Warning {
                reason: "the program has closed descriptors that are ppair's, so it does not become a pair again; close no descriptor that the program has not opened",
            });
        }
        return;
    }
    // This thread goes from here to the fork without starting another.
    let Some(alone) = Alone::look() else { return };
    if degraded.repair(alone) {
        *guard = None;
    }
}

impl Degraded {
    /// Returns true if all is there that a pair consists of: the program runs in this process, and
    /// may have closed it.
    fn is_whole(&self) -> bool {
        let Equipment {
            tether, keeping, ..
        } = self.equipment;
        self.segment.file().owned().is_there()
            && tether.as_ref().is_none_or(Tether::is_there)
            && keeping.is_none_or(Keeping::is_there)
    }

    /// Whether the program has children of its own, which its forked self would not have.
    fn has_children(&self) -> bool {
        let keeper = self.equipment.keeping.map_or(0, Keeping::pid);
        wait::has_children() && (keeper == 0 || children::are_all_known(&[keeper]) != Some(true))
    }

    /// Whether this process is a worker from now on. In the parent it does not return.
    fn repair(&mut self, alone: Alone) -> bool {
        self.attempts = self.attempts.saturating_add(1);
        let Ok(mask) = signal::block(WAITED) else {
            return false;
        };
        let came = signal::pending().map_or(Set::NONE, |pending| pending.but(mask));
        if came != Set::NONE {
            // The child would not have it, so this process takes it as it would have without all
            // this.
            let _ = signal::set_mask(mask);
            return false;
        }
        let watchdog = process::pid();
        let incarnation = self.worker.incarnation().wrapping_add(1);
        let became_worker = match fork(&alone) {
            Ok(Side::Child) => {
                let handed_over = self
                    .segment
                    .fence(incarnation)
                    .and_then(|()| self.segment.black_box().clear());
                if let Err(errno) = handed_over {
                    say(&Say::Failed {
                        call: "pwrite",
                        errno: errno as i32,
                    });
                }
                self.equipment.manager.hide(&alone);
                self.worker.repaired(incarnation);
                checkpoint::clear_after_commit();
                true
            }
            Ok(Side::Parent(pid)) => self.watch_over(alone, watchdog, pid, incarnation),
            Err(_) => false,
        };
        // The mask that the user's code had at the commit.
        if let Err(errno) = signal::set_mask(mask) {
            say(&Say::Failed {
                call: "sigprocmask",
                errno: errno as i32,
            });
        }
        if became_worker {
            let tether = self.equipment.tether.as_ref();
            hold_on_to(tether, watchdog, self.options.on_watchdog_death);
        }
        became_worker
    }

    /// The parent: the watch dog again.
    fn watch_over(&self, alone: Alone, watchdog: i32, worker: i32, incarnation: u32) -> ! {
        // If it is refused, a line of the log may be this process's end.
        let _ = signal::be_quiet();
        let since = clock::now();
        self.segment.follow(incarnation);
        say(&Say::Repaired {
            after: since.saturating_sub(self.since),
            attempts: self.attempts,
            watchdog,
            worker,
            incarnation,
            generation: self.segment.generation(),
        });
        let baton = Baton {
            watchdog,
            segment: 0,
            tether: [-1; 2],
            worker,
            since: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX),
            incarnation,
            // The repair follows a commit, so this worker has made progress, whatever is committed from here on.
            generation: NO_GENERATION,
            restarts: self.restarts,
            mask: 0,
            ignored: 0,
            keeping: Handle::NONE,
        };
        let file = self.segment.file();
        let errno = Relay::new(baton, file, self.equipment, self.world).exec();
        // The system is short of something. The worker runs, so this image watches over it, and tries again when there is
        // a next worker to be started.
        say(&Say::Failed {
            call: "execve",
            errno: errno as i32,
        });
        let image = Image::Used(Box::new(Relay::new(
            Baton { worker: 0, ..baton },
            file,
            self.equipment,
            self.world,
        )));
        let mut dog = WatchDog::new(
            self.options,
            self.world,
            alone,
            self.segment,
            self.equipment,
        )
        .continued(image, &baton);
        dog.run_with(Some(Running { pid: worker, since }));
        // A used image forks nothing and serves nobody, so this is never reached.
        process::exit_now(crate::exit::SYSTEM)
    }
}
