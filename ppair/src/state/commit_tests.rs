use memoffset::span_of;

use super::*;

const SIZE_BYTES: usize = 20;
const FINGERPRINT_OF_TEST: u64 = 0x1234;

fn memory() -> Vec<AtomicU64> {
    (0..region_words(SIZE_BYTES))
        .map(|_| AtomicU64::new(0))
        .collect()
}

fn region(words: &[AtomicU64]) -> Region<'_> {
    let region = Region::new(words, SIZE_BYTES, FINGERPRINT_OF_TEST).unwrap();
    region.format(0);
    region
}

fn staged(fill: u8) -> [u8; 24] {
    let mut bytes = [fill; 24];
    bytes[SIZE_BYTES..].fill(0);
    bytes
}

fn read(region: &Region<'_>) -> (u64, [u8; SIZE_BYTES]) {
    let mut out = [core::mem::MaybeUninit::new(0); SIZE_BYTES];
    let published = region.read(&mut out).unwrap();
    // SAFETY: `read` has written every element, and they were initialised before.
    (
        published.generation,
        out.map(|byte| unsafe { byte.assume_init() }),
    )
}

#[test]
fn heads_lie_where_the_format_says() {
    assert_eq!(span_of!(RegionHeader, published..=size), 0..3 * WORD);
    assert_eq!(span_of!(SlotHeader, ..), 0..2 * WORD);
}

#[test]
fn a_word_comes_back_as_it_was_packed() {
    for published in [
        Published {
            generation: 0,
            slot: 0,
            tag: 0,
        },
        Published {
            generation: (1 << GENERATION_BITS) - 1,
            slot: 3,
            tag: 255,
        },
        Published {
            generation: 7,
            slot: 2,
            tag: 1,
        },
    ] {
        assert_eq!(Published::unpack(published.pack()), published);
    }
}

#[test]
fn the_last_generation_is_followed_by_one() {
    let last = Published {
        generation: (1 << GENERATION_BITS) - 1,
        slot: 0,
        tag: 0,
    };
    assert_eq!(last.next_generation(), 1);
}

#[test]
fn commits_count_up_and_are_read_back() {
    let words = memory();
    let region = region(&words);
    region.fence(1);
    for generation in 1..10_u8 {
        assert_eq!(
            region.commit(1, &staged(generation), None),
            Ok(u64::from(generation))
        );
        assert_eq!(
            read(&region),
            (u64::from(generation), [generation; SIZE_BYTES])
        );
    }
}

#[test]
fn the_published_slot_is_never_written() {
    for tag in 0..=255 {
        for slot in 0..SLOTS {
            let published = Published {
                generation: 1,
                slot,
                tag,
            };
            assert_ne!(published.free_slot(), slot);
        }
    }
}

#[test]
fn neighbours_never_write_the_same_slot() {
    for slot in 0..SLOTS {
        for first in 0..SLOTS {
            let free = |tag, slot| {
                Published {
                    generation: 1,
                    slot,
                    tag,
                }
                .free_slot()
            };
            assert_ne!(free(4, slot), free(5, first));
            assert_ne!(free(255, slot), free(tag(256), first));
        }
    }
}

#[test]
fn a_fenced_incarnation_commits_nothing() {
    let words = memory();
    let region = region(&words);
    region.fence(1);
    region.commit(1, &staged(1), None).unwrap();
    region.fence(2);
    assert_eq!(region.commit(1, &staged(9), None), Err(Fenced));
    assert_eq!(read(&region), (1, [1; SIZE_BYTES]));
    assert_eq!(region.commit(2, &staged(2), None), Ok(2));
    assert_eq!(read(&region), (2, [2; SIZE_BYTES]));
}

#[test]
fn a_checked_read_refuses_any_flipped_bit() {
    let words = memory();
    let region = region(&words);
    region.fence(1);
    region.commit(1, &staged(0x5a), None).unwrap();
    let slot = region.published().slot;
    let mut out = [0; SIZE_BYTES];
    assert_eq!(region.read_checked(slot, &mut out), Some(1));
    // The last word has four bytes of the value and four that fill it up and mean nothing.
    for bit in 0..(SLOT_BYTES * WORD + SIZE_BYTES) * 8 {
        let word = &region.slot(slot)[bit / 64];
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
    region(&words).commit(0, &staged(1), None).unwrap();
    let other = Region::new(&words, SIZE_BYTES, FINGERPRINT_OF_TEST + 1).unwrap();
    assert!(!other.is_formatted());
    assert_eq!(
        other.read_checked(other.published().slot, &mut [0; SIZE_BYTES]),
        None
    );
}

#[test]
fn readers_in_other_threads_never_see_a_mixture() {
    let words = memory();
    let region = region(&words);
    region.fence(1);
    region.commit(1, &staged(1), None).unwrap();
    let rounds = if cfg!(miri) { 50 } else { 50_000 };
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = 0;
            while last < rounds {
                let mut out = [core::mem::MaybeUninit::new(0); SIZE_BYTES];
                let Some(published) = region.read(&mut out) else {
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
                .commit(1, &staged((generation % 251) as u8), None)
                .unwrap();
        }
        reader.join().unwrap();
    });
}
