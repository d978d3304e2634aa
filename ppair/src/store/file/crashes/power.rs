//! Plays saves on a disk, and looks after each change at everything that a power failure may leave of it.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::rc::Rc;

use xxhash_rust::xxh3::xxh3_64;

use crate::state::stored::Stored;
use crate::store::Store;
use crate::store::file::shim::{Flaw, Point, Shim};
use crate::sys::Errno;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Save(Vec<Stored>),
    /// The keeper dies, and another one takes over; the machine goes on.
    Reopen,
}

/// How much is tried at each point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Up to so many changes, every subset of them.
    pub(super) exhaustive: usize,
    /// Of more, so many at random, beside those that lack or have one or are a beginning or an end.
    pub(super) random: usize,
}

pub(super) struct Play<'a> {
    pub(super) store: fn(&Shim) -> Box<dyn Store>,
    pub(super) steps: &'a [Step],
    pub(super) flaw: Flaw,
    pub(super) effort: Effort,
}

/// What may be found after a power failure.
struct Expected {
    saved: Vec<Stored>,
    /// What was being saved since, with and without success.
    tried: Vec<Vec<Stored>>,
}

impl Play<'_> {
    /// How many disks were looked at, and whether `fault` has happened; or what went wrong.
    pub(super) fn run(&self, fault: Option<(usize, Errno)>) -> Result<(usize, bool), String> {
        let shim = Shim::default();
        shim.set_flaw(self.flaw);
        match fault {
            // Until it happens, all is as without it.
            Some((after, errno)) => shim.fail(after, errno),
            None => shim.record(),
        }
        let mut watch = Watch {
            play: self,
            random: 1,
            seen: 0,
            is_inner: false,
        };
        let mut expected = Expected {
            saved: Vec::new(),
            tried: Vec::new(),
        };
        let mut store = (self.store)(&shim);
        watch.load(&shim, &mut store, &mut expected)?;
        for step in self.steps {
            match step {
                Step::Save(states) => watch.save(&shim, &mut store, &mut expected, states)?,
                Step::Reopen => {
                    store = (self.store)(&shim);
                    watch.load(&shim, &mut store, &mut expected)?;
                }
            }
        }
        let has_failed = fault.is_some() && !shim.fails_later();
        Ok((watch.seen, has_failed))
    }
}

/// Looks at what power failures leave.
struct Watch<'a> {
    play: &'a Play<'a>,
    random: u64,
    seen: usize,
    /// Whether there was a power failure before already.
    is_inner: bool,
}

/// How often an operation is called until it works. Each fault happens once.
const ATTEMPTS: usize = 2;

impl Watch<'_> {
    fn load(
        &mut self,
        shim: &Shim,
        store: &mut Box<dyn Store>,
        expected: &mut Expected,
    ) -> Result<(), String> {
        for attempt in 1..=ATTEMPTS {
            let loaded = store.load();
            self.look(&shim.take_points(), expected)?;
            match loaded {
                Ok(found) => {
                    if !expected.has(&found) {
                        return Err("loaded while the machine ran: neither old nor new".to_owned());
                    }
                    *expected = Expected {
                        saved: found,
                        tried: Vec::new(),
                    };
                    return self.look(&[shim.point()], expected);
                }
                Err(error) if attempt == ATTEMPTS => return Err(format!("load: {error}")),
                Err(_) => *store = (self.play.store)(shim),
            }
        }
        Ok(())
    }

    fn save(
        &mut self,
        shim: &Shim,
        store: &mut Box<dyn Store>,
        expected: &mut Expected,
        states: &[Stored],
    ) -> Result<(), String> {
        for attempt in 1..=ATTEMPTS {
            expected.tried.push(states.to_vec());
            let saved = store.save(states);
            self.look(&shim.take_points(), expected)?;
            match saved {
                Ok(()) => {
                    *expected = Expected {
                        saved: states.to_vec(),
                        tried: Vec::new(),
                    };
                    return self.look(&[shim.point()], expected);
                }
                Err(error) if attempt == ATTEMPTS => return Err(format!("save: {error}")),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Tries what may be left at each of these points.
    fn look(&mut self, points: &[Point], expected: &Expected) -> Result<(), String> {
        let mut disks = HashSet::new();
        for point in points {
            let point = point.torn();
            let choices = point.choices();
            for happened in self.subsets(choices) {
                let files = point.after(&happened);
                if !disks.insert(key(&files)) {
                    continue;
                }
                let number = self.seen;
                self.seen += 1;
                let shim = Shim::holding(files);
                // Now and then the power fails again while what is left is put in order.
                let fails_again = !self.is_inner && number % 211 == 0;
                if fails_again {
                    shim.record();
                }
                let mut store = (self.play.store)(&shim);
                let found = store
                    .load()
                    .map_err(|error| format!("after the changes {happened:?}: {error}"))?;
                if !expected.has(&found) {
                    let found: Vec<_> = found.iter().map(Stored::generation).collect();
                    return Err(format!(
                        "after the changes {happened:?}: neither old nor new, but {found:?}"
                    ));
                }
                if fails_again {
                    self.go_on(&shim, &mut store, found, expected)?;
                }
            }
        }
        Ok(())
    }

    /// Saves something on what a power failure has left, as the next pair does.
    fn go_on(
        &mut self,
        shim: &Shim,
        store: &mut Box<dyn Store>,
        found: Vec<Stored>,
        expected: &Expected,
    ) -> Result<(), String> {
        let mut inner = Watch {
            play: self.play,
            random: self.random,
            seen: 0,
            is_inner: true,
        };
        let mut expected = Expected {
            saved: expected.saved.clone(),
            tried: expected.tried.clone(),
        };
        inner.look(&shim.take_points(), &expected)?;
        expected = Expected {
            saved: found,
            tried: Vec::new(),
        };
        inner.look(&[shim.point()], &expected)?;
        let next = self.play.steps.iter().find_map(|step| match step {
            Step::Save(states) => Some(states),
            Step::Reopen => None,
        });
        if let Some(next) = next {
            inner.save(shim, store, &mut expected, next)?;
        }
        self.seen += inner.seen;
        Ok(())
    }

    /// Which of so many changes have happened.
    fn subsets(&mut self, choices: usize) -> Vec<Vec<bool>> {
        if choices <= self.play.effort.exhaustive {
            let all = 0..1_usize << choices;
            return all
                .map(|bits| (0..choices).map(|choice| bits >> choice & 1 == 1).collect())
                .collect();
        }
        let mut subsets = Vec::new();
        for one in 0..=choices {
            let mut by = |rule: &dyn Fn(usize) -> bool| {
                subsets.push((0..choices).map(rule).collect::<Vec<_>>());
            };
            by(&|choice| choice < one);
            by(&|choice| choice >= one);
            by(&|choice| choice != one);
            by(&|choice| choice == one);
        }
        for number in 0..self.play.effort.random {
            // Half of them, few of them, most of them.
            let bar = [128, 24, 232][number % 3];
            subsets.push((0..choices).map(|_| self.next() % 256 < bar).collect());
        }
        if self.is_inner {
            let step = subsets.len().div_ceil(40);
            subsets = subsets.into_iter().step_by(step).collect();
        }
        subsets
    }

    fn next(&mut self) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        self.random >> 33
    }
}

/// What tells one disk from another.
fn key(files: &BTreeMap<PathBuf, Rc<Vec<u8>>>) -> u64 {
    let names = files.iter().flat_map(|(name, file)| {
        let name = xxh3_64(name.as_os_str().as_bytes());
        [name, xxh3_64(file)]
    });
    let sums: Vec<u8> = names.flat_map(u64::to_le_bytes).collect();
    xxh3_64(&sums)
}

impl Expected {
    fn has(&self, found: &[Stored]) -> bool {
        self.saved == found || self.tried.iter().any(|tried| tried == found)
    }
}
