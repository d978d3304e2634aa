//! Also for Miri: what stands behind a length is never read, and every byte that is read was written.

use core::fmt::Write as _;
use core::hash::{BuildHasher as _, BuildHasherDefault};
use core::num::NonZeroU16;
use core::time::Duration;
use std::hash::DefaultHasher;
use std::time::SystemTime;

use proptest::prelude::*;

use super::*;
use crate::HardState;
use crate::state::bytes::{stage, value_of};

#[cfg(feature = "serde")]
mod serde;

/// One byte of padding, and a field of which not every bit pattern is a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, HardState)]
#[hard(crate = crate)]
#[repr(C)]
struct Padded {
    small: u8,
    big: u16,
    on: bool,
}

fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 256 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// The value as the next worker finds it.
fn reloaded<T: HardState>(value: &T) -> T {
    let mut bytes = vec![0xa5; size_of::<T>()];
    stage(value, &mut bytes);
    value_of(&bytes).expect("a value is valid")
}

fn hash(value: &(impl core::hash::Hash + ?Sized)) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}

#[derive(Clone, Debug)]
enum Step {
    Push(u16),
    Insert(usize, u16),
    Extend(Vec<u16>),
    Pop,
    Remove(usize),
    SwapRemove(usize),
    Truncate(usize),
    Retain(u16),
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => any::<u16>().prop_map(Step::Push),
        2 => (0_usize..8, any::<u16>()).prop_map(|(at, value)| Step::Insert(at, value)),
        2 => prop::collection::vec(any::<u16>(), 0..5).prop_map(Step::Extend),
        2 => Just(Step::Pop),
        1 => (0_usize..8).prop_map(Step::Remove),
        1 => (0_usize..8).prop_map(Step::SwapRemove),
        1 => (0_usize..8).prop_map(Step::Truncate),
        1 => (1_u16..4).prop_map(Step::Retain),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 0..24)
}

const fn row(big: u16) -> Padded {
    Padded {
        small: 7,
        big,
        on: true,
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_vector_does_what_a_vec_does_until_it_is_full(steps in steps()) {
        const N: usize = 6;
        let (mut vector, mut model) = (Vector::<Padded, N>::new(), Vec::new());
        for step in steps {
            let before = vector;
            match step {
                Step::Push(value) => match vector.try_push(row(value)) {
                    Ok(()) => model.push(row(value)),
                    Err(error) => {
                        prop_assert_eq!((model.len(), error.needed(), error.into_value()), (N, N + 1, row(value)));
                        prop_assert_eq!(vector, before);
                    }
                },
                Step::Insert(at, value) if at <= model.len() => {
                    let inserted = vector.try_insert(at, row(value));
                    prop_assert_eq!(inserted.is_ok(), model.len() < N);
                    if inserted.is_ok() {
                        model.insert(at, row(value));
                    }
                }
                Step::Extend(values) => {
                    let values: Vec<_> = values.into_iter().map(row).collect();
                    let mut other = vector;
                    let extended = vector.try_extend_from_slice(&values);
                    prop_assert_eq!(other.try_extend(values.iter().copied()).is_ok(), extended.is_ok());
                    prop_assert_eq!(other, vector);
                    prop_assert_eq!(extended.is_ok(), model.len() + values.len() <= N);
                    if extended.is_ok() {
                        model.extend(values);
                    } else {
                        prop_assert_eq!(vector, before);
                    }
                }
                Step::Pop => prop_assert_eq!(vector.pop(), model.pop()),
                Step::Remove(at) if at < model.len() => prop_assert_eq!(vector.remove(at), model.remove(at)),
                Step::SwapRemove(at) if at < model.len() => {
                    prop_assert_eq!(vector.swap_remove(at), model.swap_remove(at));
                }
                Step::Truncate(length) => {
                    vector.truncate(length);
                    model.truncate(length);
                }
                Step::Retain(by) => {
                    vector.retain(|row| row.big % by == 0);
                    model.retain(|row| row.big % by == 0);
                }
                Step::Clear => {
                    vector.clear();
                    model.clear();
                }
                Step::Insert(..) | Step::Remove(_) | Step::SwapRemove(_) => {}
            }
            prop_assert_eq!(&vector, &model);
            prop_assert_eq!(vector.remaining_capacity(), N - model.len());
            vector = reloaded(&vector);
            prop_assert_eq!(&vector, &model);
            prop_assert_eq!(vector.into_iter().rev().collect::<Vec<_>>(), model.iter().rev().copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_text_does_what_a_string_does_until_it_is_full(pieces in prop::collection::vec("\\PC{0,4}", 0..12)) {
        const N: usize = 16;
        let (mut text, mut model) = (Text::<N>::new(), String::new());
        for piece in pieces {
            let fits = model.len() + piece.len() <= N;
            prop_assert_eq!(text.write_str(&piece).is_ok(), fits);
            if fits {
                model += &piece;
            } else {
                let error = text.try_push_str(&piece).unwrap_err();
                prop_assert_eq!((error.needed(), error.capacity()), (model.len() + piece.len(), N));
                prop_assert_eq!(text.pop(), model.pop());
            }
            prop_assert_eq!(&text, &model);
            text = reloaded(&text);
            prop_assert_eq!(text.as_str(), model.as_str());
            prop_assert_eq!(hash(&text), hash(model.as_str()));
            prop_assert_eq!((text.to_string(), format!("{text:?}")), (model.clone(), format!("{model:?}")));
        }
    }

    // What was accepted is compared byte by byte: of a typed value the compiler may take for granted what is tested here.
    #[test]
    fn random_bytes_are_a_sound_value_or_none(
        length in 0_u32..7,
        mut bytes in prop::collection::vec(prop_oneof![Just(0), Just(1), any::<u8>()], 64),
    ) {
        if let Ok(maybe) = value_of::<Maybe<NonZeroU16>>(&bytes[..4]) {
            prop_assert_eq!(maybe.is_some(), bytes[0] == 1);
            prop_assert!(maybe.is_none() || bytes[2..4] != [0, 0]);
        }
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        if let Ok(text) = value_of::<Text<5>>(&bytes[..size_of::<Text<5>>()]) {
            prop_assert!(core::str::from_utf8(text.as_bytes()).is_ok());
            prop_assert!(text.len() == length as usize && text.len() <= 5);
        }
        if let Ok(rows) = value_of::<Vector<Padded, 3>>(&bytes[..size_of::<Vector<Padded, 3>>()]) {
            prop_assert!(rows.len() == length as usize && rows.len() <= 3);
            for row in bytes[4..].chunks(size_of::<Padded>()).take(rows.len()) {
                prop_assert!(row[core::mem::offset_of!(Padded, on)] <= 1);
            }
            prop_assert_eq!(reloaded(&rows), rows);
        }
        if let Ok(elapsed) = value_of::<Elapsed>(&bytes[..16]) {
            prop_assert_eq!(Elapsed::from(elapsed.get()), elapsed);
        }
        if let Ok(timestamp) = value_of::<Timestamp>(&bytes[..16]) {
            prop_assert!(timestamp.to_string().ends_with('Z'));
        }
    }

    #[test]
    fn times_come_back(seconds in any::<i64>(), nanos in 0..1_000_000_000_u32) {
        let elapsed = Elapsed::new(Duration::new(seconds.unsigned_abs(), nanos));
        prop_assert_eq!(reloaded(&elapsed).get(), Duration::new(seconds.unsigned_abs(), nanos));
        let timestamp = Timestamp::new(seconds, nanos).unwrap();
        prop_assert_eq!(reloaded(&timestamp), timestamp);
        if let Some(time) = timestamp.to_system_time() {
            prop_assert_eq!(Timestamp::from(time), timestamp);
        }
        let later = timestamp.checked_add(Duration::new(5, 999_999_999));
        if let Some(later) = later {
            prop_assert_eq!(later.duration_since(timestamp), Ok(Duration::new(5, 999_999_999)));
            prop_assert_eq!(timestamp.duration_since(later).unwrap_err().duration(), Duration::new(5, 999_999_999));
            prop_assert_eq!(later.checked_sub(Duration::new(5, 999_999_999)), Some(timestamp));
        }
    }
}

#[test]
fn what_stands_behind_a_length_counts_for_nothing() {
    let mut short = Vector::<u16, 3>::of([1, 2, 3]);
    short.truncate(1);
    assert_eq!((short, hash(&short)), (Vector::of([1]), hash(&[1_u16][..])));
    let mut text = Text::<8>::of("abc");
    text.truncate(1);
    assert_eq!((text, hash(&text)), (Text::of("a"), hash("a")));
    let mut maybe = Maybe::some(7_u64);
    assert_eq!(maybe.take(), Some(7));
    assert_eq!((maybe, hash(&maybe)), (Maybe::none(), hash(&None::<u64>)));
}

#[test]
fn a_cut_in_a_character_is_refused() {
    let mut text = Text::<8>::of("köln");
    let cut = std::panic::catch_unwind(move || text.truncate(2));
    assert!(cut.is_err());
    text.truncate(3);
    assert_eq!(text, "kö");
}

#[test]
fn an_option_converts_both_ways_and_is_ordered_as_one() {
    let mut maybe: Maybe<Padded> = Some(row(5)).into();
    assert_eq!(Option::from(reloaded(&maybe)), Some(row(5)));
    assert_eq!(maybe.replace(row(6)), Some(row(5)));
    maybe.as_mut().unwrap().big += 1;
    assert_eq!(
        (maybe, format!("{maybe:?}")),
        (Maybe::some(row(7)), format!("{:?}", Some(row(7))))
    );
    maybe.set(None);
    assert_eq!(reloaded(&maybe), None);
    assert!(Maybe::none() < Maybe::some(0_u8) && Maybe::some(0_u8) < Maybe::some(1));
}

#[test]
fn a_timestamp_prints_as_rfc_3339() {
    let dates = [
        (0, 0, "1970-01-01T00:00:00Z"),
        (-1, 999_000_000, "1969-12-31T23:59:59.999Z"),
        (951_782_399, 0, "2000-02-28T23:59:59Z"),
        (951_782_400, 0, "2000-02-29T00:00:00Z"),
        (4_107_542_400, 1, "2100-03-01T00:00:00.000000001Z"),
        (1_709_210_096, 120_000_000, "2024-02-29T12:34:56.12Z"),
        (253_402_300_799, 0, "9999-12-31T23:59:59Z"),
        (253_402_300_800, 0, "+10000-01-01T00:00:00Z"),
        (-62_167_219_200, 0, "0000-01-01T00:00:00Z"),
        (-62_167_219_201, 0, "-0001-12-31T23:59:59Z"),
        (i64::MAX, 0, "+292277026596-12-04T15:30:07Z"),
        (i64::MIN, 0, "-292277022657-01-27T08:29:52Z"),
    ];
    for (seconds, nanos, expected) in dates {
        let timestamp = Timestamp::new(seconds, nanos).unwrap();
        assert_eq!(timestamp.to_string(), expected, "{seconds}");
    }
    assert_eq!(
        format!("{:.3}", Timestamp::UNIX_EPOCH),
        "1970-01-01T00:00:00.000Z"
    );
    assert_eq!(Timestamp::new(0, 1_000_000_000), None);
    assert_eq!(
        Timestamp::from(SystemTime::UNIX_EPOCH),
        Timestamp::UNIX_EPOCH
    );
}

#[test]
fn elements_without_bytes_are_counted_too() {
    let mut vector = Vector::<(), 3>::of([(), ()]);
    assert_eq!(vector.try_push(()), Ok(()));
    assert!(vector.try_push(()).is_err());
    assert_eq!(reloaded(&vector).len(), 3);
}

#[cfg(any(feature = "bytemuck", feature = "zerocopy"))]
#[test]
fn wrapped_types_come_back_and_differ_by_their_version() {
    #[cfg(feature = "bytemuck")]
    {
        use crate::interop::Pod;
        assert_eq!(reloaded(&Pod::<_>([1.5_f32, -0.0])), Pod([1.5, -0.0]));
        assert_ne!(
            <Pod<u32>>::LAYOUT.fingerprint(),
            <Pod<u32, 1>>::LAYOUT.fingerprint()
        );
    }
    #[cfg(feature = "zerocopy")]
    {
        use crate::interop::Bytes;
        assert_eq!(reloaded(&Bytes::<_>([1_u16, 2])), Bytes([1, 2]));
        assert_ne!(
            <Bytes<u32>>::LAYOUT.fingerprint(),
            <Bytes<u32, 1>>::LAYOUT.fingerprint()
        );
    }
}
