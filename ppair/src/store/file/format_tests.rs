use super::*;

fn states(generation: u64) -> Vec<Stored> {
    vec![
        Stored::of(&[generation; 700], generation),
        Stored::of(&7_u8, 3),
    ]
}

#[test]
fn an_image_comes_back_from_its_bytes() {
    let image = Image::new(&states(1), 9, None);
    let read = Image::read(1 << 14, &mut |at, bytes| {
        bytes.copy_from_slice(&image.bytes()[at..at + bytes.len()]);
        Ok(())
    });
    let read = read.expect("it is in memory").expect("it is whole");
    assert!(read == image);
    assert_eq!(read.sequence(), 9);
    assert_eq!(read.states(), Ok(states(1)));
}

#[test]
fn the_bytes_are_the_same_in_each_build() {
    // Files hold them: if they have to change, so has the format.
    let head = &header(1 << 13, &Mark::default())[..32];
    let expected = [
        &b"ppairsto"[..],
        &[1, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0],
        &[121, 130, 39, 94, 115, 166, 250, 203],
    ];
    assert_eq!(head, expected.concat());
    let image = Image::new(&[], 5, None);
    let expected = [
        &b"ppairslt"[..],
        &[5, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0],
        &[201, 24, 234, 147, 213, 185, 69, 180],
        &[0; 8],
    ];
    assert_eq!(&image.bytes()[..40], expected.concat());
    assert_eq!(image.bytes().len(), PAGE);
}

#[test]
fn checksums_that_are_taken_over_are_those_of_the_bytes() {
    let first = Image::new(&states(1), 1, None);
    let second = Image::new(&states(2), 2, Some(&first));
    assert!(second == Image::new(&states(2), 2, None));
    assert!(!second.holds_the_same(&first));
    assert!(second.holds_the_same(&Image::new(&states(2), 3, Some(&second))));
}

#[test]
fn what_has_changed_is_written_and_no_more() {
    let mut value = [7_u64; 2000];
    let image = |value: &[u64; 2000], sequence, similar| {
        Image::new(&[Stored::of(value, sequence)], sequence, similar)
    };
    let first = image(&value, 1, None);
    value[1600..1608].fill(8);
    let second = image(&value, 2, Some(&first));
    let changes = second.changes(Some(&first));
    assert_eq!(changes, [0..PAGE, 3 * PAGE..4 * PAGE]);
    let all = 0..second.bytes().len();
    assert_eq!(second.changes(None), core::slice::from_ref(&all));
    // What is longer than what is there is written where nothing is known.
    let empty = Image::new(&[], 1, None);
    assert_eq!(second.changes(Some(&empty)), core::slice::from_ref(&all));
}

#[test]
fn a_capacity_is_no_more_than_a_file_can_have() {
    assert_eq!(capacity(&header(PAGE, &Mark::default())), Ok(PAGE));
    for wrong in [0, 100, usize::MAX - (PAGE - 1), 1 << 62] {
        assert_eq!(
            capacity(&header(wrong, &Mark::default())),
            Err(Wrong::Damaged),
            "{wrong}"
        );
    }
}
