//! The commit protocol under a model checker, which tries the orders in which threads may run and what a relaxed load may see:
//! `RUSTFLAGS="--cfg ppair_model" cargo test -p ppair --lib --release model`.

use core::mem::MaybeUninit;
use core::ops::Range;

use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::Arc;
use loom::thread;

use super::commit::{CommitError, Committer};
use super::recovery::choose;
use super::region::{Region, Shape};
use super::turn::Turns;
use super::words::{Guard, WORD, Words};
use super::working::{Buffer, Who, Working};
use crate::sys::Errno;
use crate::sys::atomic::{AtomicU64, Ordering};

const SIZE: usize = 2 * WORD;
const FINGERPRINT: u64 = 3;

#[derive(Debug)]
struct Memory {
    cells: Vec<AtomicU64>,
}

/// What the kernel does for a guarded worker.
impl Guard for Memory {
    fn write(&self, at: usize, bytes: &[u8]) -> Result<(), Errno> {
        for (cell, word) in self.cells[at..].iter().zip(bytes.chunks_exact(WORD)) {
            let mut value = [0; WORD];
            value.copy_from_slice(word);
            cell.store(u64::from_ne_bytes(value), Ordering::Release);
        }
        Ok(())
    }

    fn open(&self, _: Range<usize>, _: &mut dyn FnMut(&[AtomicU64])) -> Result<(), Errno> {
        Err(Errno::ENOSYS)
    }
}

impl Memory {
    /// With one commit of the first incarnation.
    fn new() -> Arc<Self> {
        let memory = Self {
            cells: (0..Shape::new(SIZE).words())
                .map(|_| AtomicU64::new(0))
                .collect(),
        };
        let region = memory.region(false);
        region.format(0).unwrap();
        region.fence(1).unwrap();
        memory.commit(1, 1, false).unwrap();
        Arc::new(memory)
    }

    fn region(&self, guard: bool) -> Region<'_> {
        let words = if guard {
            Words::guarded(&self.cells, self, 0)
        } else {
            Words::open(&self.cells)
        };
        Region::new(words, SIZE, FINGERPRINT).unwrap()
    }

    fn commit(&self, incarnation: u32, value: u8, guard: bool) -> Result<u64, CommitError> {
        let committer = Committer {
            incarnation,
            keep: None,
            start: 0,
        };
        self.region(guard).commit(&committer, &[value; SIZE])
    }

    /// What the worker of this incarnation starts from: generation and value.
    fn recover(&self, incarnation: u32) -> (u64, u8) {
        let region = self.region(false);
        let (_, chain) = choose(&region, incarnation).expect("one commit at least");
        let mut bytes = [0; SIZE];
        assert!(
            region.read_chain(chain, &mut bytes),
            "it was whole just now"
        );
        assert_eq!(bytes, [bytes[0]; SIZE]);
        (chain.generation, bytes[0])
    }
}

fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// A late commit of the first worker beside the takeover and the first commit of the second one.
fn takeover(guard: bool) {
    let memory = Memory::new();
    let late = {
        let memory = Arc::clone(&memory);
        thread::spawn(move || memory.commit(1, 2, guard))
    };
    memory.region(false).fence(2).unwrap();
    let found = memory.recover(2);
    let next = memory.commit(2, 3, guard);
    match late.join().unwrap() {
        // What was said to be committed is what the next one starts from.
        Ok(generation) => assert_eq!((generation, found), (2, (2, 2))),
        Err(CommitError::Fenced) if guard => assert!(found == (1, 1) || found == (2, 2)),
        Err(CommitError::Fenced) => assert_eq!(found, (1, 1)),
        Err(other) => panic!("{other}"),
    }
    assert_eq!(next, Ok(found.0 + 1));
    memory.region(false).fence(3).unwrap();
    assert_eq!(memory.recover(3), (found.0 + 1, 3));
}

/// As [`takeover`], and the second worker commits nothing before the third one takes over.
fn takeover_from_an_idle_worker(guard: bool) {
    let memory = Memory::new();
    let late = {
        let memory = Arc::clone(&memory);
        thread::spawn(move || memory.commit(1, 2, guard))
    };
    memory.region(false).fence(2).unwrap();
    let found = memory.recover(2);
    let late = late.join().unwrap();
    memory.region(false).fence(3).unwrap();
    // What one worker started from, and left as it was, is what the next one starts from.
    assert_eq!(memory.recover(3), found, "{late:?}");
    assert_eq!(memory.commit(3, 4, guard), Ok(found.0 + 1));
    memory.region(false).fence(4).unwrap();
    assert_eq!(memory.recover(4), (found.0 + 1, 4));
}

#[test]
fn model_of_a_takeover_from_a_worker_that_committed_nothing() {
    check(4, || takeover_from_an_idle_worker(false));
}

#[test]
fn model_of_a_takeover_from_a_guarded_worker_that_committed_nothing() {
    check(4, || takeover_from_an_idle_worker(true));
}

#[test]
fn model_of_a_takeover() {
    check(4, || takeover(false));
}

#[test]
fn model_of_a_takeover_from_a_guarded_worker() {
    check(4, || takeover(true));
}

#[test]
fn model_of_commits_from_two_threads_and_a_reader() {
    check(4, || {
        let memory = Memory::new();
        // The turn, as a worker has it.
        let turns = Arc::new(Turns::new(()));
        let writers = [2, 3].map(|value| {
            let (memory, turns) = (Arc::clone(&memory), Arc::clone(&turns));
            thread::spawn(move || {
                let turn = turns.take(|| false).unwrap();
                let generation = memory.commit(1, value, false).unwrap();
                drop(turn);
                (generation, value)
            })
        });
        let mut out = [MaybeUninit::new(0); SIZE];
        // A reader that was overtaken tries again; here once is enough.
        let read = memory.region(false).read(1, &mut out);
        // SAFETY: initialised above.
        let bytes = out.map(|byte| unsafe { byte.assume_init() });
        let mut committed = writers.map(|writer| writer.join().unwrap());
        committed.sort_unstable();
        assert_eq!(committed.map(|(generation, _)| generation), [2, 3]);
        if let Some(published) = read {
            let mut all = vec![(1, 1)];
            all.extend(committed);
            assert!(all.contains(&(published.generation, bytes[0])));
            assert_eq!(bytes, [bytes[0]; SIZE]);
        }
        assert_eq!(memory.recover(1), committed[1]);
    });
}

/// A place that the model checker watches: two threads that are there at once, one of them to change it, end the test.
#[derive(Debug)]
struct Watched(UnsafeCell<u64>);

// SAFETY: the model checker finds whoever is there at the wrong time.
unsafe impl Sync for Watched {}

impl Watched {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn get(&self) -> u64 {
        self.0.with(|place| {
            // SAFETY: nobody changes it now, or the model checker has ended the test.
            unsafe { *place }
        })
    }

    fn set(&self, value: u64) {
        self.0.with_mut(|place| {
            // SAFETY: nobody else is there, or the model checker has ended the test.
            unsafe { *place = value }
        });
    }
}

#[test]
fn model_of_the_turn() {
    check(3, || {
        let turns = Arc::new(Turns::new(Watched::new()));
        let add_one = |turns: &Turns<Watched>| {
            let turn = turns.take(|| false).unwrap();
            turn.set(turn.get() + 1);
        };
        let other = {
            let turns = Arc::clone(&turns);
            thread::spawn(move || add_one(&turns))
        };
        add_one(&turns);
        add_one(&turns);
        other.join().unwrap();
        assert_eq!(turns.take(|| false).unwrap().get(), 3);
    });
}

/// A thread of the worker, in a closure of a checkpoint or not.
struct Thread {
    is_inside: bool,
}

impl Who for Thread {
    fn is_waited_for(&self) -> bool {
        self.is_inside
    }

    fn is_forked(&self) -> bool {
        false
    }
}

/// One that reads, and one that commits twice.
fn working_copy(is_inside: bool) {
    check(3, move || {
        let buffer = Buffer::<u64>::filled(|_| ()).unwrap();
        let working = Arc::new((Working::new(buffer, 0), Watched::new()));
        let reader = {
            let working = Arc::clone(&working);
            thread::spawn(move || {
                let (working, watched) = &*working;
                working.read(&Thread { is_inside }, |_, generation| {
                    assert_eq!(watched.get(), generation);
                });
            })
        };
        let (own, watched) = &*working;
        for generation in 1..=2 {
            // SAFETY: this thread is the only one that commits, and `in_turn` is not called.
            unsafe { own.write(generation, |_| watched.set(generation)) };
        }
        reader.join().unwrap();
    });
}

#[test]
fn model_of_the_working_copy() {
    working_copy(false);
}

#[test]
fn model_of_the_working_copy_and_a_reader_that_others_wait_for() {
    working_copy(true);
}
