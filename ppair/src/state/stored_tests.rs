use super::*;
use crate::HardState;

#[derive(Clone, Copy, Debug, Default, PartialEq, HardState)]
#[hard(crate = crate)]
#[repr(C)]
struct State {
    on: bool,
    next: u64,
}

fn stored() -> Stored {
    Stored::of(&State { on: true, next: 7 }, 41)
}

#[test]
fn a_stored_checkpoint_comes_back_from_its_bytes() {
    let read = Stored::from_bytes(&stored().to_bytes()).expect("it was just written");
    assert_eq!(read, stored());
    assert_eq!((read.name(), read.generation()), ("State", 41));
    assert_eq!(read.get::<State>(), Ok(State { on: true, next: 7 }));
    assert_eq!(read.descriptor().to_string(), State::LAYOUT.to_string());
}

#[test]
fn its_bytes_are_the_same_in_each_build() {
    // Files hold them: if they have to change, so has the format.
    let bytes = Stored::of(&1_u16, 2).to_bytes();
    let expected = [
        &b"ppairchk"[..],
        &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
        &[42, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
        &bytes[40..48],
        &[2, 0, 0, 0, 0, 64, 0, 0, 0],
        &[3, 0, 0, 0, 0, 0, 0, 0, b'u', b'1', b'6', 0, 0, 0, 0],
        &[2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0],
        &[1, 0],
    ]
    .concat();
    assert_eq!(bytes, expected);
}

#[test]
fn every_change_of_one_byte_is_found() {
    let bytes = stored().to_bytes();
    for at in 0..bytes.len() {
        for change in if cfg!(miri) { 1..=2_u8 } else { 1..=255 } {
            let mut damaged = bytes.clone();
            damaged[at] ^= change;
            assert!(
                Stored::from_bytes(&damaged).is_err(),
                "byte {at}, {change:#x}"
            );
        }
    }
}

#[test]
fn every_other_length_is_found() {
    let mut bytes = stored().to_bytes();
    for length in 0..bytes.len() {
        let error = Stored::from_bytes(&bytes[..length]).unwrap_err();
        let expected = if length < 8 {
            Unreadable::NotOne
        } else {
            Unreadable::CutShort(length)
        };
        assert_eq!(error, expected, "{length}");
    }
    bytes.push(0);
    assert_eq!(Stored::from_bytes(&bytes), Err(Unreadable::Damaged));
}

#[test]
fn lengths_beyond_any_memory_are_no_allocation() {
    let mut bytes = stored().to_bytes();
    for at in [24, 32] {
        bytes[at..at + 8].fill(0xff);
        assert!(matches!(
            Stored::from_bytes(&bytes),
            Err(Unreadable::CutShort(_))
        ));
    }
}

#[test]
fn padding_is_stored_as_zeros() {
    let stored = stored();
    let (first, rest) = stored.value().split_at(1);
    assert_eq!((first, &rest[..7]), (&[1][..], &[0; 7][..]));
}

#[test]
fn each_error_says_what_is_wrong() {
    let bytes = stored().to_bytes();
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        Stored::from_bytes(&bytes).unwrap_err().to_string()
    };
    assert_eq!(with(0, b'x'), "these bytes are no stored checkpoint");
    assert!(with(8, 9).starts_with(
        "the stored checkpoint has format 9, which this version of ppair does not know"
    ));
    assert_eq!(
        with(60, 9),
        "the stored checkpoint is damaged: its checksum does not hold"
    );
}

#[test]
fn a_generation_that_no_pair_reaches_is_refused() {
    let highest = Stored::of(&1_u8, MAX_GENERATION);
    assert_eq!(Stored::from_bytes(&highest.to_bytes()), Ok(highest.clone()));
    let beyond = Stored {
        generation: MAX_GENERATION + 1,
        ..highest
    };
    assert_eq!(
        Stored::from_bytes(&beyond.to_bytes()),
        Err(Unreadable::Damaged)
    );
    assert!(std::panic::catch_unwind(|| Stored::of(&1_u8, u64::MAX)).is_err());
}
