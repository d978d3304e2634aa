//! Also for Miri: nothing here makes a system call.

use core::marker::PhantomData;
use core::num::Wrapping;

use super::{Field, Kind, Layout};
use crate::HardState;

mod fingerprint;
mod validate;

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
fn fields_that_are_not_where_repr_c_puts_them_are_refused() {
    const A: Field = Field::new("a", 0, u8::LAYOUT);
    let refused: [(usize, usize, &'static [Field]); 8] = [
        (8, 4, const { &[A, Field::new("late", 8, u32::LAYOUT)] }),
        (8, 4, const { &[Field::new("second", 4, u32::LAYOUT), A] }),
        (4, 4, const { &[A, Field::new("overlap", 0, u32::LAYOUT)] }),
        (
            8,
            4,
            const { &[A, Field::new("unaligned", 1, u32::LAYOUT)] },
        ),
        (
            12,
            4,
            const { &[A, Field::new("too large", 4, u32::LAYOUT)] },
        ),
        (
            4,
            4,
            const { &[A, Field::new("too small", 4, u32::LAYOUT)] },
        ),
        (1, 1, const { &[A, Field::new("outside", 2, <()>::LAYOUT)] }),
        (8192, 8192, const { &[A] }),
    ];
    for (size, align, fields) in refused {
        let structure = std::panic::catch_unwind(|| Layout::structure("S", size, align, fields));
        assert!(structure.is_err(), "{structure:?}");
    }
    let accepted: [(usize, usize, &'static [Field]); 3] = [
        (8, 4, const { &[A, Field::new("b", 4, u32::LAYOUT)] }),
        (5, 1, const { &[A, Field::new("packed", 1, u32::LAYOUT)] }),
        (
            6,
            2,
            const { &[A, Field::new("packed by two", 2, u32::LAYOUT)] },
        ),
    ];
    for (size, align, fields) in accepted {
        assert_eq!(Layout::structure("S", size, align, fields).size(), size);
    }
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
    assert_eq!(gaps(&<Generic<Row, 1>>::LAYOUT), [(3, 4)]);
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

#[test]
fn a_layout_prints_as_a_table_with_its_padding() {
    let expected = "\
Table: size 56, align 8
  offset  size  field           kind
       0     1  len             u8
       1     3                  padding
       4    32  rows            [Row; 4]
       4     2  rows[0].id      u16
       6     1  rows[0].ok      bool
       7     1                  padding
       8     4  rows[0].letter  char
      36     4  grid            [[bool; 2]; 2]
      40     8  total           u64
      48     1  last            u8
      49     7                  padding";
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

#[test]
fn a_kind_with_parts_is_no_scalar() {
    const BYTE: &Layout = &u8::LAYOUT;
    let with_parts = [
        Kind::Array {
            len: usize::MAX,
            element: BYTE,
        },
        Kind::Struct { fields: &[] },
        Kind::Enum {
            signed: false,
            variants: &[],
        },
        Kind::Text {
            capacity: usize::MAX,
        },
        Kind::Vector {
            capacity: usize::MAX,
            element: BYTE,
        },
        Kind::Maybe { value: BYTE },
        Kind::Elapsed,
        Kind::Timestamp,
    ];
    for kind in with_parts {
        assert!(
            std::panic::catch_unwind(|| Layout::scalar("S", 8, 4, kind)).is_err(),
            "{kind:?}"
        );
    }
    for align in [0, 3, 8192] {
        assert!(
            std::panic::catch_unwind(|| Layout::scalar("S", 8, align, Kind::Bytes)).is_err(),
            "{align}"
        );
    }
}
