use std::cell::RefCell;
use std::thread;

use super::super::hooked::{FINGERPRINT, Hooked};
use super::super::recovery::{Source, choose};
use super::super::region::{BIG, CHUNK, Shape, healthy_slot};
use super::*;

/// Not a multiple of a word or of a chunk.
const SIZE: usize = BIG + 2 * CHUNK + 13;
const WORDS: usize = words_for(SIZE);

/// A region in plain memory, and what was committed to it.
struct Memory {
    words: Vec<AtomicU64>,
    /// All bytes after each commit, from the generation before the first one on.
    history: RefCell<Vec<Vec<u8>>>,
}

impl Memory {
    fn new() -> Self {
        let count = Shape::new(SIZE).words();
        let memory = Self {
            words: (0..count).map(|_| AtomicU64::new(0)).collect(),
            history: RefCell::new(vec![vec![0; SIZE]]),
        };
        memory.region().format(0).unwrap();
        memory
    }

    fn region(&self) -> Region<'_> {
        Region::new(Words::open(&self.words), SIZE, FINGERPRINT).unwrap()
    }

    fn now(&self) -> Vec<u8> {
        self.history.borrow().last().unwrap().clone()
    }

    fn at(&self, generation: u64) -> Vec<u8> {
        self.history.borrow()[usize::try_from(generation).unwrap()].clone()
    }

    fn recover(&self, incarnation: u32) -> (Source, u64, Vec<u8>) {
        let (source, chain) = choose(&self.region(), incarnation).expect("a checkpoint");
        let mut bytes = vec![0; SIZE];
        assert!(self.region().read_chain(chain, &mut bytes));
        (source, chain.generation, bytes)
    }

    fn expect_current(&self, incarnation: u32) {
        let generation = self.history.borrow().len() as u64 - 1;
        let expected = (Source::Current, generation, self.now());
        assert!(
            self.recover(incarnation) == expected,
            "generation {generation}"
        );
    }
}

/// One worker of it.
struct Worker<'a> {
    memory: &'a Memory,
    committer: Committer,
    tail: Option<Tail>,
    start: Option<Chain>,
    entry: Entry,
}

impl<'a> Worker<'a> {
    fn new(memory: &'a Memory, incarnation: u32) -> Self {
        memory.region().fence(incarnation).unwrap();
        let start = choose(&memory.region(), incarnation).map(|(_, chain)| chain);
        memory.region().begin(incarnation).unwrap();
        let published = memory.region().published(incarnation).slot;
        Self {
            memory,
            committer: Committer {
                incarnation,
                keep: start
                    .map(|chain| chain.slot)
                    .filter(|slot| *slot != published),
                start: start.map_or(0, |chain| chain.generation),
            },
            tail: None,
            start,
            entry: Entry::default(),
        }
    }

    fn found(&self) -> FoundWord {
        self.memory
            .region()
            .published_in_turn(&self.committer)
            .unwrap()
    }

    fn whole(&mut self, fill: u8) {
        let bytes = vec![fill; SIZE];
        let found = self.found();
        self.memory
            .region()
            .commit_whole(&self.committer, &mut self.tail, &bytes, found)
            .unwrap();
        self.memory.history.borrow_mut().push(bytes);
        self.committer.keep = None;
    }

    /// Fills these words of the state.
    fn part(&mut self, ranges: &[(usize, usize)], fill: u8) -> Result<u64, CommitError> {
        let mut bytes = self.memory.now();
        bytes.resize(WORDS * WORD, 0);
        self.entry.clear();
        for &(first, count) in ranges {
            let mut words = vec![fill; count * WORD];
            if first + count == WORDS {
                words.truncate(SIZE - first * WORD);
                words.resize(count * WORD, 0);
            }
            self.entry.push(first, &words);
        }
        self.entry.apply(&mut bytes);
        bytes.truncate(SIZE);
        let region = self.memory.region();
        let start = if self.tail.is_none() {
            self.start
        } else {
            None
        };
        let working = self.memory.now();
        let found = region.published_in_turn(&self.committer)?;
        let tail = &mut self.tail;
        let committed = region.commit_part(
            &self.committer,
            tail,
            start,
            &working,
            &mut self.entry,
            found,
        )?;
        self.memory.history.borrow_mut().push(bytes);
        self.committer.keep = None;
        Ok(Published::unpack(committed).generation)
    }
}

#[test]
fn parts_are_recovered_on_top_of_the_whole() {
    let memory = Memory::new();
    let mut worker = Worker::new(&memory, 1);
    worker.whole(1);
    memory.expect_current(1);
    for (number, ranges) in (0_u8..).zip([
        &[(0, 1)][..],
        &[(5, 2), (700, 600), (5, 1)],
        &[(WORDS - 1, 1)],
        &[(WORDS - 3, 3), (0, 9)],
    ]) {
        let generation = worker.part(ranges, number + 10);
        assert_eq!(generation, Ok(u64::from(number) + 2));
        memory.expect_current(1);
    }
}

#[test]
fn every_worker_goes_on_from_the_last_one() {
    let memory = Memory::new();
    Worker::new(&memory, 1).whole(1);
    for incarnation in 2..12_u8 {
        let mut worker = Worker::new(&memory, incarnation.into());
        memory.expect_current(incarnation.into());
        // Some commit nothing.
        for step in 0..incarnation % 4 {
            let place = usize::from(incarnation) * 31 + usize::from(step);
            worker.part(&[(place, 40)], incarnation).unwrap();
            memory.expect_current(incarnation.into());
        }
    }
}

#[test]
fn a_full_log_is_folded_and_nothing_is_lost() {
    let memory = Memory::new();
    let mut worker = Worker::new(&memory, 1);
    worker.whole(1);
    let log = memory.region().shape.log_words();
    let mut slots = std::collections::BTreeSet::new();
    for step in 0..40_u8 {
        let first = usize::from(step) * 13;
        worker.part(&[(first, log / 5)], step).unwrap();
        memory.expect_current(1);
        slots.insert(memory.region().published(1).slot);
    }
    assert_eq!(slots.len(), 2, "it went to and fro between the two slots");
}

#[test]
fn what_the_log_cannot_hold_is_an_error_before_any_store() {
    let memory = Memory::new();
    let mut worker = Worker::new(&memory, 1);
    worker.whole(1);
    worker.part(&[(3, 3)], 2).unwrap();
    let image = |memory: &Memory| -> Vec<u64> {
        memory
            .words
            .iter()
            .map(|word| word.load(Ordering::Relaxed))
            .collect()
    };
    let before = image(&memory);
    let log = memory.region().shape.log_words();
    let error = worker
        .part(&[(0, log - HEAD - RANGE_HEAD + 1)], 3)
        .unwrap_err();
    assert!(matches!(error, CommitError::TooLarge { bytes, reserve } if bytes == reserve + WORD));
    assert!(image(&memory) == before);
    worker.part(&[(0, log - HEAD - RANGE_HEAD)], 3).unwrap();
    memory.expect_current(1);
}

#[test]
fn a_damaged_entry_leaves_the_generation_before_it() {
    let memory = Memory::new();
    let mut worker = Worker::new(&memory, 1);
    worker.whole(1);
    worker.part(&[(1, 1)], 2).unwrap();
    worker.part(&[(2, 1)], 3).unwrap();
    memory.region().fence(2).unwrap();
    let log = memory.region().log(1);
    // The second entry's words.
    let at = 2 * (HEAD + RANGE_HEAD) + 1;
    log.cells()[at].fetch_xor(1 << 17, Ordering::Relaxed);
    let (source, generation, bytes) = memory.recover(2);
    assert_eq!((source, generation), (Source::Previous, 2));
    assert!(bytes == memory.history.borrow()[2]);
}

#[test]
fn what_was_appended_and_not_published_never_counts() {
    let memory = Memory::new();
    let mut first = Worker::new(&memory, 1);
    first.whole(1);
    first.part(&[(1, 1)], 2).unwrap();
    // Killed just before the publishing store.
    let word = memory.region().published(1);
    first.part(&[(2, 1)], 99).unwrap();
    memory.history.borrow_mut().pop();
    memory.words[super::super::region::PUBLISHED + 1].store(word.pack(), Ordering::Relaxed);
    for incarnation in 2..4 {
        drop(Worker::new(&memory, incarnation));
        memory.expect_current(incarnation);
    }
    // Also if what is published is lost.
    let mut fourth = Worker::new(&memory, 4);
    fourth.part(&[(3, 1)], 4).unwrap();
    fourth.part(&[(4, 1)], 5).unwrap();
    memory.region().fence(5).unwrap();
    for slot in 0..2 {
        memory.region().overwrite_for_test(slot, 0x1234);
    }
    let (source, generation, bytes) = memory.recover(5);
    assert_eq!((source, generation), (Source::Previous, 2));
    assert!(bytes == memory.history.borrow()[2]);
}

#[test]
fn a_fenced_worker_appends_nothing_that_counts() {
    let memory = Memory::new();
    let mut first = Worker::new(&memory, 1);
    first.whole(1);
    first.part(&[(1, 1)], 2).unwrap();
    let second = Worker::new(&memory, 2);
    assert_eq!(first.part(&[(1, 1)], 3), Err(CommitError::Fenced));
    memory.expect_current(2);
    drop(second);
}

#[test]
fn a_forgotten_generation_is_recovered_from_nowhere() {
    let memory = Memory::new();
    let mut worker = Worker::new(&memory, 1);
    worker.whole(1);
    for fill in 2..6 {
        worker.part(&[(usize::from(fill), 1)], fill).unwrap();
    }
    memory
        .region()
        .keep_healthy(
            1,
            Chain {
                slot: memory.region().published(1).slot,
                generation: 5,
            },
        )
        .unwrap();
    for generation in (1..=5).rev() {
        let (_, found, bytes) = memory.recover(1);
        assert_eq!(found, generation);
        assert!(bytes == memory.at(generation));
        memory.region().forget(generation).unwrap();
    }
    assert_eq!(choose(&memory.region(), 1), None);
}

#[test]
fn logs_full_of_anything_end_in_an_answer() {
    let memory = Memory::new();
    let mut worker = Worker::new(&memory, 1);
    worker.whole(1);
    worker.part(&[(1, 1), (40, 4)], 2).unwrap();
    let log = memory.region().log(1);
    for at in 0..HEAD + 2 * RANGE_HEAD + 5 {
        for word in [0, 1, 2, 3, u64::MAX, u64::MAX / 8, 1 << 40, WORDS as u64] {
            let before = log.cells()[at].swap(word, Ordering::Relaxed);
            let (_, generation, bytes) = memory.recover(1);
            assert!(bytes == memory.at(generation), "word {at}: {word:#x}");
            log.cells()[at].store(before, Ordering::Relaxed);
        }
    }
    memory.expect_current(1);
}

#[test]
fn a_commit_that_the_system_refused_after_a_fold_costs_no_later_one() {
    let memory = Hooked::new(BIG);
    let first = Committer {
        incarnation: 1,
        keep: None,
        start: 0,
    };
    memory.region().fence(1).unwrap();
    let region = memory.guarded();
    let (mut tail, mut now) = (None, vec![0; BIG]);
    let found = region.published_in_turn(&first).unwrap();
    region.commit_whole(&first, &mut tail, &now, found).unwrap();
    let part = |tail: &mut Option<Tail>, fill: u8, now: &mut Vec<u8>| {
        let mut entry = Entry::default();
        entry.clear();
        entry.push(0, &vec![fill; 20_000]);
        let start = tail.is_none().then(|| choose(&region, 1).unwrap().1);
        let found = region.published_in_turn(&first).unwrap();
        region
            .commit_part(&first, tail, start, now, &mut entry, found)
            .inspect(|_| entry.apply(now))
    };
    let start_of = |incarnation| {
        let (_, chain) = choose(&memory.region(), incarnation).unwrap();
        let mut bytes = vec![0; BIG];
        assert!(memory.region().read_chain(chain, &mut bytes));
        (chain.generation, bytes[0])
    };
    part(&mut tail, 1, &mut now).unwrap();
    let refuse = || {
        let publish = super::super::region::PUBLISHED + 1;
        memory.before_store(publish, |_| Err(Errno::ENOMEM));
    };
    // The log is full here.
    refuse();
    assert!(matches!(
        part(&mut tail, 66, &mut now),
        Err(CommitError::System { .. })
    ));
    assert_eq!(start_of(1), (2, 1));
    part(&mut tail, 7, &mut now).unwrap();
    assert_eq!(start_of(1), (3, 7));
    // The same before a commit of the whole, which itself dies half-way.
    refuse();
    part(&mut tail, 66, &mut now).unwrap_err();
    refuse();
    let found = region.published_in_turn(&first).unwrap();
    let refused = region.commit_whole(&first, &mut tail, &vec![9; BIG], found);
    assert!(matches!(refused, Err(CommitError::System { .. })));
    assert_eq!(start_of(1), (3, 7));
    memory.region().fence(2).unwrap();
    assert_eq!(start_of(2), (3, 7));
}

#[test]
fn what_was_not_published_is_no_rung_of_the_ladder() {
    let memory = Memory::new();
    let mut first = Worker::new(&memory, 1);
    first.whole(1);
    first.part(&[(1, 1)], 2).unwrap();
    first.part(&[(2, 1)], 3).unwrap();
    drop(Worker::new(&memory, 2));
    // The third one dies in its first commit, behind the fold and before the publishing store.
    let mut third = Worker::new(&memory, 3);
    let word = memory.region().published(3);
    third.part(&[(3, 1)], 99).unwrap();
    memory.history.borrow_mut().pop();
    memory.words[super::super::region::PUBLISHED + 1].store(word.pack(), Ordering::Relaxed);
    // As the watch dog does it: the takeover first.
    memory.region().fence(4).unwrap();
    memory.region().reject(4, &mut |_| None).unwrap();
    let (source, generation, bytes) = memory.recover(4);
    assert_eq!((source, generation), (Source::Previous, 1));
    assert!(bytes == memory.at(1));
}

/// Two workers for a moment, which use the same slot if they have to: it is one of both checkpoints or none.
#[test]
fn healthy_checkpoints_of_neighbours_never_mix() {
    let memory = Memory::new();
    let mut first = Worker::new(&memory, 1);
    first.whole(1);
    let one = choose(&memory.region(), 1).unwrap().1;
    let mut second = Worker::new(&memory, 2);
    second.whole(2);
    let two = choose(&memory.region(), 2).unwrap().1;
    assert_ne!(healthy_slot(0), healthy_slot(1));
    let rounds = if cfg!(miri) { 2 } else { 200 };
    for round in 0..rounds {
        for slot in SLOTS..ALL_SLOTS {
            memory.region().clear_slot(slot).unwrap();
        }
        thread::scope(|scope| {
            let words = &memory.words;
            scope.spawn(move || {
                let region = Region::new(Words::open(words), SIZE, 77).unwrap();
                // What is found damaged by the other's store is refused, here and there.
                let _ = region.keep_healthy(1, one);
            });
            for _ in 0..(round % 50) * 20 {
                core::hint::spin_loop();
            }
            let _ = memory.region().keep_healthy(2, two);
        });
        let mut bytes = vec![0; SIZE];
        for slot in SLOTS..ALL_SLOTS {
            if memory.region().read_checked(slot, &mut bytes).is_some() {
                assert!(bytes.iter().all(|byte| *byte == bytes[0]), "round {round}");
            }
        }
    }
}

#[test]
fn a_guarded_worker_goes_on_although_the_one_before_was_late_with_a_fold() {
    let memory = Memory::new();
    let mut first = Worker::new(&memory, 1);
    first.whole(1);
    // It fills the log, so that the next one folds it and then overwrites it.
    let room = Shape::new(SIZE).log_words() - HEAD - RANGE_HEAD;
    first.part(&[(0, room)], 2).unwrap();
    let found = first.found();
    let second = Worker::new(&memory, 2);
    let chain = second.start.expect("what the first one has committed");
    let change = |entry: &mut Entry, fill: u8| {
        entry.clear();
        entry.push(7, &[fill; WORD]);
    };
    let Worker {
        committer,
        mut tail,
        mut entry,
        ..
    } = first;
    change(&mut entry, 3);
    let working = memory.now();
    let region = memory.region();
    let late = region.commit_part(&committer, &mut tail, None, &working, &mut entry, found);
    assert_eq!(late.map(drop), Err(CommitError::Fenced));
    assert!(!region.is_whole_chain(chain));
    let hooked = Hooked::new(SIZE);
    for (to, from) in hooked.cells.iter().zip(&memory.words) {
        to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    let (region, own) = (hooked.guarded(), second.committer);
    change(&mut entry, 4);
    let found = region.published_in_turn(&own).unwrap();
    let committed = region.commit_part(&own, &mut None, Some(chain), &[], &mut entry, found);
    assert_eq!(
        committed.map(|word| Published::unpack(word).generation),
        Ok(3)
    );
    let (source, chain) = choose(&region, 2).expect("a checkpoint");
    let mut bytes = vec![0; SIZE];
    assert!(region.read_chain(chain, &mut bytes));
    let mut expected = memory.now();
    expected[7 * WORD..8 * WORD].fill(4);
    assert!(bytes == expected && source == Source::Current);
}
