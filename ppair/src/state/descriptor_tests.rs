use super::*;
use crate::HardState;
use crate::state::layout::{Field, Variant};

const VARIANTS: &[Variant] = &[Variant::new("Idle", -1), Variant::new("Busy", 5)];
const MODE: Layout = Layout::enumeration("Mode", 1, 1, VARIANTS);
const NAME: Layout = Layout::text(6);
const MODES: Layout = Layout::vector(&MODE, 3);
const WAIT: Layout = Layout::maybe(&const { Layout::elapsed() });
const FIELDS: &[Field] = &[
    Field::new("mode", 0, MODE),
    Field::new("name", 4, NAME),
    Field::new("modes", 16, MODES),
    Field::new("wait", 24, WAIT),
    Field::new(
        "grid",
        48,
        <[[Option<core::num::NonZeroU16>; 2]; 2]>::LAYOUT,
    ),
    Field::new("seen", 56, Layout::timestamp()),
    Field::new("letter", 72, char::LAYOUT),
    Field::new("on", 76, bool::LAYOUT),
];
const EVERYTHING: Layout = Layout::structure("Everything", 80, 8, FIELDS).versioned(3);

#[test]
fn a_descriptor_comes_back_from_the_bytes_of_its_layout() {
    let layouts = [
        EVERYTHING,
        MODE,
        NAME,
        WAIT,
        u128::LAYOUT,
        f32::LAYOUT,
        <()>::LAYOUT,
        core::num::NonZeroI8::LAYOUT,
        Layout::unchecked("Pod", 12, 4, Kind::Bytes),
    ];
    for layout in layouts {
        let decoded = Descriptor::decode(&layout.encode());
        assert_eq!(decoded, Ok(Descriptor::from(&layout)), "{layout}");
    }
}

#[test]
fn bytes_that_end_too_early_or_too_late_are_no_descriptor() {
    let mut bytes = EVERYTHING.encode();
    for length in 0..bytes.len() {
        let decoded = Descriptor::decode(&bytes[..length]);
        assert_eq!(decoded, Err(Undecodable::Damaged), "{length}");
    }
    bytes.push(0);
    assert_eq!(Descriptor::decode(&bytes), Err(Undecodable::Damaged));
}

#[test]
fn another_format_or_machine_is_said() {
    let bytes = u8::LAYOUT.encode();
    let mut other = bytes.clone();
    other[0] = 99;
    assert_eq!(Descriptor::decode(&other), Err(Undecodable::Format(99)));
    let mut other = bytes;
    other[4] ^= 1;
    let decoded = Descriptor::decode(&other);
    assert!(
        matches!(decoded, Err(Undecodable::Target(_))),
        "{decoded:?}"
    );
}

#[test]
fn types_nested_without_end_are_refused_and_not_followed() {
    let mut bytes = u8::LAYOUT.encode();
    let head = bytes.split_off(9);
    // A chain of arrays of one element each, as an attacker would write it.
    let array = [
        &0_u64.to_le_bytes()[..],
        &0_u32.to_le_bytes(),
        &1_u64.to_le_bytes(),
        &1_u64.to_le_bytes(),
        &[6],
        &1_u64.to_le_bytes(),
    ]
    .concat();
    for depth in [10, 63, 64, 100_000] {
        let nested = [&bytes[..], &array.repeat(depth), &head].concat();
        assert_eq!(Descriptor::decode(&nested).is_ok(), depth < 64, "{depth}");
    }
}

#[test]
fn parts_that_lie_outside_of_their_whole_are_refused() {
    const OUTSIDE: &[Field] = &[Field::new("far", 8, u64::LAYOUT)];
    const BEYOND: &[Field] = &[Field::new("far", usize::MAX, u64::LAYOUT)];
    let lies = [
        Layout::unchecked("Lie", 8, 8, Kind::Struct { fields: OUTSIDE }),
        Layout::unchecked("Lie", 8, 8, Kind::Struct { fields: BEYOND }),
        Layout::unchecked("Lie", 8, 8, Kind::Text { capacity: 5 }),
        Layout::unchecked(
            "Lie",
            8,
            8,
            Kind::Text {
                capacity: usize::MAX,
            },
        ),
        Layout::unchecked(
            "Lie",
            8,
            8,
            Kind::Vector {
                capacity: usize::MAX / 2,
                element: &MODES,
            },
        ),
        Layout::unchecked(
            "Lie",
            8,
            8,
            Kind::Maybe {
                value: &const { u64::LAYOUT },
            },
        ),
        Layout::unchecked(
            "Lie",
            8,
            8,
            Kind::Array {
                len: 9,
                element: &MODE,
            },
        ),
        Layout::unchecked("Lie", 8, 3, Kind::Bytes),
        Layout::unchecked("Lie", 8, 8, Kind::Char),
        Layout::unchecked("Lie", 8, 8, Kind::Elapsed),
        Layout::unchecked("Lie", 3, 1, Kind::Int { signed: false }),
    ];
    for lie in lies {
        assert_eq!(
            Descriptor::decode(&lie.encode()),
            Err(Undecodable::Damaged),
            "{lie:?}"
        );
    }
}

#[test]
fn the_table_shows_the_types_of_ppairs_own_with_their_padding() {
    let expected = "\
Everything version 3: size 80, align 8
  offset  size  field   kind
       0     1  mode    Mode
       1     3          padding
       4    12  name    Text<6>
      14     2          padding
      16     8  modes   Vector<Mode, 3>
      23     1          padding
      24    24  wait    Maybe<Elapsed>
      25     7          padding
      44     4          padding
      48     8  grid    [[Option<NonZero<u16>>; 2]; 2]
      56    16  seen    Timestamp
      68     4          padding
      72     4  letter  char
      76     1  on      bool
      77     3          padding";
    assert_eq!(EVERYTHING.to_string(), expected);
    let mut gaps = Vec::new();
    EVERYTHING.gaps(&mut |gap| gaps.push((gap.start, gap.len())));
    let shown: Vec<_> = Descriptor::from(&EVERYTHING)
        .rows()
        .into_iter()
        .filter(|row| row.kind == "padding")
        .map(|row| (row.offset, row.size))
        .collect();
    assert_eq!(shown, gaps);
}

#[test]
fn names_of_any_length_are_shown_in_a_text_that_can_be_read() {
    let name: &'static str = Box::leak("nämé".repeat(20_000).into_boxed_str());
    let fields: Vec<Field> = (0..3000)
        .map(|at| Field::new(name, at, u8::LAYOUT))
        .collect();
    let inner = Layout::structure(name, 3000, 1, Box::leak(fields.into_boxed_slice()));
    let outer = Box::leak(Box::new([Field::new(name, 0, inner)]));
    let layout = Layout::structure(name, 3000, 1, outer);
    let descriptor = Descriptor::from(&layout);
    assert_eq!(
        Descriptor::decode(&layout.encode()).as_ref(),
        Ok(&descriptor)
    );
    assert!(descriptor.to_string().len() < 2_000_000);
    let differences = crate::Differences::between(&descriptor, &(&EVERYTHING).into());
    assert!(differences.to_string().len() < 4_000_000);
    assert!(descriptor.head().len() < 2000);
}
