use core::cell::Cell;

use super::super::commit::{Committer, Published, parity};
use super::super::hard_state::HardState;
use super::super::region::{PUBLISHED, Shape};
use super::super::words::Words;
use super::*;
use crate::sys::atomic::{AtomicU64, Ordering};

/// Three bytes of which each is a `bool`, so that not every byte is valid.
type State = [bool; 3];

const LAYOUT: Layout = State::LAYOUT;
const SIZE: usize = size_of::<State>();
struct Memory {
    words: Vec<AtomicU64>,
    /// The last one that was named.
    incarnation: Cell<u32>,
}

impl Memory {
    fn new() -> Self {
        let memory = Self {
            words: (0..Shape::new(SIZE).words())
                .map(|_| AtomicU64::new(0))
                .collect(),
            incarnation: Cell::new(0),
        };
        memory.region().format(0).unwrap();
        memory
    }

    fn region(&self) -> Region<'_> {
        Region::new(Words::open(&self.words), SIZE, LAYOUT.fingerprint()).unwrap()
    }

    /// All takeovers up to this incarnation.
    fn fence(&self, incarnation: u32) {
        while self.incarnation.get() < incarnation {
            self.incarnation.set(self.incarnation.get() + 1);
            self.region().fence(self.incarnation.get()).unwrap();
        }
    }

    fn commit(&self, incarnation: u32, value: [u8; SIZE]) {
        self.commit_on(incarnation, value, None);
    }

    fn commit_on(&self, incarnation: u32, value: [u8; SIZE], origin: Option<Origin>) {
        self.fence(incarnation);
        let committer = Committer {
            incarnation,
            keep: origin.and_then(|origin| origin.slot_to_keep()),
            start: origin.map_or(0, |origin| origin.generation()),
        };
        self.region().begin(incarnation).unwrap();
        self.region().commit(&committer, &value).unwrap();
    }

    /// The publishing word.
    fn published(&self) -> &AtomicU64 {
        &self.words[PUBLISHED + parity(self.incarnation.get())]
    }

    fn recovered(&self, stored: &mut dyn FnMut() -> Option<Vec<u8>>) -> Recovered {
        recover(&self.region(), self.incarnation.get(), &LAYOUT, stored)
    }

    fn recover(&self) -> (Source, u64, Option<Vec<u8>>) {
        let Recovered { origin, bytes } = self.recovered(&mut || None);
        (origin.source(), origin.generation(), bytes.map(Vec::from))
    }

    fn image(&self) -> Vec<u64> {
        let words = self.words.iter();
        words.map(|word| word.load(Ordering::Relaxed)).collect()
    }

    /// Spoils the slot that holds the published checkpoint.
    fn spoil_current(&self) {
        let region = self.region();
        let slot = region.published(self.incarnation.get()).slot;
        region.overwrite_for_test(slot, 0x7777_7777);
    }
}

#[test]
fn a_fresh_region_gives_the_initial_state() {
    assert_eq!(Memory::new().recover(), (Source::Initial, 0, None));
}

#[test]
fn the_last_commit_is_recovered_whatever_incarnation_made_it() {
    let memory = Memory::new();
    for (tag, value) in [
        (1, [1, 0, 0]),
        (1, [1, 1, 0]),
        (2, [1, 1, 1]),
        (3, [0, 1, 1]),
        (3, [0, 0, 1]),
    ] {
        memory.commit(tag, value);
        let (source, _, bytes) = memory.recover();
        assert_eq!((source, bytes), (Source::Current, Some(value.to_vec())));
    }
}

#[test]
fn a_damaged_checkpoint_is_followed_by_the_one_before() {
    let memory = Memory::new();
    memory.commit(1, [1, 0, 0]);
    memory.commit(1, [0, 1, 0]);
    memory.commit(1, [0, 0, 1]);
    memory.spoil_current();
    assert_eq!(memory.recover(), (Source::Previous, 2, Some(vec![0, 1, 0])));
}

#[test]
fn a_value_that_is_invalid_is_never_handed_out() {
    let memory = Memory::new();
    memory.commit(1, [1, 0, 0]);
    // Whole by its checksum, and no `bool` all the same.
    memory.commit(1, [0, 2, 0]);
    assert_eq!(memory.recover(), (Source::Previous, 1, Some(vec![1, 0, 0])));
}

#[test]
fn without_a_whole_checkpoint_it_is_the_initial_state() {
    let memory = Memory::new();
    memory.commit(1, [1, 0, 0]);
    memory.spoil_current();
    assert_eq!(memory.recover(), (Source::Initial, 0, None));
}

#[test]
fn a_first_commit_that_was_never_published_did_not_happen() {
    let memory = Memory::new();
    memory.commit(1, [1, 0, 0]);
    let nothing = Published::of_base(0).pack();
    memory.published().store(nothing, Ordering::Relaxed);
    assert_eq!(memory.recover(), (Source::Initial, 0, None));
}

#[test]
fn a_wild_publishing_word_loses_no_more_than_one_commit() {
    let memory = Memory::new();
    for value in [[1, 0, 0], [0, 1, 0], [0, 0, 1]] {
        memory.commit(1, value);
    }
    for wild in [0, u64::MAX, 1 << 60, 2, 7 << 54] {
        memory.published().store(wild, Ordering::Relaxed);
        let (_, _, bytes) = memory.recover();
        assert!(
            bytes == Some(vec![0, 0, 1]) || bytes == Some(vec![0, 1, 0]),
            "{wild:#x}: {bytes:?}"
        );
    }
}

#[test]
fn a_commit_that_was_never_published_does_not_come_back_later() {
    let memory = Memory::new();
    memory.commit(1, [1, 0, 0]);
    // The worker is killed at the very last moment: generation 2 is whole and not published.
    let word = memory.published().load(Ordering::Relaxed);
    memory.commit(1, [1, 1, 1]);
    memory.published().store(word, Ordering::Relaxed);
    memory.commit(2, [0, 1, 0]);
    memory.commit(2, [0, 0, 1]);
    memory.spoil_current();
    assert_eq!(memory.recover(), (Source::Previous, 2, Some(vec![0, 1, 0])));
}

#[test]
fn the_commit_after_a_rollback_does_not_overwrite_what_it_was_rolled_back_to() {
    let memory = Memory::new();
    memory.commit(1, [1, 0, 0]);
    memory.commit(1, [0, 1, 0]);
    memory.spoil_current();
    memory.fence(3);
    let origin = memory.recovered(&mut || None).origin;
    assert_eq!(
        (origin.source(), origin.generation()),
        (Source::Previous, 1)
    );
    // Killed before it is published.
    let word = memory.published().load(Ordering::Relaxed);
    memory.commit_on(3, [1, 1, 1], Some(origin));
    memory.published().store(word, Ordering::Relaxed);
    memory.fence(4);
    assert_eq!(memory.recover(), (Source::Previous, 1, Some(vec![1, 0, 0])));
}

#[test]
fn recovery_writes_nothing() {
    let memory = Memory::new();
    memory.commit(1, [1, 0, 0]);
    memory.commit(2, [0, 1, 0]);
    memory.spoil_current();
    let before = memory.image();
    memory.recover();
    assert_eq!(memory.image(), before);
}

#[test]
fn any_flipped_bit_of_the_region_gives_a_committed_value_or_the_initial_state() {
    let memory = Memory::new();
    memory.commit(1, [1, 0, 0]);
    memory.commit(1, [0, 1, 0]);
    memory.commit(2, [0, 0, 1]);
    let committed = [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map(|value| value.to_vec());
    for (at, word) in memory.words.iter().enumerate() {
        for bit in 0..64 {
            word.fetch_xor(1 << bit, Ordering::Relaxed);
            if let (_, _, Some(bytes)) = memory.recover() {
                assert!(
                    committed.contains(&bytes),
                    "word {at}, bit {bit}: {bytes:?}"
                );
            }
            word.fetch_xor(1 << bit, Ordering::Relaxed);
        }
    }
}

/// A region whose pair began with generation 40.
fn begun_with_40() -> Memory {
    let memory = Memory::new();
    memory.region().format(40).unwrap();
    memory
}

fn recover_or_stored(memory: &Memory) -> (Source, u64, bool) {
    let mut asked = false;
    let mut stored = || {
        asked = true;
        Some(vec![1; SIZE])
    };
    let Recovered { origin, .. } = memory.recovered(&mut stored);
    (origin.source(), origin.generation(), asked)
}

#[test]
fn what_was_stored_before_is_the_start_until_something_is_committed() {
    let memory = begun_with_40();
    assert_eq!(recover_or_stored(&memory), (Source::Stored, 40, true));
    memory.fence(1);
    assert_eq!(recover_or_stored(&memory), (Source::Stored, 40, true));
    memory.commit(1, [0; SIZE]);
    assert_eq!(memory.region().published(1).generation, 41);
    assert_eq!(recover_or_stored(&memory), (Source::Current, 41, false));
}

#[test]
fn what_was_stored_before_is_what_is_left_if_all_commits_are_spoilt() {
    let memory = begun_with_40();
    memory.commit(1, [0; SIZE]);
    memory.spoil_current();
    let (source, generation, _) = recover_or_stored(&memory);
    assert_eq!((source, generation), (Source::Stored, 40));
    let recovered = memory.recovered(&mut || Some(vec![1; SIZE]));
    assert!(recovered.origin.is_rolled_back());
}

#[test]
fn a_start_from_what_was_stored_or_rejected_is_no_roll_back() {
    let memory = begun_with_40();
    for stored in [None, Some(vec![1; SIZE])] {
        let recovered = memory.recovered(&mut || stored.clone());
        assert!(!recovered.origin.is_rolled_back(), "{recovered:?}");
    }
}
