//! The keeper: the third process of a pair, which carries the newest checkpoint to the store, so that neither the worker nor the watch dog ever waits for a
//! disk. Here is what all three have of it.

mod begin;
mod carry;
mod newest;
mod reporter;

use core::sync::atomic::{AtomicI32, Ordering};
use core::time::Duration;
use std::os::fd::{AsRawFd as _, RawFd};
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::config::Options;
use crate::state::durable::Ring;
use crate::state::segment::Segment;
use crate::state::stored::Stored;
use crate::store::choice::Choice;
use crate::store::lock::{Lock, Watch};
use crate::store::{self, Owner, Store, StoreError};
use crate::sys::channel::Channel;
use crate::sys::fork::{Side, fork};
use crate::sys::owned::Identity;
use crate::sys::process::Alone;
use crate::sys::tether::Tether;
use crate::sys::{Errno, lasting, memory, process, signal, wait};
use crate::watchdog::manager;

pub(crate) use begin::{Refusal, begin};

/// How often it looks for something new where each commit is stored at once: a worker may have died before it rang.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Where nothing can be loaded from, or saved to.
struct NoStore;

impl NoStore {
    fn error() -> StoreError {
        StoreError::unusable(format_args!(
            "there is no such store; expected {}",
            Choice::EXPECTED
        ))
    }
}

impl Store for NoStore {
    fn name(&self) -> String {
        "none".to_owned()
    }

    fn load(&mut self) -> Result<Vec<Stored>, StoreError> {
        Err(Self::error())
    }

    fn save(&mut self, _: &[Stored]) -> Result<(), StoreError> {
        Err(Self::error())
    }

    fn set_aside(&mut self, _: &Stored) -> Result<(), StoreError> {
        Err(Self::error())
    }
}

/// What the processes of a pair have in common for its store.
#[derive(Debug)]
pub(crate) struct Keeping {
    choice: Choice,
    /// The store's name, for the log: what it calls itself, once that is known.
    name: OnceLock<String>,
    interval: Duration,
    /// How long it may try once the pair has ended; `None` for any time.
    patience: Option<Duration>,
    channel: Channel,
    lock: Option<Lock>,
    /// What the lock's descriptor leads to.
    locked: Option<Identity>,
    /// What the pair is called where somebody else could take the store meanwhile.
    token: u64,
    watchdog: i32,
    /// Whether that is no watch dog but the program itself, which runs alone.
    is_alone: bool,
    /// The keeper's process id; 0 if there is none.
    pid: AtomicI32,
}

/// What a fresh image of the watch dog has to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle {
    pub(crate) pid: i32,
    pub(crate) channel: [RawFd; 2],
    /// -1 if the store has no lock.
    pub(crate) lock: RawFd,
    pub(crate) token: u64,
}

impl Handle {
    /// Of a pair without a store.
    pub(crate) const NONE: Self = Self {
        pid: 0,
        channel: [-1; 2],
        lock: -1,
        token: 0,
    };
}

/// What was taken over from an earlier image of this process.
#[derive(Debug)]
pub(crate) struct Adopted {
    pid: i32,
    channel: Channel,
    lock: Option<Lock>,
    /// What the lock's descriptor leads to.
    locked: Option<Identity>,
    token: u64,
    /// Where the store is, if it has a path.
    path: Option<PathBuf>,
}

/// What the descriptor of a lock leads to.
fn locked(lock: Option<&Lock>) -> Option<Identity> {
    Identity::of(lock?.as_fd()).ok()
}

impl Adopted {
    /// Returns true if the program has closed nothing of it.
    pub(crate) fn is_there(&self) -> bool {
        self.channel.is_there() && locked(self.lock.as_ref()) == self.locked
    }

    /// Takes it over. `None` if the pair has no store.
    pub(crate) fn take(handle: Handle, path: Option<PathBuf>) -> Result<Option<Self>, Errno> {
        if handle.channel == Handle::NONE.channel {
            return Ok(None);
        }
        let lock = match handle.lock {
            -1 => None,
            number => Some(Lock::adopt(memory::adopt_any(number)?)),
        };
        Ok(Some(Self {
            pid: handle.pid,
            channel: Channel::adopt(handle.channel)?,
            locked: locked(lock.as_ref()),
            lock,
            token: handle.token,
            path,
        }))
    }
}

impl Ring for Keeping {
    fn ring(&self) -> bool {
        let rung = self.channel.ring();
        if process::pid() == self.watchdog {
            // A watch dog starts another one; a process that serves by itself does not.
            return self.lives();
        }
        if rung == Err(Errno::EBADF) && process::parent() == self.watchdog {
            // The program has closed this end. The watch dog has one too, and rings when it is
            // woken; and the keeper looks without that.
            let _ = signal::kill(self.watchdog, signal::SIGCHLD);
        }
        true
    }
}

impl Keeping {
    /// Makes the store. Not before it is needed: here begins the code of others.
    fn open_store(&self, is_first: bool) -> Box<dyn Store> {
        let token = format!("{:016x}", self.token);
        let owner = Owner {
            token: &token,
            watchdog: self.watchdog,
            is_first,
        };
        // A name is checked before it comes here.
        store::open(&self.choice, owner).unwrap_or_else(|| Box::new(NoStore))
    }

    fn new(
        options: &Options,
        channel: Channel,
        lock: Option<Lock>,
        token: u64,
        is_alone: bool,
    ) -> Self {
        Self {
            choice: options.store,
            name: OnceLock::new(),
            interval: options.store_interval,
            patience: options.grace(),
            channel,
            locked: locked(lock.as_ref()),
            lock,
            token,
            watchdog: process::pid(),
            is_alone,
            pid: AtomicI32::new(0),
        }
    }

    /// Goes on with what an earlier image of this process had.
    pub(crate) fn resume(options: &Options, adopted: Adopted) -> &'static Self {
        let Adopted {
            pid,
            channel,
            lock,
            locked: _,
            token,
            path,
        } = adopted;
        let mut keeping = Self::new(options, channel, lock, token, false);
        if let Some(path) = path {
            // This process may be in another folder by now, and the lock at another path.
            keeping.choice = keeping.choice.at(&path);
        }
        keeping.set_pid(pid);
        lasting::leak(Box::new(keeping))
    }

    /// Where the store is; `None` if it has no path.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.lock.as_ref()?;
        self.choice.place()?.path()
    }

    /// What looks whether the lock is still at its path; `None` if the store has none.
    fn watch(&self) -> Result<Option<Watch>, StoreError> {
        let lock = self.lock.as_ref().zip(self.path());
        lock.map(|(lock, path)| Watch::new(path, lock, self.watchdog))
            .transpose()
    }

    pub(crate) fn handle(&self) -> Handle {
        Handle {
            pid: self.pid(),
            channel: self.channel.numbers(),
            lock: self
                .lock
                .as_ref()
                .map_or(-1, |lock| lock.as_fd().as_raw_fd()),
            token: self.token,
        }
    }

    /// Returns true if the program has closed nothing of it.
    pub(crate) fn is_there(&self) -> bool {
        self.channel.is_there() && locked(self.lock.as_ref()) == self.locked
    }

    /// In the watch dog: has the keeper look, as a worker may want that which has closed its own
    /// end.
    pub(crate) fn ring_for_worker(&self) {
        // If it is gone, the next one looks.
        let _ = self.channel.ring();
    }

    /// Whether its descriptors stay open across `exec`.
    pub(crate) fn set_inherited(&self, inherited: bool) -> Result<(), Errno> {
        self.channel.set_inherited(inherited)?;
        self.lock.as_ref().map_or(Ok(()), |lock| {
            memory::set_inherited(lock.as_fd(), inherited)
        })
    }

    pub(crate) fn name(&self) -> &str {
        self.name.get_or_init(|| self.choice.shown())
    }

    fn set_name(&self, name: String) {
        self.name.get_or_init(|| name);
    }

    /// The keeper's process id; 0 if there is none.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.load(Ordering::Relaxed)
    }

    pub(crate) fn set_pid(&self, pid: i32) {
        self.pid.store(pid, Ordering::Relaxed);
    }

    /// Whether there is a keeper. In the process whose child it is, unless that is a watch dog, which wants to know how it has ended.
    fn lives(&self) -> bool {
        let pid = self.pid();
        if pid != 0 && wait::reap(pid) != Ok(None) {
            self.set_pid(0);
        }
        self.pid() != 0
    }

    /// The pair ends: the keeper, and each one that is forked from here on, is to store what there is, and to end.
    pub(crate) fn finish(&self) {
        self.channel.end();
    }

    /// Nothing is stored any more, so the next pair may have the store, whoever else has the descriptors of this one.
    pub(crate) fn let_go(&self) {
        let is_there = locked(self.lock.as_ref()) == self.locked;
        if let Some(lock) = self.lock.as_ref().filter(|_| is_there) {
            lock.let_go();
        }
    }

    /// How long it may try once the pair has ended; `None` for any time.
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.patience
    }

    /// Whether each commit waits until it is stored.
    pub(crate) fn is_at_once(&self) -> bool {
        self.interval.is_zero()
    }

    /// Forks a keeper for a segment that is there. Returns in the watch dog only.
    pub(crate) fn fork(
        &'static self,
        alone: &Alone,
        segment: &'static Segment,
        tether: Option<&Tether>,
    ) -> Result<i32, Errno> {
        match fork(alone)? {
            Side::Child => {
                manager::hide(alone);
                if let Some(tether) = tether {
                    tether.let_go();
                }
                carry::again(self, segment)
            }
            Side::Parent(pid) => {
                self.set_pid(pid);
                Ok(pid)
            }
        }
    }
}
