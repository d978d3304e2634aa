use core::sync::atomic::{AtomicU64, Ordering};

use super::super::commit::region_words;
use super::super::hard_state::HardState;
use super::*;

/// Three bytes of which each is a `bool`, so that not every byte is valid.
type State = [bool; 3];

const LAYOUT: Layout = State::LAYOUT;
const SIZE: usize = size_of::<State>();
/// Words of the region's head.
const HEADER: usize = 8;

struct Memory(Vec<AtomicU64>);

impl Memory {
    fn new() -> Self {
        let memory = Self((0..region_words(SIZE)).map(|_| AtomicU64::new(0)).collect());
        memory.region().format(0);
        memory
    }

    fn region(&self) -> Region<'_> {
        Region::new(&self.0, SIZE, LAYOUT.fingerprint()).unwrap()
    }

    fn commit(&self, tag: u8, value: [u8; SIZE]) {
        self.region().fence(tag);
        let mut staged = [0; 8];
        staged[..SIZE].copy_from_slice(&value);
        self.region().commit(tag, &staged, None).unwrap();
    }

    fn recover(&self) -> (Source, u64, Option<Vec<u8>>) {
        let Recovered { origin, bytes } = recover(&self.region(), &LAYOUT, &mut || None);
        (origin.source(), origin.generation(), bytes.map(Vec::from))
    }

    fn image(&self) -> Vec<u64> {
        self.0
            .iter()
            .map(|word| word.load(Ordering::Relaxed))
            .collect()
    }

    /// Spoils the whole slot that holds the published checkpoint.
    fn spoil_current(&self) {
        let region = self.region();
        let mut out = [0; SIZE];
        let slot = region.published().slot;
        let generation = region.read_checked(slot, &mut out).unwrap();
        for word in self.0.iter().skip(HEADER) {
            if word.load(Ordering::Relaxed) == generation {
                word.store(generation + 1_000, Ordering::Relaxed);
                return;
            }
        }
        panic!("the slot's generation is in the region");
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
    memory.0[0].store(0, Ordering::Relaxed);
    assert_eq!(memory.recover(), (Source::Initial, 0, None));
}

#[test]
fn a_wild_publishing_word_loses_no_more_than_one_commit() {
    let memory = Memory::new();
    for value in [[1, 0, 0], [0, 1, 0], [0, 0, 1]] {
        memory.commit(1, value);
    }
    for wild in [0, u64::MAX, 1 << 60, 2, 7 << 54] {
        memory.0[0].store(wild, Ordering::Relaxed);
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
    let word = memory.0[0].load(Ordering::Relaxed);
    memory.commit(1, [1, 1, 1]);
    memory.0[0].store(word, Ordering::Relaxed);
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
    let region = memory.region();
    region.fence(3);
    let origin = recover(&region, &LAYOUT, &mut || None).origin;
    assert_eq!(
        (origin.source(), origin.generation()),
        (Source::Previous, 1)
    );
    // Killed before it is published.
    let word = memory.0[0].load(Ordering::Relaxed);
    region
        .commit(3, &[1, 1, 1, 0, 0, 0, 0, 0], origin.slot_to_keep())
        .unwrap();
    memory.0[0].store(word, Ordering::Relaxed);
    region.fence(4);
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
    for (at, word) in memory.0.iter().enumerate() {
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
    memory.region().format(40);
    memory
}

fn recover_or_stored(memory: &Memory) -> (Source, u64, bool) {
    let mut asked = false;
    let mut stored = || {
        asked = true;
        Some(vec![1; SIZE])
    };
    let Recovered { origin, .. } = recover(&memory.region(), &LAYOUT, &mut stored);
    (origin.source(), origin.generation(), asked)
}

#[test]
fn what_was_stored_before_is_the_start_until_something_is_committed() {
    let memory = begun_with_40();
    assert_eq!(recover_or_stored(&memory), (Source::Stored, 40, true));
    memory.region().fence(1);
    assert_eq!(recover_or_stored(&memory), (Source::Stored, 40, true));
    memory.commit(1, [0; SIZE]);
    assert_eq!(memory.region().published().generation, 41);
    assert_eq!(recover_or_stored(&memory), (Source::Current, 41, false));
}

#[test]
fn what_was_stored_before_is_what_is_left_if_all_commits_are_spoilt() {
    let memory = begun_with_40();
    memory.commit(1, [0; SIZE]);
    memory.spoil_current();
    let (source, generation, _) = recover_or_stored(&memory);
    assert_eq!((source, generation), (Source::Stored, 40));
    let recovered = recover(&memory.region(), &LAYOUT, &mut || Some(vec![1; SIZE]));
    assert!(recovered.origin.is_rolled_back());
}

#[test]
fn a_start_from_what_was_stored_or_rejected_is_no_roll_back() {
    let memory = begun_with_40();
    for stored in [None, Some(vec![1; SIZE])] {
        let recovered = recover(&memory.region(), &LAYOUT, &mut || stored.clone());
        assert!(!recovered.origin.is_rolled_back(), "{recovered:?}");
    }
}
