use core::sync::atomic::AtomicU32;

use super::super::HardState;
use super::super::checkpoint::{Checkpoint, Identity};
use super::super::recovery::recover;
use super::super::segment::{Given, RegionSpec, Segment};
use super::*;
use crate::sys::unforked::Unforked;

/// 73,728 bytes.
type Rows = [[[u64; 32]; 32]; 9];

fn segment<T: HardState + Default>(given: &[Given]) -> &'static Segment {
    let specs = vec![RegionSpec::of::<T>(), RegionSpec::of::<u16>()];
    Box::leak(Box::new(
        Segment::create(specs, given).expect("shared memory"),
    ))
}

/// This process is the worker of the first incarnation.
fn enter<T: HardState + Default>(segment: &'static Segment) -> Checkpoint<T> {
    segment.fence(1).expect("a writable mapping");
    let identity = Identity {
        incarnation: Box::leak(Box::new(AtomicU32::new(1))),
        unforked: Unforked::new(),
    };
    identity.unforked.set(1);
    let layout = segment.specs()[0].layout;
    let recovered = recover(&segment.region(0), 1, layout, &mut || None);
    Checkpoint::new(segment, 0, identity, &recovered)
}

fn seen(segment: &Segment) -> Vec<Seen> {
    Foreign::open(&segment.file().get().unwrap())
        .expect("a segment of this format")
        .states()
}

fn value<T: HardState + Default>(seen: &Seen) -> Option<T> {
    let stored = seen.stored.as_ref()?;
    Some(stored.get().expect("a value of this type"))
}

#[test]
fn what_was_committed_last_is_seen() {
    let segment = segment::<[u32; 5]>(&[]);
    let found = seen(segment);
    assert_eq!((found.len(), found[0].incarnation), (2, 0));
    assert!(found.iter().all(|seen| seen.source == Source::Initial));
    let checkpoint = enter::<[u32; 5]>(segment);
    for number in 1..10_u32 {
        checkpoint.store([number; 5]);
        let found = &seen(segment)[0];
        assert_eq!(value(found), Some([number; 5]));
        assert_eq!(found.source, Source::Current);
        assert_eq!(found.committed, Some(u64::from(number)));
        assert_eq!(found.incarnation, 1);
    }
    assert_eq!(
        Foreign::open(&segment.file().get().unwrap())
            .unwrap()
            .generation(),
        9
    );
}

#[test]
fn a_big_state_is_seen_with_the_changes_in_its_log() {
    let segment = segment::<Rows>(&[]);
    let checkpoint = enter::<Rows>(segment);
    // More than the log holds at once.
    for number in 1..=3_000_u64 {
        let at = usize::try_from(number).unwrap() * 3;
        let place = (at / 1024, at / 32 % 32, at % 32);
        checkpoint.edit(|edit| {
            edit.patch(
                |rows| &rows[place.0][place.1][place.2],
                |word| *word = number,
            );
        });
        if number % 500 > 1 {
            continue;
        }
        let rows: Rows = value(&seen(segment)[0]).expect("a value");
        let is_right = |(at, found): (usize, &u64)| {
            let of = if at % 3 == 0 { at as u64 / 3 } else { 0 };
            *found == if of <= number { of } else { 0 }
        };
        let words = rows.as_flattened().as_flattened();
        assert!(words.iter().enumerate().all(is_right), "{number}");
    }
}

#[test]
fn a_damaged_commit_gives_the_one_before_it() {
    let segment = segment::<[u32; 5]>(&[]);
    let checkpoint = enter::<[u32; 5]>(segment);
    checkpoint.store([1; 5]);
    checkpoint.store([2; 5]);
    let region = segment.region(0);
    region.overwrite_for_test(region.published(1).slot, 77);
    let found = &seen(segment)[0];
    assert_eq!(value(found), Some([1_u32; 5]));
    assert_eq!((found.source, found.committed), (Source::Previous, Some(2)));
}

#[test]
fn what_the_pair_was_given_is_seen_until_something_is_committed() {
    let given = Given {
        region: Some(0),
        generation: 7,
        bytes: Stored::of(&[9_u32; 5], 7).to_bytes(),
    };
    let segment = segment::<[u32; 5]>(&[given]);
    let found = &seen(segment)[0];
    assert_eq!(value(found), Some([9_u32; 5]));
    assert_eq!((found.source, found.committed), (Source::Stored, Some(7)));
    let checkpoint = enter::<[u32; 5]>(segment);
    checkpoint.store([1; 5]);
    let found = &seen(segment)[0];
    assert_eq!(value(found), Some([1_u32; 5]));
    assert_eq!(found.committed, Some(8));
}

#[test]
fn another_format_is_told_and_what_is_no_segment_too() {
    let segment = segment::<u64>(&[]);
    segment.flip(64 * HEADER_FORMAT + 9);
    let found = Foreign::open(&segment.file().get().unwrap()).unwrap_err();
    assert_eq!(found, Unusable::Format(FORMAT ^ 1 << 9));
    segment.flip(64 * HEADER_MAGIC);
    let found = Foreign::open(&segment.file().get().unwrap()).unwrap_err();
    assert_eq!(found, Unusable::NotOne);
    let null = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(Foreign::open(&null).unwrap_err(), Unusable::NotOne);
}

#[test]
fn wild_words_are_an_answer_or_an_error() {
    let segment = segment::<[u16; 9]>(&[]);
    let checkpoint = enter::<[u16; 9]>(segment);
    checkpoint.store([1; 9]);
    checkpoint.store([2; 9]);
    let words = segment.size() / 8;
    for word in (0..8).chain(FIRST_REGION..words) {
        for bit in [0, 3, 17, 40, 63] {
            segment.flip(64 * word + bit);
            if let Ok(foreign) = Foreign::open(&segment.file().get().unwrap()) {
                for seen in foreign.states() {
                    let bytes = seen.stored.map(|stored| stored.to_bytes());
                    assert!(bytes.is_none_or(|bytes| Stored::from_bytes(&bytes).is_ok()));
                }
            }
            segment.flip(64 * word + bit);
        }
    }
    assert_eq!(value(&seen(segment)[0]), Some([2_u16; 9]));
}
