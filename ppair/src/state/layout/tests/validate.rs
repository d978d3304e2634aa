//! Bytes from elsewhere: all that are no value are found, and none makes it panic.

use core::num::NonZero;

use super::super::{Field, Kind, Layout};
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
    let lie = Layout {
        name: "Lie",
        size: 2,
        align: 1,
        kind: Kind::Struct { fields: FIELDS },
    };
    assert_eq!(
        invalid(&lie, &[1, 1]),
        "`far`: expected 1 byte, found 0 bytes"
    );
    let lie = Layout {
        name: "Lie",
        size: 1,
        align: 1,
        kind: Kind::Array {
            len: usize::MAX,
            element: const { &bool::LAYOUT },
        },
    };
    assert_eq!(invalid(&lie, &[1]), "`[1]`: expected 1 byte, found 0 bytes");
    let lie = Layout {
        name: "Lie",
        size: 9,
        align: 1,
        kind: Kind::Char,
    };
    assert!(lie.validate(&[0; 9]).is_err());
    let lie = Layout {
        name: "Lie",
        size: 0,
        align: 1,
        kind: Kind::Bool,
    };
    assert!(lie.validate(&[]).is_err());
}
