//! The keeper's own process: it loads, looks, saves, says how it went, and ends when nobody is left who commits.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use super::begin::{encode, when_free};
use super::newest::{self, Found};
use super::reporter::Reporter;
use super::{Keeping, LOOK_AGAIN};
use crate::event::Event as Say;
use crate::last_words;
use crate::log::say;
use crate::state::restored::{Restored, assign};
use crate::state::segment::{RegionSpec, Segment};
use crate::state::stored::Stored;
use crate::store::lock::Watch as LockWatch;
use crate::store::{Store, StoreError};
use crate::sys::channel::Heard;
use crate::sys::memory::MemoryFile;
use crate::sys::{Errno, clock, lasting, process, signal};

/// How soon a store that has failed is tried again, for somebody who waits for it.
const RETRY_SOON: Duration = Duration::from_millis(50);
/// How long it is left alone at the most, if nobody does.
const RETRY_LATE: Duration = Duration::from_secs(5);

/// The first keeper of a pair: the segment is made of what it loads.
pub(super) fn first(keeping: &'static Keeping, specs: &[RegionSpec]) -> ! {
    run(keeping, || {
        let mut store = keeping.open_store(true);
        let watch = Watch::begin(keeping);
        let loaded = when_free(|| store.load());
        watch.end();
        keeping.channel.report(&encode(&store.name(), &loaded))?;
        let Ok(loaded) = loaded else { return Ok(1) };
        let Some(file) = keeping.channel.take_over()? else {
            // The pair did not come to begin.
            return Ok(0);
        };
        let segment: &'static Segment = lasting::leak(Box::new(Segment::adopt(
            MemoryFile::new(file)?,
            specs.to_vec(),
        )?));
        let mut carrier = Carrier::new(keeping, segment, store);
        carrier.take_in(loaded);
        Ok(carrier.carry_on())
    })
}

/// While a store is loaded, which nobody knows how long may take: without anybody who waits for it, it is of no use. (The signal that the kernel would send at the watch
/// dog's death may come later than what the program has committed by then.)
struct Watch {
    is_over: Arc<AtomicBool>,
}

impl Watch {
    fn begin(keeping: &'static Keeping) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let look = move || {
            while !seen.load(Ordering::Acquire) {
                // In this order: who is gone behind the end has been told what is loaded.
                if keeping.channel.is_gone() && !seen.load(Ordering::Acquire) {
                    process::exit_now(0);
                }
                std::thread::sleep(RETRY_SOON);
            }
        };
        // Without it, it goes on for longer than it has to.
        let _ = std::thread::Builder::new().spawn(look);
        Self { is_over }
    }

    fn end(self) {
        self.is_over.store(true, Ordering::Release);
    }
}

/// One that replaces a dead one.
pub(super) fn again(keeping: &'static Keeping, segment: &'static Segment) -> ! {
    run(keeping, || {
        let store = keeping.open_store(false);
        Ok(Carrier::new(keeping, segment, store).carry_on())
    })
}

/// Runs `work` in a process that was just forked, and ends it. Nothing comes back from here, no panic either: behind the caller is the program of the user.
fn run(keeping: &'static Keeping, work: impl FnOnce() -> Result<u8, Errno>) -> ! {
    let work = || {
        // What ends a worker is none of its business: it is needed as long as there is one, and a moment longer.
        signal::shut_out()?;
        // A store that may write no more is one that fails.
        signal::be_quiet()?;
        last_words::leave_none();
        process::set_name(c"ppair-keeper");
        keeping.channel.hold_as_keeper()?;
        // Whoever is to have the program's port next must not find it held here.
        process::close_listeners();
        work()
    };
    let code = match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(code)) => code,
        Ok(Err(errno)) => {
            let reason = format!("the keeper cannot work: {}", errno.desc());
            say(&Say::Warning { reason: &reason });
            crate::exit::SYSTEM
        }
        Err(_) => crate::exit::PANICKED,
    };
    process::exit_now(code)
}

struct Carrier {
    keeping: &'static Keeping,
    segment: &'static Segment,
    store: Box<dyn Store>,
    /// What looks whether the lock is still at its path, once that was needed.
    watch: Option<LockWatch>,
    is_open: bool,
    /// What was stored with another layout than it has now, and is not yet where nothing overwrites it.
    to_set_aside: Vec<Stored>,
    /// Whether all is stored but what a wild write has hit.
    is_damaged: bool,
    /// The hard states of the program, in the order of the segment.
    states: Vec<State>,
    /// What is saved: the newest of each of them that there is, and what was stored and the program does not have: that stays.
    newest: Vec<Stored>,
    /// What was told last: whether it fails.
    told: Option<bool>,
    not_before: Duration,
    /// How long it waits after the next failure.
    pause: Duration,
    reporter: Arc<Reporter>,
}

#[derive(Debug, Default)]
struct State {
    /// Where its newest checkpoint is in `newest`; `None` if it has none.
    at: Option<usize>,
    /// The generation up to which all that is left is in the store; 0 if none is.
    saved: u64,
    /// The one for which `newest` was read, until that is saved.
    read: Option<u64>,
}

impl State {
    /// Whether this generation is not in the store. They only grow; a lower one is what a wild write has left.
    fn lacks(&self, generation: u64) -> bool {
        generation > self.saved
    }
}

impl Carrier {
    fn new(keeping: &'static Keeping, segment: &'static Segment, store: Box<dyn Store>) -> Self {
        let (mut to_set_aside, mut newest) = (Vec::new(), Vec::new());
        let mut states: Vec<State> = segment.specs().iter().map(|_| State::default()).collect();
        for (region, bytes) in segment.given() {
            let Some(restored) =
                bytes.and_then(|bytes| Restored::of(&bytes, region, segment.specs()))
            else {
                continue;
            };
            let stored = restored.stored().clone();
            if let Some(number) = region {
                if !restored.is_unchanged() {
                    to_set_aside.push(stored.clone());
                }
                // Until the program commits something newer, this is the newest.
                states[number].at = Some(newest.len());
            } else if segment
                .specs()
                .iter()
                .any(|spec| spec.layout.name() == stored.name())
                || newest
                    .iter()
                    .any(|other: &Stored| other.name() == stored.name())
            {
                // A newer one has its name, and so its place in the store.
                to_set_aside.push(stored);
                continue;
            }
            newest.push(stored);
        }
        let reporter = Reporter::new(segment);
        reporter.watch(keeping);
        Self {
            keeping,
            segment,
            store,
            watch: None,
            is_open: false,
            to_set_aside,
            is_damaged: false,
            states,
            newest,
            told: None,
            not_before: Duration::ZERO,
            pause: RETRY_SOON,
            reporter,
        }
    }

    /// What the store holds is what was loaded.
    fn take_in(&mut self, loaded: Vec<Stored>) {
        self.is_open = true;
        let held = assign(loaded, self.segment.specs());
        for (number, state) in self.states.iter_mut().enumerate() {
            // A keeper before this one may have saved what the worker has committed. More than that was not saved by this pair.
            let held = held.iter().find(|held| held.region == Some(number));
            let held = held.map_or(0, |held| held.generation);
            let committed = newest::committed(self.segment, number);
            state.saved = if committed.is_some_and(|committed| held > committed) {
                0
            } else {
                held
            };
            if committed == Some(state.saved) {
                let _ = self.segment.region(number).set_stored(state.saved);
            }
        }
        // What the segment does not say any more, as a wild write has hit it there.
        for held in held {
            if held
                .region
                .is_some_and(|number| self.states[number].at.is_some())
            {
                continue;
            }
            let Ok(stored) = Stored::from_bytes(&held.bytes) else {
                continue;
            };
            let is_named_so = |other: &Stored| other.name() == stored.name();
            if let Some(number) = held.region {
                self.states[number].at = Some(self.newest.len());
            } else if self
                .newest
                .iter()
                .chain(&self.to_set_aside)
                .any(is_named_so)
            {
                continue;
            }
            self.newest.push(stored);
        }
    }

    /// Carries until the pair has ended. Returns the exit code.
    fn carry_on(mut self) -> u8 {
        let interval = if self.keeping.is_at_once() {
            LOOK_AGAIN
        } else {
            self.keeping.interval
        };
        let mut next = clock::now();
        loop {
            let wait = next.saturating_sub(clock::now());
            let heard = self.keeping.channel.hear(wait);
            if heard == Heard::Gone {
                return self.finish();
            }
            let now = clock::now();
            if heard == Heard::Ring || now >= next {
                next = now.saturating_add(interval);
                // Somebody who waits for a store that fails has it tried again soon.
                if heard == Heard::Ring {
                    self.not_before = self.not_before.min(now.saturating_add(RETRY_SOON));
                }
                if now >= self.not_before {
                    // What came of it is said where it was tried.
                    if self.carry().is_err() {
                        next = next.min(self.not_before);
                    }
                } else {
                    next = next.min(self.not_before);
                }
            }
        }
    }

    /// The pair has ended: what it has committed last is stored, if that works within the time that there is.
    fn finish(&mut self) -> u8 {
        let begin = clock::now();
        let end = self
            .keeping
            .patience()
            .and_then(|patience| begin.checked_add(patience));
        // Where an attempt does not come to an end, another thread ends it.
        self.reporter.begin_end(self.keeping);
        loop {
            let Err(error) = self.carry() else { return 0 };
            if self.is_damaged || end.is_some_and(|end| clock::now() >= end) {
                let reason = format!("what was committed last is not stored: {error}");
                say(&Say::StoreFailed {
                    store: self.keeping.name(),
                    reason: &reason,
                    failures: self.segment.delivery().report().failures,
                });
                return crate::exit::SYSTEM;
            }
            std::thread::sleep(RETRY_SOON);
        }
    }

    /// Whether anything is committed, or not yet set aside, that is not in the store.
    fn is_behind(&self) -> bool {
        let mut states = self.states.iter().enumerate();
        states.any(|(number, state)| {
            newest::committed(self.segment, number)
                .is_some_and(|generation| state.lacks(generation))
        })
    }

    /// Saves what is new, if anything is.
    fn carry(&mut self) -> Result<(), StoreError> {
        let is_idle = self.is_open && self.told == Some(false) && !self.is_behind();
        // Also where nothing is to be saved: the next pair that begins is refused by the lock.
        if is_idle && self.look_at_lock().is_ok() {
            return Ok(());
        }
        let attempt = self.reporter.begin();
        let result = self.attempt();
        let now = clock::now();
        if result.is_ok() {
            self.pause = RETRY_SOON;
            self.not_before = now;
        } else {
            self.not_before = now.saturating_add(self.pause);
            self.pause = self.pause.saturating_mul(2).min(RETRY_LATE);
        }
        let was_slow = self.reporter.end(attempt, now, &result);
        let is_failing = result.is_err();
        if self.told.replace(is_failing) != Some(is_failing) || was_slow {
            self.reporter.tell(self.keeping);
        }
        result.map(drop)
    }

    /// Returns whether there was something to save.
    fn attempt(&mut self) -> Result<bool, StoreError> {
        self.is_damaged = false;
        if !self.is_open {
            let loaded = self.store.load()?;
            self.take_in(loaded);
        }
        self.look_at_lock()?;
        if !self.is_behind() {
            return Ok(false);
        }
        while let Some(stored) = self.to_set_aside.last() {
            self.store.set_aside(stored)?;
            self.to_set_aside.pop();
        }
        let damaged = self.read_newest();
        let has_read = self.states.iter().any(|state| state.read.is_some());
        if has_read {
            self.store.save(&self.newest)?;
            // What is confirmed is in the store, and nobody else had it until now.
            self.look_at_lock()?;
        }
        for (number, state) in self.states.iter_mut().enumerate() {
            let Some(read) = state.read.take() else {
                continue;
            };
            state.saved = read;
            // The keeper's mapping is writable, where this cannot fail.
            let _ = self.segment.region(number).set_stored(read);
        }
        self.is_damaged = damaged.is_some();
        damaged.map_or(Ok(has_read), |number| {
            Err(StoreError::failed(format_args!(
                "the last commit of `{}` was overwritten by a wild write before it was stored",
                self.segment.specs()[number].layout.name()
            )))
        })
    }

    /// Makes sure that the lock at the store's path is this pair's.
    fn look_at_lock(&mut self) -> Result<(), StoreError> {
        if self.watch.is_none() {
            self.watch = self.keeping.watch()?;
        }
        let Some(watch) = &mut self.watch else {
            return Ok(());
        };
        if watch.look()? {
            let reason = format!(
                "the lock of the store {} was removed, moved or replaced, and was made anew",
                self.keeping.name()
            );
            say(&Say::Warning { reason: &reason });
        }
        Ok(())
    }

    /// Reads what is new. Returns the number of a hard state that is damaged.
    fn read_newest(&mut self) -> Option<usize> {
        let mut damaged = None;
        for (number, state) in self.states.iter_mut().enumerate() {
            let Some(committed) = newest::committed(self.segment, number) else {
                continue;
            };
            if !state.lacks(committed) {
                continue;
            }
            if self.segment.region(number).base() == Some(committed) {
                // What the program has given to the pair is not in its store yet.
                state.read = Some(committed);
                continue;
            }
            let newest = match newest::read(self.segment, number) {
                Found::Whole(stored) => {
                    state.read = Some(stored.generation());
                    stored
                }
                Found::LeftBehind(left) => {
                    state.read = Some(committed);
                    // Nothing that is in the store gives way to something older.
                    match left.filter(|left| state.lacks(left.generation())) {
                        Some(left) => left,
                        None => continue,
                    }
                }
                Found::Overtaken => continue,
                Found::Damaged => {
                    damaged = Some(number);
                    continue;
                }
            };
            if let Some(at) = state.at {
                self.newest[at] = newest;
            } else {
                state.at = Some(self.newest.len());
                self.newest.push(newest);
            }
        }
        damaged
    }
}
