//! Bytes from elsewhere: all that are no value are found, and none makes it panic.

use core::num::NonZero;

use super::super::{Field, Kind, Layout, Variant};
use super::{Empty, Packed, Row, Table};
use crate::HardState;

fn invalid(layout: &Layout, bytes: &[u8]) -> String {
    layout
        .validate(bytes)
        .expect_err("these bytes are no value")
        .to_string()
}

/// All bytes zero is a value of `Table`: its letters are all NUL.
fn table() -> Vec<u8> {
    vec![0; Table::LAYOUT.size()]
}

#[test]
fn every_byte_but_0_and_1_is_refused_as_a_bool() {
    for byte in 0..=u8::MAX {
        assert_eq!(bool::LAYOUT.validate(&[byte]).is_ok(), byte <= 1, "{byte}");
    }
    assert_eq!(
        invalid(&bool::LAYOUT, &[2]),
        "expected a bool (0 or 1), found 0x02"
    );
}

#[test]
fn surrogates_and_numbers_beyond_unicode_are_refused_as_a_char() {
    for number in [0, 0x41, 0xd7ff, 0xe000, 0x10_ffff] {
        assert_eq!(
            char::LAYOUT.validate(&u32::to_ne_bytes(number)),
            Ok(()),
            "{number:#x}"
        );
    }
    for number in [
        0xd800,
        0xdbff,
        0xdc00,
        0xdfff,
        0x11_0000,
        0x4100_0000,
        u32::MAX,
    ] {
        assert!(
            char::LAYOUT.validate(&number.to_ne_bytes()).is_err(),
            "{number:#x}"
        );
    }
    assert_eq!(
        invalid(&char::LAYOUT, &0x0000_d800_u32.to_ne_bytes()),
        "expected a char (a Unicode scalar value), found 0x0000d800",
    );
}

#[test]
fn zero_is_refused_as_a_non_zero_and_is_none_of_its_option() {
    type Number = NonZero<u16>;
    assert_eq!(Number::LAYOUT.validate(&[0, 1]), Ok(()));
    assert_eq!(
        invalid(&Number::LAYOUT, &[0, 0]),
        "expected a number other than zero, found 0"
    );
    assert_eq!(<Option<Number>>::LAYOUT.validate(&[0, 0]), Ok(()));
    assert!(!Number::LAYOUT.is_any_bytes());
    assert!(<Option<Number>>::LAYOUT.is_any_bytes());
}

#[test]
fn what_is_invalid_is_named_by_its_path() {
    let mut bytes = table();
    assert_eq!(Table::LAYOUT.validate(&bytes), Ok(()));
    bytes[4 + 3 * 8 + 2] = 7;
    let error = Table::LAYOUT.validate(&bytes).expect_err("7 is no bool");
    assert_eq!(error.path(), "rows[3].ok");
    assert_eq!(error.expected(), "a bool (0 or 1)");
    assert_eq!(error.found(), "0x07");
    assert_eq!(
        error.to_string(),
        "`rows[3].ok`: expected a bool (0 or 1), found 0x07"
    );

    let mut bytes = table();
    bytes[36 + 3] = 2;
    assert_eq!(
        invalid(&Table::LAYOUT, &bytes),
        "`grid[1][1]`: expected a bool (0 or 1), found 0x02"
    );

    let layout = <[Row; 2]>::LAYOUT;
    let mut bytes = vec![0; layout.size()];
    bytes[8 + 7] = 1;
    let error = layout
        .validate(&bytes)
        .expect_err("a number beyond Unicode");
    if cfg!(target_endian = "little") {
        assert_eq!(error.path(), "[1].letter");
    }
}

#[test]
fn each_bad_byte_of_a_struct_is_found_and_padding_is_not() {
    for at in 0..Table::LAYOUT.size() {
        let mut bytes = table();
        bytes[at] = 0xff;
        let row = at.checked_sub(4).filter(|at| *at < 32).map(|at| at % 8);
        let is_bool = row == Some(2) || (36..40).contains(&at);
        // Of a letter 0xff is too much, except in its last byte.
        let is_letter =
            matches!(row, Some(4..8)) && char::LAYOUT.validate(&bytes[at & !3..][..4]).is_err();
        assert_eq!(
            Table::LAYOUT.validate(&bytes).is_err(),
            is_bool || is_letter,
            "byte {at}"
        );
    }
}

#[test]
fn bytes_of_any_other_length_are_refused_without_a_panic() {
    let layouts = [
        u64::LAYOUT,
        bool::LAYOUT,
        char::LAYOUT,
        <NonZero<u8>>::LAYOUT,
        <()>::LAYOUT,
        <[bool; 3]>::LAYOUT,
        Table::LAYOUT,
        Packed::LAYOUT,
        Empty::LAYOUT,
    ];
    let bytes = [0xff; 128];
    for layout in layouts {
        for len in (0..bytes.len()).filter(|len| *len != layout.size()) {
            assert!(
                layout.validate(&bytes[..len]).is_err(),
                "{len} bytes of {layout}"
            );
        }
    }
    assert_eq!(
        invalid(&u16::LAYOUT, &[1]),
        "expected 2 bytes, found 1 byte"
    );
}

#[test]
fn pseudo_random_bytes_never_panic() {
    // A generator of Marsaglia's: it needs to be no better than this.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()[3]
    };
    let rounds = if cfg!(miri) { 20 } else { 20_000 };
    let mut accepted = 0;
    for _ in 0..rounds {
        let bytes: [u8; 10] = core::array::from_fn(|_| next());
        accepted += u32::from(Packed::LAYOUT.validate(&bytes).is_ok());
        assert_eq!(Packed::LAYOUT.validate(&bytes).is_ok(), bytes[9] <= 1);
        let _ = Row::LAYOUT.validate(&bytes[..8]);
    }
    assert!(cfg!(miri) || accepted > 0);
}

#[test]
fn a_layout_that_lies_about_its_fields_does_not_make_validation_panic() {
    const FIELDS: &[Field] = &[
        Field::new("far", usize::MAX, bool::LAYOUT),
        Field::new("wide", 0, <[u64; 99]>::LAYOUT),
    ];
    let lie = Layout::unchecked("Lie", 2, 1, Kind::Struct { fields: FIELDS });
    assert_eq!(
        invalid(&lie, &[1, 1]),
        "`far`: expected 1 byte, found 0 bytes"
    );
    let lie = Layout::unchecked(
        "Lie",
        1,
        1,
        Kind::Array {
            len: usize::MAX,
            element: const { &bool::LAYOUT },
        },
    );
    assert_eq!(invalid(&lie, &[1]), "`[1]`: expected 1 byte, found 0 bytes");
    let lie = Layout::unchecked("Lie", 9, 1, Kind::Char);
    assert!(lie.validate(&[0; 9]).is_err());
    let lie = Layout::unchecked("Lie", 0, 1, Kind::Bool);
    assert!(lie.validate(&[]).is_err());
    let element = const { &bool::LAYOUT };
    let kinds = [
        Kind::Text { capacity: 9 },
        Kind::Vector {
            capacity: usize::MAX,
            element,
        },
        Kind::Maybe { value: element },
        Kind::Elapsed,
        Kind::Timestamp,
        Kind::Enum {
            signed: true,
            variants: &[],
        },
    ];
    for kind in kinds {
        for size in 0..24 {
            let lie = Layout::unchecked("Lie", size, 1, kind);
            for byte in [0, 1, 3, 0xff] {
                let _ = lie.validate(&vec![byte; size]);
            }
        }
    }
}

#[test]
fn a_text_is_as_long_as_it_can_be_and_utf_8() {
    let layout = Layout::text(6);
    let bytes = |length: u32, text: &[u8; 8]| [&length.to_ne_bytes(), &text[..]].concat();
    assert_eq!(layout.size(), 12);
    assert_eq!(layout.validate(&bytes(6, b"abcdef\xff\xff")), Ok(()));
    // What stands behind the length is not part of the text.
    assert_eq!(
        layout.validate(&bytes(2, b"ab\xff\xff\xff\xff\0\0")),
        Ok(())
    );
    assert_eq!(
        invalid(&layout, &bytes(7, b"abcdefgh")),
        "expected a length of at most 6, found 7"
    );
    assert_eq!(
        invalid(&layout, &bytes(3, b"ab\xffdefgh")),
        "expected UTF-8, found 0xff at byte 2"
    );
}

#[test]
fn only_the_elements_that_count_have_to_be_valid() {
    let layout = Layout::vector(const { &Row::LAYOUT }, 3);
    assert_eq!((layout.size(), layout.align()), (28, 4));
    let mut bytes = vec![0; layout.size()];
    // The `ok` of the second row.
    bytes[4 + 8 + 2] = 7;
    bytes[0] = 1;
    assert_eq!(layout.validate(&bytes), Ok(()));
    bytes[0] = 2;
    assert_eq!(
        invalid(&layout, &bytes),
        "`[1].ok`: expected a bool (0 or 1), found 0x07"
    );
}

#[test]
fn a_value_has_to_be_valid_only_where_there_is_one() {
    let layout = Layout::maybe(const { &Row::LAYOUT });
    assert_eq!((layout.size(), layout.align()), (12, 4));
    let mut bytes = vec![0xff; layout.size()];
    bytes[0] = 0;
    assert_eq!(layout.validate(&bytes), Ok(()));
    bytes[0] = 1;
    assert_eq!(
        invalid(&layout, &bytes),
        "`ok`: expected a bool (0 or 1), found 0xff"
    );
    bytes[0] = 2;
    assert_eq!(
        invalid(&layout, &bytes),
        "expected 0 (no value) or 1 (a value), found 0x02"
    );
}

#[test]
fn a_second_has_less_than_a_billion_nanoseconds() {
    for layout in [Layout::elapsed(), Layout::timestamp()] {
        let bytes = |nanos: u32| {
            let mut bytes = [0xff; 16];
            bytes[8..12].copy_from_slice(&nanos.to_ne_bytes());
            bytes
        };
        assert_eq!(layout.validate(&bytes(999_999_999)), Ok(()));
        assert_eq!(
            invalid(&layout, &bytes(1_000_000_000)),
            "expected nanoseconds below a second, found 1000000000"
        );
    }
}

#[test]
fn only_the_numbers_of_its_variants_are_an_enum() {
    const VARIANTS: &[Variant] = &[Variant::new("Low", -3), Variant::new("High", 300)];
    let layout = Layout::enumeration("Level", 2, 2, VARIANTS);
    for number in i16::MIN..=i16::MAX {
        let is_valid = layout.validate(&number.to_ne_bytes()).is_ok();
        assert_eq!(is_valid, number == -3 || number == 300, "{number}");
    }
    assert_eq!(
        invalid(&layout, &(-4_i16).to_ne_bytes()),
        "expected one of the enum's variants (Low, High), found -4"
    );
}
