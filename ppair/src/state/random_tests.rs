//! Random types, values and bytes: whatever they are, a value comes back bit for bit, and bytes are a valid value or an error.
//! Also for Miri: plain memory stands in for the segment.

use crate::sys::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::bytes::{stage, value_of};
use super::commit::Committer;
use super::descriptor::Descriptor;
use super::fit::Fit;
use super::layout::{Default, Field, Kind, Layout, Variant};
use super::recovery::{Source, recover};
use super::region::{Region, Shape};
use super::stored::Stored;
use super::words::Words;
use crate::{Elapsed, HardState, Maybe, Text, Vector};

fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: if cfg!(miri) { 8 } else { 512 },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Layouts live as long as the program.
fn leak<T>(values: Vec<T>) -> &'static [T] {
    Box::leak(values.into_boxed_slice())
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A field as it is declared: which of the names, maybe an earlier one, maybe a default, and its type.
type Declared = (usize, Option<usize>, bool, Layout);

/// As `repr(C)` lays it out; the names are told apart by dropping what comes twice.
fn structure(fields: Vec<Declared>, evolves: bool, version: u32) -> Layout {
    let (mut end, mut align, mut seen, mut parts) = (0_usize, 1, Vec::new(), Vec::new());
    for (name, was, has_default, layout) in fields {
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        let offset = end.next_multiple_of(layout.align());
        end = offset + layout.size();
        align = align.max(layout.align());
        let field = Field::new(NAMES[name], offset, layout);
        let field = was.map_or(field, |was| field.formerly(leak(vec![NAMES[was]])));
        // Zeros are a value of every type that is made here.
        parts.push(if has_default {
            field.or(Default(|bytes| bytes.fill(0)))
        } else {
            field
        });
    }
    let layout =
        Layout::structure("S", end.next_multiple_of(align), align, leak(parts)).versioned(version);
    if evolves { layout.evolving() } else { layout }
}

fn enumeration(numbers: &[i8], evolves: bool) -> Layout {
    let mut variants = vec![Variant::new("Zero", 0)];
    for (number, name) in numbers.iter().zip(NAMES) {
        if variants
            .iter()
            .all(|variant| variant.number() != i128::from(*number))
        {
            variants.push(Variant::new(name, (*number).into()));
        }
    }
    let layout = Layout::enumeration("E", 1, 1, leak(variants));
    if evolves { layout.evolving() } else { layout }
}

fn layouts() -> impl Strategy<Value = Layout> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            u8::LAYOUT,
            i16::LAYOUT,
            u32::LAYOUT,
            u64::LAYOUT,
            u128::LAYOUT,
            f64::LAYOUT,
            bool::LAYOUT,
            char::LAYOUT,
            <()>::LAYOUT,
            Layout::elapsed(),
            Layout::timestamp(),
        ]),
        (0_usize..9).prop_map(Layout::text),
        (prop::collection::vec(any::<i8>(), 0..4), any::<bool>())
            .prop_map(|(numbers, evolves)| enumeration(&numbers, evolves)),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let leaked = inner
            .clone()
            .prop_map(|layout| &*Box::leak(Box::new(layout)));
        let field = (
            0..NAMES.len(),
            prop::option::of(0..NAMES.len()),
            any::<bool>(),
            inner,
        );
        prop_oneof![
            (leaked.clone(), 0_usize..4).prop_map(|(element, len)| Layout::array(element, len)),
            (leaked.clone(), 0_usize..4)
                .prop_map(|(element, capacity)| Layout::vector(element, capacity)),
            leaked.prop_map(Layout::maybe),
            (prop::collection::vec(field, 0..5), any::<bool>(), 0_u32..2)
                .prop_map(|(fields, evolves, version)| structure(fields, evolves, version)),
        ]
    })
}

/// Makes the bytes a value: wherever they are none, zeros are one of every type that is made here.
fn valid(layout: &Layout, mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(layout.size(), 0);
    mend(layout, &mut bytes);
    layout.zero_gaps(&mut bytes);
    assert_eq!(layout.validate(&bytes), Ok(()), "{layout}");
    bytes
}

fn mend(layout: &Layout, bytes: &mut [u8]) {
    if layout.validate(bytes).is_ok() {
        return;
    }
    match layout.kind() {
        Kind::Struct { fields } => {
            for field in fields {
                mend(
                    field.layout(),
                    &mut bytes[field.offset()..][..field.layout().size()],
                );
            }
        }
        Kind::Array { element, .. } if element.size() > 0 => {
            bytes
                .chunks_mut(element.size())
                .for_each(|bytes| mend(element, bytes));
        }
        Kind::Vector { capacity, element } => {
            let length = u32::from(bytes[0]) % (u32::try_from(capacity).unwrap() + 1);
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            let offset = 4_usize.next_multiple_of(element.align());
            for index in 0..length as usize {
                mend(
                    element,
                    &mut bytes[offset + index * element.size()..][..element.size()],
                );
            }
        }
        Kind::Maybe { value } => {
            bytes[0] &= 1;
            mend(value, &mut bytes[value.align()..][..value.size()]);
        }
        _ => bytes.fill(0),
    }
}

/// What the next worker gets after this one has committed the staged bytes.
fn committed_and_recovered(layout: &Layout, staged: &[u8]) -> (Source, Vec<u8>) {
    let size = layout.size();
    let words: Vec<AtomicU64> = (0..Shape::new(size).words())
        .map(|_| AtomicU64::new(0))
        .collect();
    let region =
        Region::new(Words::open(&words), size, layout.fingerprint()).expect("as many words");
    region.format(0).expect("open words");
    region.fence(1).expect("open words");
    let committer = Committer {
        incarnation: 1,
        keep: None,
        start: 0,
    };
    region
        .commit(&committer, staged)
        .expect("nobody else commits");
    let recovered = recover(&region, 1, layout, &mut || None);
    (
        recovered.origin.source(),
        recovered.bytes.expect("it was committed").into_vec(),
    )
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![Just(0), Just(1), any::<u8>()], 0..400)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_value_of_any_type_comes_back_bit_for_bit(layout in layouts(), bytes in bytes()) {
        let value = valid(&layout, bytes);
        prop_assert_eq!(committed_and_recovered(&layout, &value), (Source::Current, value.clone()));
        let stored = Stored::new(&layout, 7, value.into());
        prop_assert_eq!(Stored::from_bytes(&stored.to_bytes()), Ok(stored));
    }

    #[test]
    fn a_descriptor_of_any_type_comes_back_and_one_changed_byte_is_refused(
        layout in layouts(),
        at in any::<prop::sample::Index>(),
        change in 1..=u8::MAX,
    ) {
        prop_assert_eq!(Descriptor::decode(&layout.encode()), Ok(Descriptor::from(&layout)));
        let stored = Stored::new(&layout, 7, valid(&layout, Vec::new()).into());
        let mut bytes = stored.to_bytes();
        let descriptor = 48..48 + layout.encode().len();
        bytes[descriptor.start + at.index(descriptor.len())] ^= change;
        prop_assert!(Stored::from_bytes(&bytes).is_err());
    }

    #[test]
    fn a_descriptor_that_was_tampered_with_is_refused_or_does_no_harm(
        layout in layouts(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        into in layouts(),
        value in bytes(),
    ) {
        let mut bytes = layout.encode();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(descriptor) = Descriptor::decode(&bytes) {
            let _ = descriptor.to_string();
            let into = &*Box::leak(Box::new(into));
            if let (Ok(fit), true) = (Fit::of(&descriptor, into), descriptor.size() < 4096) {
                let mut value = value;
                value.resize(descriptor.size(), 0);
                if let Ok(bytes) = fit.apply(&value, &|bytes| bytes.fill(0)) {
                    prop_assert_eq!(into.validate(&bytes), Ok(()));
                }
            }
        }
    }

    #[test]
    fn random_bytes_are_a_value_or_an_error_and_never_a_panic(layout in layouts(), bytes in bytes()) {
        let _ = layout.validate(&bytes);
        let _ = Descriptor::decode(&bytes);
        let _ = Stored::from_bytes(&bytes);
        let mut exact = bytes;
        exact.resize(layout.size(), 0xff);
        let layout = &*Box::leak(Box::new(layout));
        let fit = Fit::of(&Descriptor::from(layout), layout).expect("it is the same");
        prop_assert_eq!(fit.apply(&exact, &|_| {}).is_ok(), layout.validate(&exact).is_ok());
    }

    #[test]
    fn what_evolves_from_any_type_to_any_other_is_valid_and_keeps_equal_fields(
        old in layouts(),
        new in layouts(),
        bytes in bytes(),
    ) {
        let value = valid(&old, bytes);
        let new = &*Box::leak(Box::new(new));
        if let Ok(fit) = Fit::of(&Descriptor::from(&old), new) {
            let taken = fit.apply(&value, &|bytes| bytes.fill(0));
            if let Ok(taken) = taken {
                prop_assert_eq!(new.validate(&taken), Ok(()));
                if let (Kind::Struct { fields: old }, Kind::Struct { fields: new }) = (old.kind(), new.kind()) {
                    for field in new {
                        let same = old.iter().find(|old| old.name() == field.name() && old.layout() == field.layout());
                        if let Some(same) = same {
                            let part = |bytes: &[u8], field: &Field| bytes[field.offset()..][..field.layout().size()].to_vec();
                            prop_assert_eq!(part(&taken, field), part(&value, same));
                        }
                    }
                }
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, HardState)]
#[hard(crate = crate)]
#[repr(i16)]
enum Mode {
    Low = -300,
    High = 5,
}

#[derive(Clone, Copy, Debug, PartialEq, HardState)]
#[hard(crate = crate)]
#[repr(C)]
struct Padded<T> {
    on: bool,
    value: T,
    mode: Mode,
}

#[derive(Clone, Copy, HardState)]
#[hard(crate = crate)]
#[repr(C, packed(2))]
struct Packed {
    small: u8,
    wide: u64,
    letter: char,
}

#[derive(Clone, Copy, Debug, PartialEq, HardState)]
#[hard(crate = crate)]
#[repr(C, align(32))]
struct Aligned<const N: usize> {
    rows: Vector<Padded<u32>, N>,
    name: Text<5>,
    wait: Maybe<Elapsed>,
}

/// Through a commit, a recovery and the bytes of a stored checkpoint, with every store in plain memory.
fn through_everything<T: HardState + core::default::Default>(value: &T) -> T {
    let mut staged = vec![0; size_of::<T>()];
    stage(value, &mut staged);
    let (_, bytes) = committed_and_recovered(&T::LAYOUT, &staged);
    let value: T = value_of(&bytes).expect("a value is valid");
    let stored =
        Stored::from_bytes(&Stored::of(&value, 1).to_bytes()).expect("it was just written");
    stored.get().expect("its layout is the same")
}

macro_rules! default_by {
    ($($type:ty => $value:expr),* $(,)?) => {$(
        impl core::default::Default for $type {
            fn default() -> Self {
                $value
            }
        }
    )*};
}

default_by! {
    Padded<u32> => Padded { on: false, value: 0, mode: Mode::High },
    Packed => Packed { small: 0, wide: 0, letter: 'a' },
    Aligned<3> => Aligned { rows: Vector::new(), name: Text::new(), wait: Maybe::none() },
}

#[test]
fn padded_packed_aligned_generic_and_nested_values_come_back() {
    let row = Padded {
        on: true,
        value: u32::MAX,
        mode: Mode::Low,
    };
    assert_eq!(through_everything(&row), row);
    let packed = through_everything(&Packed {
        small: 1,
        wide: u64::MAX,
        letter: 'ß',
    });
    assert_eq!(
        ({ packed.small }, { packed.wide }, { packed.letter }),
        (1, u64::MAX, 'ß')
    );
    let mut aligned = Aligned {
        name: Text::of("abc"),
        wait: Maybe::some(Elapsed::MAX),
        ..Aligned::<3>::default()
    };
    aligned.rows.try_push(row).unwrap();
    aligned.rows.try_push(Padded { on: false, ..row }).unwrap();
    aligned.rows.pop();
    assert_eq!(through_everything(&aligned), aligned);
    aligned.wait.take();
    assert_eq!(through_everything(&aligned), aligned);
}

#[test]
fn a_region_that_nobody_wrote_is_left_as_it_is_by_recovery() {
    let words: Vec<AtomicU64> = (0..Shape::new(8).words())
        .map(|_| AtomicU64::new(0))
        .collect();
    let region = Region::new(Words::open(&words), 8, 1).expect("as many words");
    let recovered = recover(&region, 0, &u64::LAYOUT, &mut || None);
    assert_eq!(recovered.origin.source(), Source::Initial);
    assert!(words.iter().all(|word| word.load(Ordering::Relaxed) == 0));
}
