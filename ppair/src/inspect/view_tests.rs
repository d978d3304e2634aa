use core::fmt::Write;

use super::*;
use crate::{HardState, Maybe, Text, Vector};

fn look<T: HardState>(value: &T) -> String {
    let stored = Stored::of(value, 1);
    let mut text = String::new();
    write(&mut text, View::of(&stored));
    text
}

fn write(text: &mut String, view: View<'_>) {
    let done = match view.look() {
        Look::List(list) => {
            text.push('[');
            for element in list.elements() {
                write(text, element);
                text.push(' ');
            }
            text.push(']');
            Ok(())
        }
        Look::Struct(fields) => {
            for (name, value) in fields {
                let _ = write!(text, "{name}=");
                write(text, value);
                text.push(' ');
            }
            Ok(())
        }
        Look::There(value) => {
            text.push('+');
            write(text, value);
            Ok(())
        }
        Look::Invalid(invalid) => write!(text, "<{invalid}>"),
        other => write!(text, "{other:?}"),
    };
    done.expect("a string takes everything");
}

#[test]
fn each_kind_is_what_it_stands_for() {
    assert_eq!(look(&7_u8), "Int(7)");
    assert_eq!(look(&-7_i64), "Int(-7)");
    assert_eq!(look(&u128::MAX), format!("Large({})", u128::MAX));
    assert_eq!(look(&i128::MIN), format!("Int({})", i128::MIN));
    assert_eq!(look(&1.5_f32), "F32(1.5)");
    assert_eq!(look(&f64::NAN), "F64(NaN)");
    assert_eq!(look(&true), "Bool(true)");
    assert_eq!(look(&'ß'), "Char('ß')");
    assert_eq!(look(&()), "Unit");
    assert_eq!(look(&[1_u8, 2]), "[Int(1) Int(2) ]");
    assert_eq!(look(&[(); 3]), "[]");
    assert_eq!(look(&Text::<8>::try_from("ab").unwrap()), "Text(\"ab\")");
    assert_eq!(
        look(&Vector::<u64, 4>::try_from([1, 2]).unwrap()),
        "[Int(1) Int(2) ]"
    );
    assert_eq!(look(&Maybe::some(7_u64)), "+Int(7)");
    assert_eq!(look(&Maybe::<u64>::none()), "Missing");
    assert_eq!(
        look(&Elapsed::new(Duration::from_millis(1250))),
        "Elapsed(1.25s)"
    );
    assert_eq!(
        look(&Timestamp::new(-1, 500_000_000).unwrap()),
        "Timestamp(1969-12-31T23:59:59.5Z)"
    );
}

/// Bytes that somebody else has written.
fn look_at(descriptor: Descriptor, bytes: &[u8]) -> String {
    let mut text = String::new();
    let stored = Stored::of_foreign(descriptor, [].into(), 1, bytes.into());
    write(&mut text, View::of(&stored));
    text
}

#[test]
fn bytes_that_are_no_value_are_said_to_be_none() {
    let of = |layout: &crate::Layout| Descriptor::from(layout);
    for (descriptor, bytes, text) in [
        (
            of(&bool::LAYOUT),
            &[7][..],
            "<expected a bool (0 or 1), found 0x07>",
        ),
        (
            of(&Maybe::<u8>::LAYOUT),
            &[2, 0],
            "<expected 0 (no value) or 1 (a value), found 0x02>",
        ),
        (
            of(&Vector::<u8, 4>::LAYOUT),
            &[9, 0, 0, 0, 1, 2, 3, 4],
            "<expected a length of at most 4, found 9>",
        ),
        (
            of(&Text::<4>::LAYOUT),
            &[1, 0, 0, 0, 0xff, 0, 0, 0],
            "<expected UTF-8, found 0xff at byte 0>",
        ),
    ] {
        assert_eq!(look_at(descriptor, bytes), text);
    }
}
