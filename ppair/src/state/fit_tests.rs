use super::*;
use crate::HardState;
use crate::state::layout::{Default, Field, Kind, Predecessor, Variant};
use crate::state::stored::Stored;

const U32: Layout = u32::LAYOUT;
const U64: Layout = u64::LAYOUT;

const OLD: Layout = Layout::structure(
    "State",
    16,
    8,
    &[
        Field::new("next", 0, U32),
        Field::new("on", 4, bool::LAYOUT),
        Field::new("hits", 8, U64),
    ],
);

fn old_bytes() -> Vec<u8> {
    [
        &7_u32.to_ne_bytes()[..],
        &[1, 0, 0, 0],
        &9_u64.to_ne_bytes(),
    ]
    .concat()
}

fn ones(bytes: &mut [u8]) {
    bytes.fill(1);
}

fn take_over(layout: &'static Layout) -> Result<Vec<u8>, String> {
    let fit = Fit::of(&(&OLD).into(), layout).map_err(|rejection| rejection.cause().to_string())?;
    fit.apply(&old_bytes(), &ones)
        .map_err(|invalid| invalid.to_string())
}

fn part(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_ne_bytes(word)
}

#[test]
fn the_same_layout_takes_the_bytes_as_they_are() {
    assert_eq!(take_over(&OLD), Ok(old_bytes()));
    assert!(Fit::of(&(&OLD).into(), &OLD).unwrap().is_unchanged());
}

#[test]
fn only_what_says_its_earlier_names_is_taken_under_another_name() {
    const FIELDS: &[Field] = &[
        Field::new("number", 0, U32).formerly(&["count", "next"]),
        Field::new("on", 4, bool::LAYOUT),
        Field::new("hits", 8, U64),
    ];
    static NEW: Layout = Layout::structure("Progress", 16, 8, FIELDS).formerly(&["State"]);
    static SILENT: Layout = Layout::structure("Progress", 16, 8, FIELDS);
    static FIELD_SILENT: Layout = Layout::structure(
        "State",
        16,
        8,
        &[
            Field::new("number", 0, U32),
            Field::new("on", 4, bool::LAYOUT),
            Field::new("hits", 8, U64),
        ],
    );
    let fit = Fit::of(&(&OLD).into(), &NEW).unwrap();
    assert!(fit.is_unchanged());
    assert_eq!(fit.renamed(), ["next -> number"]);
    assert_eq!(take_over(&NEW), Ok(old_bytes()));
    assert!(
        take_over(&SILENT)
            .unwrap_err()
            .starts_with("a `State` is stored, and this program has a `Progress`")
    );
    assert!(
        take_over(&FIELD_SILENT)
            .unwrap_err()
            .starts_with("its fields are others")
    );
}

#[test]
fn fields_that_swapped_their_names_are_never_taken_for_each_other() {
    const STORED: Layout = Layout::structure(
        "Swap",
        8,
        4,
        &[Field::new("a", 0, U32), Field::new("b", 4, U32)],
    );
    const B: Field = Field::new("b", 0, U32).formerly(&["a"]);
    const A: Field = Field::new("a", 4, U32).formerly(&["b"]);
    static SWAPPED: Layout = Layout::structure("Swap", 8, 4, &[B, A]).evolving();
    static WITH_MORE: Layout =
        Layout::structure("Swap", 12, 4, &[B, A, Field::new("c", 8, U32)]).evolving();
    static FIXED: Layout = Layout::structure("Swap", 8, 4, &[B, A]);
    let bytes: Vec<u8> = [1_u32, 2]
        .iter()
        .flat_map(|word| word.to_ne_bytes())
        .collect();
    // The same rule whether anything else has changed: `a` is `a`.
    for new in [&SWAPPED, &WITH_MORE] {
        let fit = Fit::of(&(&STORED).into(), new).unwrap();
        let taken = fit.apply(&bytes, &ones).unwrap();
        assert_eq!((taken[0], taken[4]), (2, 1));
    }
    assert!(Fit::of(&(&STORED).into(), &FIXED).is_err());
}

#[test]
fn a_type_that_evolves_takes_what_is_equal_in_name_and_kind() {
    const FIELDS: &[Field] = &[
        Field::new("hits", 0, U64),
        Field::new("errors", 8, U64),
        Field::new("limit", 16, U64).or(Default(|bytes| {
            bytes.copy_from_slice(&500_u64.to_ne_bytes());
        })),
        Field::new("next", 24, U64),
    ];
    static NEW: Layout = Layout::structure("State", 32, 8, FIELDS).evolving();
    static FIXED: Layout = Layout::structure("State", 32, 8, FIELDS);
    let fit = Fit::of(&(&OLD).into(), &NEW).unwrap();
    assert_eq!(fit.added(), ["errors", "limit"]);
    assert_eq!(fit.dropped(), ["next (u32)", "on (bool)"]);
    let bytes = fit.apply(&old_bytes(), &ones).unwrap();
    let initial = u64::from_ne_bytes([1; 8]);
    assert_eq!(
        [0, 8, 16, 24].map(|at| part(&bytes, at)),
        [9, initial, 500, initial]
    );
    assert!(
        take_over(&FIXED)
            .unwrap_err()
            .starts_with("its fields are others")
    );
}

#[test]
fn another_version_is_another_meaning_even_if_everything_else_is_equal() {
    static NEW: Layout = match OLD.kind() {
        Kind::Struct { fields } => Layout::structure("State", 16, 8, fields)
            .versioned(2)
            .evolving(),
        _ => OLD,
    };
    assert!(
        take_over(&NEW)
            .unwrap_err()
            .starts_with("version 0 is stored, and this program has version 2")
    );
}

/// A step that adds one to the first number, so that each one shows.
fn one_more(old: &[u8], new: &mut [u8]) {
    new[..16].copy_from_slice(old);
    new[0] += 1;
}

#[test]
fn what_fits_an_earlier_type_goes_through_every_migration_behind_it() {
    const FIELDS: &[Field] = match OLD.kind() {
        Kind::Struct { fields } => fields,
        _ => &[],
    };
    static FIRST: Layout = Layout::structure("First", 16, 8, FIELDS).formerly(&["State"]);
    static SECOND: Layout = Layout::structure("Second", 16, 8, FIELDS)
        .versioned(1)
        .migrating(Predecessor {
            layout: &FIRST,
            migrate: one_more,
        });
    static THIRD: Layout = Layout::structure("State", 16, 8, FIELDS)
        .versioned(2)
        .migrating(Predecessor {
            layout: &SECOND,
            migrate: one_more,
        });
    let fit = Fit::of(&(&OLD).into(), &THIRD).unwrap();
    assert_eq!(fit.migrations(), 2);
    assert_eq!(fit.apply(&old_bytes(), &ones).unwrap()[0], 7 + 2);
    assert!(takes(&THIRD, "Second") && takes(&THIRD, "First") && !takes(&THIRD, "Fourth"));
}

#[test]
fn a_value_that_its_type_does_not_have_is_refused_by_its_path() {
    let mut bytes = old_bytes();
    bytes[4] = 2;
    let fit = Fit::of(&(&OLD).into(), &OLD).unwrap();
    let invalid = fit.apply(&bytes, &ones).unwrap_err();
    assert_eq!(invalid.path(), "on");
}

const LOW: Layout = Layout::enumeration(
    "Level",
    1,
    1,
    &[
        Variant::new("Low", -1),
        Variant::new("High", 1),
        Variant::new("Odd", 3),
    ],
);

#[test]
fn an_enum_that_evolves_keeps_its_variants_by_name() {
    static NEW: Layout = Layout::enumeration(
        "Level",
        2,
        2,
        &[
            Variant::new("High", 700),
            Variant::new("Bottom", 2).formerly(&["Low"]),
        ],
    )
    .evolving();
    let fit = Fit::of(&(&LOW).into(), &NEW).unwrap();
    let map = |byte: i8| {
        fit.apply(&byte.to_ne_bytes(), &ones)
            .map(|bytes| u16::from_ne_bytes([bytes[0], bytes[1]]))
    };
    assert_eq!((map(-1), map(1)), (Ok(2), Ok(700)));
    assert_eq!(fit.renamed(), ["Low -> Bottom"]);
    let gone = map(3).unwrap_err().to_string();
    assert_eq!(
        gone,
        "expected one of the enum's variants, found `Odd`, which is none any more"
    );
}

const OLD_ROW: Layout = Layout::structure("Row", 4, 4, &[Field::new("id", 0, U32)]);
const NEW_ROW: Layout = Layout::structure(
    "Row",
    16,
    8,
    &[
        Field::new("hits", 0, U64).or(Default(|bytes| bytes.copy_from_slice(&5_u64.to_ne_bytes()))),
        Field::new("id", 8, U32),
    ],
)
.evolving();

/// The words at these places, as far as they were ever written.
fn words<const N: usize>(bytes: &[u8], places: [usize; N]) -> [u64; N] {
    places.map(|at| part(bytes, at) & 0xffff_ffff)
}

#[test]
fn what_evolves_inside_of_a_vector_is_taken_over_element_by_element() {
    static OLD: Layout = Layout::vector(&OLD_ROW, 2);
    static NEW: Layout = Layout::vector(&NEW_ROW, 2);
    static LARGER: Layout = Layout::vector(&NEW_ROW, 3);
    let bytes: Vec<u8> = [2_u32, 10, 11]
        .iter()
        .flat_map(|word| word.to_ne_bytes())
        .collect();
    let fit = Fit::of(&(&OLD).into(), &NEW).unwrap();
    let new = fit.apply(&bytes, &|bytes| bytes.fill(0)).unwrap();
    assert_eq!(words(&new, [8, 16, 24, 32]), [5, 10, 5, 11]);
    assert_eq!(fit.added(), ["[].hits"]);
    // More room is a change of the struct around it, which has to say that it evolves.
    assert!(Fit::of(&(&OLD).into(), &LARGER).is_err());
}

#[test]
fn what_evolves_inside_of_an_array_is_taken_over_element_by_element() {
    static OLD: Layout = Layout::array(&OLD_ROW, 2);
    static NEW: Layout = Layout::array(&NEW_ROW, 2);
    let bytes: Vec<u8> = [10_u32, 11]
        .iter()
        .flat_map(|word| word.to_ne_bytes())
        .collect();
    let fit = Fit::of(&(&OLD).into(), &NEW).unwrap();
    let new = fit.apply(&bytes, &ones).unwrap();
    assert_eq!(words(&new, [0, 8, 16, 24]), [5, 10, 5, 11]);
}

#[test]
fn what_evolves_inside_of_an_option_is_taken_over_if_it_is_there() {
    static OLD: Layout = Layout::maybe(&OLD_ROW);
    static NEW: Layout = Layout::maybe(&NEW_ROW);
    let fit = Fit::of(&(&OLD).into(), &NEW).unwrap();
    let some: Vec<u8> = [&[1, 0, 0, 0][..], &10_u32.to_ne_bytes()].concat();
    let new = fit.apply(&some, &|bytes| bytes.fill(0)).unwrap();
    assert_eq!(words(&new, [8, 16]), [5, 10]);
    let none = fit.apply(&[0; 8], &|bytes| bytes.fill(0)).unwrap();
    assert_eq!(none, [0; 24]);
}

#[test]
fn texts_and_vectors_have_more_room_in_a_struct_that_evolves_and_never_less() {
    static LARGE: Layout =
        Layout::structure("S", 12, 4, &[Field::new("name", 0, Layout::text(8))]).evolving();
    static SMALL: Layout =
        Layout::structure("S", 8, 4, &[Field::new("name", 0, Layout::text(4))]).evolving();
    let bytes = [&2_u32.to_ne_bytes()[..], b"ab\0\0"].concat();
    let fit = Fit::of(&(&SMALL).into(), &LARGE).unwrap();
    assert_eq!((fit.dropped(), fit.added()), (&[][..], &[][..]));
    assert_eq!(fit.apply(&bytes, &ones).unwrap()[..6], bytes[..6]);
    let fit = Fit::of(&(&LARGE).into(), &SMALL).unwrap();
    assert_eq!(fit.dropped(), ["name (Text<8>)"]);
}

#[test]
fn a_new_field_inside_of_a_vector_needs_a_default() {
    const OLD_ROW: Layout = Layout::structure("Row", 4, 4, &[Field::new("id", 0, U32)]);
    const NEW_ROW: Layout = Layout::structure(
        "Row",
        8,
        4,
        &[Field::new("id", 0, U32), Field::new("hits", 4, U32)],
    )
    .evolving();
    static OLD_ROWS: Layout = Layout::vector(&OLD_ROW, 2);
    static NEW_ROWS: Layout = Layout::vector(&NEW_ROW, 2);
    let rejection = Fit::of(&(&OLD_ROWS).into(), &NEW_ROWS).unwrap_err();
    assert!(
        rejection
            .cause()
            .to_string()
            .starts_with("nothing is stored for `[].hits`"),
        "{rejection}"
    );
}

#[test]
fn a_rejection_shows_a_table_of_what_differs() {
    static NEW: Layout = Layout::structure(
        "State",
        16,
        8,
        &[
            Field::new("next", 0, U64),
            Field::new("level", 8, LOW),
            Field::new("on", 9, bool::LAYOUT),
        ],
    )
    .versioned(2);
    let rejection = Fit::of(&(&OLD).into(), &NEW).unwrap_err();
    let expected = "\
the stored checkpoint cannot be taken over: version 0 is stored, and this program has version 2; keep the type of version 0 and say \
`#[hard(migrate_from = ..)]`
  field   was                      is
  (type)  State, size 16, align 8  State version 2, size 16, align 8
  next    u32 at 0                 u64 at 0
  level   -                        Level (Low = -1, High = 1, Odd = 3) at 8
  on      bool at 4                bool at 9
  hits    u64 at 8                 -";
    assert_eq!(rejection.to_string(), expected);
}

#[test]
fn a_field_whose_type_has_a_migration_of_its_own_is_migrated() {
    static FIRST: Layout = Layout::structure("Row", 4, 4, &[Field::new("id", 0, U32)]);
    const SECOND: Layout = Layout::structure("Row", 8, 8, &[Field::new("id", 0, U64)])
        .versioned(1)
        .migrating(Predecessor {
            layout: &FIRST,
            migrate: |old, new| new.copy_from_slice(&u64::from(old[0] + 1).to_ne_bytes()),
        });
    static OLD_TABLE: Layout = Layout::structure(
        "Table",
        8,
        4,
        &[Field::new("rows", 0, Layout::array(&FIRST, 2))],
    );
    static NEW_TABLE: Layout = Layout::structure(
        "Table",
        16,
        8,
        &[Field::new("rows", 0, Layout::array(&SECOND, 2))],
    );
    let fit = Fit::of(&(&OLD_TABLE).into(), &NEW_TABLE).unwrap();
    let bytes: Vec<u8> = [3_u32, 4]
        .iter()
        .flat_map(|word| word.to_ne_bytes())
        .collect();
    let new = fit.apply(&bytes, &ones).unwrap();
    assert_eq!([part(&new, 0), part(&new, 8)], [4, 5]);
}

#[test]
fn a_stored_checkpoint_of_another_name_is_nobodys() {
    let rejection = Rejection::of_nobody(Stored::of(&7_u32, 1).name(), 0);
    assert!(
        rejection
            .to_string()
            .contains("nothing in this program is called `u32`")
    );
    assert!(rejection.differences().is_empty());
}

#[test]
fn what_a_migration_inside_drops_is_told_and_checking_runs_none() {
    static FIRST: Layout = Layout::structure("Inner", 4, 4, &[Field::new("id", 0, U32)]).evolving();
    const SECOND: Layout = Layout::structure("Inner", 8, 8, &[Field::new("id", 0, U64)])
        .versioned(1)
        .migrating(Predecessor {
            layout: &FIRST,
            migrate: |_, _| panic!("a migration ran"),
        });
    const STORED: Layout = Layout::structure(
        "Inner",
        8,
        4,
        &[Field::new("id", 0, U32), Field::new("gone", 4, U32)],
    );
    static OLD: Layout = Layout::structure("Outer", 8, 4, &[Field::new("inner", 0, STORED)]);
    static NEW: Layout = Layout::structure("Outer", 8, 8, &[Field::new("inner", 0, SECOND)]);
    let fit = Fit::of(&(&OLD).into(), &NEW).unwrap();
    assert_eq!(fit.dropped(), ["inner.gone (u32)"]);
    assert_eq!(fit.migrations(), 1);
    assert_eq!(fit.check(&[0; 8]), Ok(()));
    assert!(!fit.is_unchanged());
}

#[test]
fn a_text_longer_than_it_could_be_is_refused_by_its_path_and_not_filled_up() {
    static LARGE: Layout =
        Layout::structure("S", 12, 4, &[Field::new("name", 0, Layout::text(8))]).evolving();
    const SMALL: Layout = Layout::structure("S", 8, 4, &[Field::new("name", 0, Layout::text(4))]);
    let fit = Fit::of(&(&SMALL).into(), &LARGE).unwrap();
    let stored = |length: u32, text: &[u8; 4]| [&length.to_ne_bytes(), &text[..]].concat();
    for bytes in [stored(7, b"abcd"), stored(2, b"a\xffcd")] {
        let invalid = fit.check(&bytes).unwrap_err();
        assert_eq!(invalid.path(), "name");
        assert_eq!(fit.apply(&bytes, &ones), Err(invalid));
    }
    assert_eq!(fit.check(&stored(4, b"abcd")), Ok(()));
}

#[test]
fn an_invalid_value_is_found_by_checking_wherever_it_is() {
    const ROW: Layout = Layout::structure(
        "Row",
        2,
        1,
        &[
            Field::new("on", 0, bool::LAYOUT),
            Field::new("gone", 1, bool::LAYOUT),
        ],
    );
    const NEW_ROW: Layout =
        Layout::structure("Row", 1, 1, &[Field::new("on", 0, bool::LAYOUT)]).evolving();
    static OLD: Layout = Layout::array(&ROW, 2);
    static NEW: Layout = Layout::array(&NEW_ROW, 2);
    let fit = Fit::of(&(&OLD).into(), &NEW).unwrap();
    // What is dropped need not be valid.
    assert_eq!(fit.check(&[1, 7, 0, 9]), Ok(()));
    assert_eq!(fit.check(&[1, 0, 2, 0]).unwrap_err().path(), "[].on");
}

#[test]
fn what_was_renamed_is_told_with_the_way_to_it() {
    const ROW: Layout = Layout::structure("Row", 4, 4, &[Field::new("us", 0, U32)]);
    const NEW_ROW: Layout = Layout::structure(
        "Row",
        4,
        4,
        &[Field::new("microseconds", 0, U32).formerly(&["us"])],
    );
    static ROWS: Layout = Layout::vector(&ROW, 2);
    static NEW_ROWS: Layout = Layout::vector(&NEW_ROW, 2);
    static STORED: Layout = Layout::structure("State", 12, 4, &[Field::new("rows", 0, ROWS)]);
    const FIELDS: &[Field] = &[
        Field::new("lines", 0, NEW_ROWS).formerly(&["rows"]),
        Field::new("more", 12, U32),
    ];
    static NEW: Layout = Layout::structure("State", 16, 4, FIELDS).evolving();
    let fit = Fit::of(&(&STORED).into(), &NEW).unwrap();
    assert_eq!(
        fit.renamed(),
        ["rows -> lines", "lines[].us -> lines[].microseconds"]
    );
    assert_eq!(fit.added(), ["more"]);
    assert!(fit.dropped().is_empty());
}
