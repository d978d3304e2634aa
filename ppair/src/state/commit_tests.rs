use super::super::hooked::Hooked;
use super::super::recovery::choose;
use super::super::region::{SLOT_GENERATION, Shape};
use super::super::words::Words;
use super::*;
use crate::sys::atomic::AtomicU64;

const SIZE_BYTES: usize = 20;
const FINGERPRINT_OF_TEST: u64 = 0x1234;

fn memory() -> Vec<AtomicU64> {
    (0..Shape::new(SIZE_BYTES).words())
        .map(|_| AtomicU64::new(0))
        .collect()
}

fn region(words: &[AtomicU64]) -> Region<'_> {
    let region = Region::new(Words::open(words), SIZE_BYTES, FINGERPRINT_OF_TEST).unwrap();
    region.format(0).unwrap();
    region
}

fn staged(fill: u8) -> [u8; SIZE_BYTES] {
    [fill; SIZE_BYTES]
}

fn committer(incarnation: u32) -> Committer {
    Committer {
        incarnation,
        keep: None,
        start: 0,
    }
}

fn read(region: &Region<'_>, incarnation: u32) -> (u64, [u8; SIZE_BYTES]) {
    let mut out = [core::mem::MaybeUninit::new(0); SIZE_BYTES];
    let published = region.read(incarnation, &mut out).unwrap();
    // SAFETY: `read` has written every element, and they were initialised before.
    (
        published.generation,
        out.map(|byte| unsafe { byte.assume_init() }),
    )
}

#[test]
fn a_word_comes_back_as_it_was_packed() {
    for published in [
        Published {
            generation: 0,
            slot: 0,
            tag: 0,
            is_whole: true,
        },
        Published {
            generation: (1 << GENERATION_BITS) - 1,
            slot: 3,
            tag: 15,
            is_whole: true,
        },
        Published {
            generation: 7,
            slot: 2,
            tag: 1,
            is_whole: false,
        },
    ] {
        assert_eq!(Published::unpack(published.pack()), published);
    }
}

#[test]
fn no_flipped_bit_of_a_word_goes_unnoticed() {
    for generation in [0, 1, 5, 1 << 20, GENERATIONS] {
        let word = Published {
            slot: 3,
            tag: 9,
            ..Published::of_base(generation)
        }
        .pack();
        for bit in 0..64 {
            assert!(!Published::unpack(word ^ 1 << bit).is_whole, "bit {bit}");
        }
        assert!(Published::unpack(word).is_whole);
    }
    assert!(!Published::unpack(0).is_whole, "what nobody wrote");
}

#[test]
fn the_last_generation_is_followed_by_one() {
    assert_eq!(after(GENERATIONS), 1);
}

#[test]
fn commits_count_up_and_are_read_back() {
    let words = memory();
    let region = region(&words);
    region.fence(1).unwrap();
    for generation in 1..10_u8 {
        assert_eq!(
            region.commit(&committer(1), &staged(generation)),
            Ok(u64::from(generation))
        );
        assert_eq!(
            read(&region, 1),
            (u64::from(generation), [generation; SIZE_BYTES])
        );
    }
}

fn free(incarnation: u32, slot: usize, keep: Option<usize>) -> usize {
    let published = Published {
        generation: 1,
        slot,
        tag: 0,
        is_whole: true,
    };
    Committer {
        keep,
        ..committer(incarnation)
    }
    .free_slot(published)
}

#[test]
fn the_published_slot_is_never_written_nor_the_one_that_was_recovered() {
    for incarnation in 0..=5 {
        for slot in 0..SLOTS {
            assert_ne!(free(incarnation, slot, None), slot);
            for keep in 0..SLOTS {
                assert_ne!(free(incarnation, slot, Some(keep)), keep);
            }
        }
    }
}

#[test]
fn neighbours_never_write_the_same_slot() {
    for slot in 0..SLOTS {
        for first in 0..SLOTS {
            for incarnation in [4, 255, u32::MAX] {
                let next = incarnation.wrapping_add(1);
                assert_ne!(free(incarnation, slot, None), free(next, first, None));
            }
        }
    }
}

#[test]
fn a_fenced_incarnation_commits_nothing() {
    let words = memory();
    let region = region(&words);
    region.fence(1).unwrap();
    region.commit(&committer(1), &staged(1)).unwrap();
    region.fence(2).unwrap();
    assert_eq!(
        region.commit(&committer(1), &staged(9)),
        Err(CommitError::Fenced)
    );
    assert_eq!(read(&region, 1), (1, [1; SIZE_BYTES]));
    assert_eq!(region.commit(&committer(2), &staged(2)), Ok(2));
    assert_eq!(read(&region, 2), (2, [2; SIZE_BYTES]));
    // The late one still sees its own.
    assert_eq!(read(&region, 1), (1, [1; SIZE_BYTES]));
}

#[test]
fn a_checked_read_refuses_any_flipped_bit() {
    let words = memory();
    let region = region(&words);
    region.fence(1).unwrap();
    region.commit(&committer(1), &staged(0x5a)).unwrap();
    let slot = region.published(1).slot;
    let mut out = [0; SIZE_BYTES];
    assert_eq!(region.read_checked(slot, &mut out), Some(1));
    // The last word has four bytes of the value and four that fill it up and mean nothing.
    for bit in 0..(region.shape.bytes_at() * 8 + SIZE_BYTES) * 8 {
        let word = &region.slot(slot).cells()[bit / 64];
        // A value's bytes lie in the word in memory order.
        let flip = u64::from_ne_bytes((1_u64 << (bit % 64)).to_le_bytes());
        word.fetch_xor(flip, Ordering::Relaxed);
        assert_eq!(region.read_checked(slot, &mut out), None, "bit {bit}");
        word.fetch_xor(flip, Ordering::Relaxed);
    }
    assert_eq!(region.read_checked(slot, &mut out), Some(1));
}

#[test]
fn bytes_of_another_type_never_match() {
    let words = memory();
    region(&words).commit(&committer(0), &staged(1)).unwrap();
    let other = Region::new(Words::open(&words), SIZE_BYTES, FINGERPRINT_OF_TEST + 1).unwrap();
    assert!(!other.is_formatted());
    assert_eq!(
        other.read_checked(other.published(0).slot, &mut [0; SIZE_BYTES]),
        None
    );
}

#[test]
fn readers_in_other_threads_never_see_a_mixture() {
    let words = memory();
    let region = region(&words);
    region.fence(1).unwrap();
    region.commit(&committer(1), &staged(1)).unwrap();
    let rounds = if cfg!(miri) { 50 } else { 50_000 };
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = 0;
            while last < rounds {
                let mut out = [core::mem::MaybeUninit::new(0); SIZE_BYTES];
                let Some(published) = region.read(1, &mut out) else {
                    continue;
                };
                // SAFETY: initialised above, and written by `read`.
                let bytes = out.map(|byte| unsafe { byte.assume_init() });
                assert_eq!(bytes, [(published.generation % 251) as u8; SIZE_BYTES]);
                assert!(published.generation >= last);
                last = published.generation;
            }
        });
        for generation in 2..=rounds {
            region
                .commit(&committer(1), &staged((generation % 251) as u8))
                .unwrap();
        }
        reader.join().unwrap();
    });
}

#[test]
fn what_was_written_and_not_published_is_void_after_a_takeover_and_may_be_written_again() {
    let words = memory();
    let region = region(&words);
    region.fence(1).unwrap();
    region.commit(&committer(1), &staged(1)).unwrap();
    // Killed just before the publishing store.
    region.write_small(2, 2, &staged(9)).unwrap();
    region.fence(2).unwrap();
    assert_eq!(region.chain_end(2, u64::MAX), 0);
    // The second worker commits nothing; the third has the slot of the first.
    region.fence(3).unwrap();
    assert_eq!(region.slot(2).load(SLOT_GENERATION, Ordering::Relaxed), 2);
    region.begin(3).unwrap();
    assert_eq!(region.slot(2).load(SLOT_GENERATION, Ordering::Relaxed), 0);
    assert_eq!(region.commit(&committer(3), &staged(3)), Ok(2));
    assert_eq!(read(&region, 3), (2, [3; SIZE_BYTES]));
}

#[test]
fn a_takeover_that_never_happened_loses_nothing() {
    let words = memory();
    let region = region(&words);
    region.fence(1).unwrap();
    region.commit(&committer(1), &staged(1)).unwrap();
    region.commit(&committer(1), &staged(2)).unwrap();
    // The second worker was killed before the region was handed over to it.
    region.fence(3).unwrap();
    assert_eq!(read(&region, 3), (2, [2; SIZE_BYTES]));
    region.begin(3).unwrap();
    assert_eq!(region.commit(&committer(3), &staged(3)), Ok(3));
    region.fence(4).unwrap();
    assert_eq!(read(&region, 4), (3, [3; SIZE_BYTES]));
}

/// What the worker of this incarnation starts from: generation and value.
fn start_of(memory: &Hooked, incarnation: u32) -> (u64, [u8; SIZE_BYTES]) {
    let region = memory.region();
    let (_, chain) = choose(&region, incarnation).expect("a checkpoint");
    let mut bytes = [0; SIZE_BYTES];
    assert!(region.read_chain(chain, &mut bytes));
    (chain.generation, bytes)
}

#[test]
fn a_commit_that_failed_over_a_flipped_word_is_not_what_the_next_worker_starts_from() {
    let memory = Hooked::new(SIZE_BYTES);
    let region = memory.region();
    region.fence(1).unwrap();
    let first = committer(1);
    let found = region.published_in_turn(&first).unwrap();
    let last = region.commit_on(&first, found, &staged(1)).unwrap();
    memory.cells[PUBLISHED + 1].fetch_xor(1 << 3, Ordering::Relaxed);
    let failed = region.commit_on(&first, Found::own(last), &staged(2));
    // Nobody has taken over: it is the word that is wrong.
    assert_eq!(failed, Err(CommitError::Damaged));
    region.fence(2).unwrap();
    assert_eq!(start_of(&memory, 2), (1, staged(1)));
}

#[test]
fn a_flipped_tag_is_damage_and_no_takeover() {
    let memory = Hooked::new(SIZE_BYTES);
    let region = memory.region();
    region.fence(1).unwrap();
    let word = &memory.cells[PUBLISHED + 1];
    word.fetch_xor(1 << 55, Ordering::Relaxed);
    let refused = region.published_in_turn(&committer(1)).map(|_| ());
    assert_eq!(refused, Err(CommitError::Damaged));
    word.fetch_xor(1 << 55, Ordering::Relaxed);
    region.fence(2).unwrap();
    let refused = region.published_in_turn(&committer(1)).map(|_| ());
    assert_eq!(refused, Err(CommitError::Fenced));
}

#[test]
fn a_late_commit_of_a_guarded_worker_does_not_come_back_behind_a_worker_without_one() {
    let memory = Hooked::new(SIZE_BYTES);
    memory.region().fence(1).unwrap();
    memory.guarded().commit(&committer(1), &staged(1)).unwrap();
    // The takeover comes between the slot and the word.
    memory.before_store(PUBLISHED + 1, |memory| memory.region().fence(2));
    let late = memory.guarded().commit(&committer(1), &staged(2));
    assert_eq!(late, Err(CommitError::Fenced));
    assert_eq!(start_of(&memory, 2), (1, staged(1)));
    // It was one late commit, and there is no second one, although the late word has the tag of its worker.
    let all = || memory.cells.iter().map(|cell| cell.load(Ordering::Relaxed));
    let before: Vec<u64> = all().collect();
    let late = memory.guarded().commit(&committer(1), &staged(3));
    assert_eq!(late, Err(CommitError::Fenced));
    assert!(all().eq(before));
    // The second worker dies without a commit.
    memory.region().fence(3).unwrap();
    assert_eq!(start_of(&memory, 3), (1, staged(1)));
}

#[test]
fn a_wild_store_into_the_word_of_the_other_parity_is_not_taken_over() {
    let memory = Hooked::new(SIZE_BYTES);
    let region = memory.region();
    region.fence(1).unwrap();
    region.commit(&committer(1), &staged(1)).unwrap();
    region.fence(2).unwrap();
    region.commit(&committer(2), &staged(2)).unwrap();
    let wild = Published::of_base(77).pack();
    memory.cells[PUBLISHED + 1].store(wild, Ordering::Relaxed);
    region.fence(3).unwrap();
    assert_eq!(region.published(3).generation, 2);
    assert_eq!(start_of(&memory, 3), (2, staged(2)));
}

#[test]
fn a_late_beginning_takes_back_nothing_that_a_takeover_has_put_down() {
    let memory = Hooked::new(SIZE_BYTES);
    let region = memory.region();
    region.fence(1).unwrap();
    region.commit(&committer(1), &staged(1)).unwrap();
    region.fence(2).unwrap();
    region.fence(3).unwrap();
    assert_eq!(region.void(1), 2);
    memory.before_store(PUBLISHED + 2 + 1, |memory| memory.region().fence(4));
    let _ = memory.guarded().begin(3);
    assert_eq!(region.void(1), 2);
}
