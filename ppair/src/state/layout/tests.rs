//! Also for Miri: nothing here makes a system call.

use core::marker::PhantomData;
use core::num::{NonZero, Wrapping};

use super::fingerprint::Target;
use super::{Field, Kind, Layout};
use crate::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(crate = crate)]
#[repr(C)]
struct Row {
    id: u16,
    ok: bool,
    letter: char,
}

#[derive(Clone, Copy, HardState)]
#[hard(crate = crate)]
#[repr(C)]
struct Table {
    len: u8,
    rows: [Row; 4],
    grid: [[bool; 2]; 2],
    total: u64,
    last: u8,
}

#[derive(Clone, Copy, HardState)]
#[hard(crate = crate)]
#[repr(C, packed)]
struct Packed {
    len: u8,
    total: u64,
    ok: bool,
}

#[derive(Clone, Copy, HardState)]
#[hard(crate = crate)]
#[repr(C, packed(2))]
struct PackedByTwo(u8, u64, u8, [u16; 2]);

#[derive(Clone, Copy, HardState)]
#[hard(crate = crate)]
#[repr(C, align(64))]
struct Aligned {
    byte: u8,
}

#[derive(Clone, Copy, HardState)]
#[hard(crate = crate)]
#[repr(transparent)]
struct Transparent(PhantomData<String>, u32, ());

#[derive(Clone, Copy, HardState)]
#[hard(crate = crate)]
#[repr(C)]
struct Empty;

#[derive(Clone, Copy, HardState)]
#[hard(crate = crate)]
#[repr(C)]
struct Generic<T, const N: usize> {
    items: [T; N],
    count: usize,
}

fn gaps(layout: &Layout) -> Vec<(usize, usize)> {
    let mut gaps = Vec::new();
    layout.gaps(&mut |gap| gaps.push((gap.start, gap.end)));
    gaps
}

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
fn a_struct_has_the_offsets_that_the_compiler_gave_to_its_fields() {
    let Kind::Struct { fields } = Table::LAYOUT.kind() else {
        panic!("a struct")
    };
    let found: Vec<_> = fields
        .iter()
        .map(|field| (field.name(), field.offset()))
        .collect();
    assert_eq!(
        found,
        [
            ("len", 0),
            ("rows", 4),
            ("grid", 36),
            ("total", 40),
            ("last", 48)
        ]
    );
    assert_eq!((Table::LAYOUT.size(), Table::LAYOUT.align()), (56, 8));
    assert_eq!(Table::LAYOUT.name(), "Table");
}

#[test]
fn gaps_are_those_that_one_counts_by_hand() {
    assert_eq!(gaps(&Row::LAYOUT), [(3, 4)]);
    assert_eq!(
        gaps(&Table::LAYOUT),
        [(1, 4), (7, 8), (15, 16), (23, 24), (31, 32), (49, 56)],
    );
    assert_eq!(gaps(&Packed::LAYOUT), []);
    assert_eq!(gaps(&PackedByTwo::LAYOUT), [(1, 2), (11, 12)]);
    assert_eq!(gaps(&Aligned::LAYOUT), [(1, 64)]);
    assert_eq!(gaps(&Transparent::LAYOUT), []);
    assert_eq!(gaps(&Empty::LAYOUT), []);
    assert_eq!(gaps(&<Generic<u8, 3>>::LAYOUT), [(3, 8)]);
    assert_eq!(gaps(&<Generic<Row, 0>>::LAYOUT), []);
    assert_eq!(gaps(&<[Row; 2]>::LAYOUT), [(3, 4), (11, 12)]);
}

#[test]
fn a_layout_is_padded_exactly_if_it_has_gaps() {
    let layouts = [
        u64::LAYOUT,
        Row::LAYOUT,
        Table::LAYOUT,
        Packed::LAYOUT,
        PackedByTwo::LAYOUT,
        Aligned::LAYOUT,
        Transparent::LAYOUT,
        Empty::LAYOUT,
        <Generic<u8, 8>>::LAYOUT,
        <Generic<Row, 1>>::LAYOUT,
        <[Row; 0]>::LAYOUT,
        <[Row; 1]>::LAYOUT,
    ];
    for layout in layouts {
        assert_eq!(layout.is_padded(), !gaps(&layout).is_empty(), "{layout}");
    }
}

#[test]
fn zeroing_the_gaps_leaves_everything_else_alone() {
    let mut bytes = vec![0xaa; Table::LAYOUT.size()];
    Table::LAYOUT.zero_gaps(&mut bytes);
    for (at, byte) in bytes.iter().enumerate() {
        let in_gap = gaps(&Table::LAYOUT)
            .iter()
            .any(|(start, end)| (*start..*end).contains(&at));
        assert_eq!(*byte, if in_gap { 0 } else { 0xaa }, "byte {at}");
    }
}

#[test]
fn zeroing_the_gaps_of_too_few_bytes_zeroes_those_that_are_there() {
    for len in 0..=Table::LAYOUT.size() {
        let mut bytes = vec![0xaa; len];
        Table::LAYOUT.zero_gaps(&mut bytes);
        let mut whole = vec![0xaa; Table::LAYOUT.size()];
        Table::LAYOUT.zero_gaps(&mut whole);
        assert_eq!(bytes, whole[..len]);
    }
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
    const ELEMENT: Layout = bool::LAYOUT;
    let lie = Layout {
        name: "Lie",
        size: 1,
        align: 1,
        kind: Kind::Array {
            len: usize::MAX,
            element: &ELEMENT,
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

#[test]
fn no_bytes_repeated_without_end_are_checked_at_once() {
    let layout = <[[bool; 0]; usize::MAX]>::LAYOUT;
    assert_eq!(layout.validate(&[]), Ok(()));
    assert!(!layout.is_padded());
    assert_eq!(gaps(&layout), []);
}

#[test]
fn any_bytes_are_values_only_without_bool_char_and_non_zero() {
    assert!(f64::LAYOUT.is_any_bytes());
    assert!(Aligned::LAYOUT.is_any_bytes());
    assert!(PackedByTwo::LAYOUT.is_any_bytes());
    assert!(<Wrapping<u8>>::LAYOUT.is_any_bytes());
    assert!(<[bool; 0]>::LAYOUT.is_any_bytes());
    assert!(!<[bool; 1]>::LAYOUT.is_any_bytes());
    assert!(!Row::LAYOUT.is_any_bytes());
    assert!(!Table::LAYOUT.is_any_bytes());
}

mod fingerprint {
    use super::{Field, HardState, Kind, Layout, Row, Table, Target};

    const HERE: Target = Target {
        big_endian: false,
        pointer_width: 64,
    };
    const FIELDS: &[Field] = &[
        Field::new("a", 0, u32::LAYOUT),
        Field::new("b", 4, u32::LAYOUT),
    ];

    const fn structure(name: &'static str, fields: &'static [Field]) -> Layout {
        Layout {
            name,
            size: 8,
            align: 4,
            kind: Kind::Struct { fields },
        }
    }

    #[test]
    fn stays_the_same_from_build_to_build() {
        // A stored checkpoint is recognised by this number: if it has to change, so has the format's version.
        assert_eq!(structure("S", FIELDS).fingerprint_on(HERE), FIXED);
    }

    const FIXED: u64 = 12_134_042_174_111_525_376;

    #[test]
    fn differs_by_everything_that_gives_the_bytes_a_meaning() {
        const RENAMED: &[Field] = &[
            Field::new("a", 0, u32::LAYOUT),
            Field::new("c", 4, u32::LAYOUT),
        ];
        const REORDERED: &[Field] = &[
            Field::new("b", 0, u32::LAYOUT),
            Field::new("a", 4, u32::LAYOUT),
        ];
        const LISTED_BACKWARDS: &[Field] = &[
            Field::new("b", 4, u32::LAYOUT),
            Field::new("a", 0, u32::LAYOUT),
        ];
        const MOVED: &[Field] = &[
            Field::new("a", 0, u32::LAYOUT),
            Field::new("b", 2, u32::LAYOUT),
        ];
        const RESIZED: &[Field] = &[
            Field::new("a", 0, u32::LAYOUT),
            Field::new("b", 4, u16::LAYOUT),
        ];
        const SIGNED: &[Field] = &[
            Field::new("a", 0, u32::LAYOUT),
            Field::new("b", 4, i32::LAYOUT),
        ];
        const FLOATING: &[Field] = &[
            Field::new("a", 0, u32::LAYOUT),
            Field::new("b", 4, f32::LAYOUT),
        ];
        const LETTERED: &[Field] = &[
            Field::new("a", 0, u32::LAYOUT),
            Field::new("b", 4, char::LAYOUT),
        ];
        const NESTED: &[Field] = &[
            Field::new("a", 0, u32::LAYOUT),
            Field::new("b", 4, <[u32; 1]>::LAYOUT),
        ];
        const SPLIT: &[Field] = &[
            Field::new("a", 0, u32::LAYOUT),
            Field::new("b", 4, <[u16; 2]>::LAYOUT),
        ];
        const REGROUPED: &[Field] = &[
            Field::new("ab", 0, u32::LAYOUT),
            Field::new("", 4, u32::LAYOUT),
        ];
        const FEWER: &[Field] = &[Field::new("a", 0, u32::LAYOUT)];

        let layout = structure("S", FIELDS);
        let mut found = vec![
            layout.fingerprint_on(HERE),
            layout.fingerprint_on(Target {
                big_endian: true,
                ..HERE
            }),
            layout.fingerprint_on(Target {
                pointer_width: 32,
                ..HERE
            }),
            structure("T", FIELDS).fingerprint_on(HERE),
            Layout { size: 12, ..layout }.fingerprint_on(HERE),
            Layout { align: 8, ..layout }.fingerprint_on(HERE),
        ];
        let changed = [
            RENAMED,
            REORDERED,
            LISTED_BACKWARDS,
            MOVED,
            RESIZED,
            SIGNED,
            FLOATING,
            LETTERED,
            NESTED,
            SPLIT,
            REGROUPED,
            FEWER,
        ];
        found.extend(
            changed
                .iter()
                .map(|fields| structure("S", fields).fingerprint_on(HERE)),
        );
        let count = found.len();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), count);
    }

    #[test]
    fn differs_by_kind_alone() {
        let kinds = [
            Kind::Unit,
            Kind::Int { signed: false },
            Kind::Int { signed: true },
            Kind::NonZero { signed: false },
            Kind::NonZero { signed: true },
            Kind::Float,
            Kind::Bool,
            Kind::Char,
            Kind::Array {
                len: 1,
                element: &Row::LAYOUT,
            },
            Kind::Array {
                len: 2,
                element: &Row::LAYOUT,
            },
            Kind::Array {
                len: 1,
                element: &Table::LAYOUT,
            },
            Kind::Struct { fields: &[] },
        ];
        let mut found: Vec<u64> = kinds
            .iter()
            .map(|kind| {
                Layout {
                    name: "S",
                    size: 4,
                    align: 4,
                    kind: *kind,
                }
                .fingerprint()
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), kinds.len());
    }

    #[test]
    fn is_that_of_the_target_it_runs_on() {
        let here = Target {
            big_endian: cfg!(target_endian = "big"),
            pointer_width: usize::BITS,
        };
        assert_eq!(
            Table::LAYOUT.fingerprint(),
            Table::LAYOUT.fingerprint_on(here)
        );
    }
}

#[test]
fn a_layout_prints_as_a_table_with_its_padding() {
    let expected = "\
Table: size 56, align 8
  offset    size  field           kind
       0       1  len             u8
       1       3                  padding
       4      32  rows            [Row; 4]
       4       2  rows[0].id      u16
       6       1  rows[0].ok      bool
       7       1                  padding
       8       4  rows[0].letter  char
      36       4  grid            [[bool; 2]; 2]
      40       8  total           u64
      48       1  last            u8
      49       7                  padding";
    assert_eq!(Table::LAYOUT.to_string(), expected);
    assert_eq!(u32::LAYOUT.to_string(), "u32: size 4, align 4");
    assert_eq!(
        <[bool; 3]>::LAYOUT.to_string(),
        "[bool; 3]: size 3, align 1"
    );
}

#[test]
fn raw_identifiers_lose_their_mark() {
    #[derive(Clone, Copy, HardState)]
    #[hard(crate = crate)]
    #[repr(C)]
    #[allow(non_camel_case_types, reason = "the name must be a keyword")]
    struct r#loop {
        r#type: u8,
    }
    let Kind::Struct { fields } = <r#loop>::LAYOUT.kind() else {
        panic!("a struct")
    };
    assert_eq!(
        (<r#loop>::LAYOUT.name(), fields[0].name()),
        ("loop", "type")
    );
}
