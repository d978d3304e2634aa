//! Two programs agree on a fingerprint exactly if they mean the same by the same bytes.

use super::super::encode::Target;
use super::super::{Field, Kind, Layout};
use super::{Row, Table};
use crate::HardState;

const HERE: Target = Target {
    big_endian: false,
    pointer_width: 64,
};
const FIELDS: &[Field] = &[
    Field::new("a", 0, u32::LAYOUT),
    Field::new("b", 4, u32::LAYOUT),
];

const fn structure(name: &'static str, fields: &'static [Field]) -> Layout {
    Layout::unchecked(name, 8, 4, Kind::Struct { fields })
}

#[test]
fn stays_the_same_from_build_to_build() {
    // A stored checkpoint is recognised by this number: if it has to change, so has the format's version.
    assert_eq!(structure("S", FIELDS).fingerprint_on(HERE), FIXED);
}

const FIXED: u64 = 1_222_463_439_397_790_083;

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
        .map(|kind| Layout::unchecked("S", 4, 4, *kind).fingerprint())
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
