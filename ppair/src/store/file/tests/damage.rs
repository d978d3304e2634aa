//! A store's file of which something else than a crash has made something else.

use proptest::prelude::*;

use super::*;

const PATH: &str = "/folder/store";

/// A file with `states(1)` in one slot and `states(2)`, which is newer, in the other.
fn file() -> Vec<u8> {
    let shim = Shim::default();
    let path = Path::new(PATH);
    let mut store = FileStore::on(
        shim.clone(),
        path.to_owned(),
        Durability::Disk,
        format::PAGE,
    );
    store.load().expect("there is space");
    for generation in 1..=2 {
        store.save(&states(generation)).expect("there is space");
    }
    shim.bytes(path).expect("it is there")
}

/// What is loaded from a file with these bytes; if nothing is, the file is not touched.
fn load(bytes: Vec<u8>) -> Result<Vec<Stored>, StoreError> {
    let bytes = Rc::new(bytes);
    let path = Path::new(PATH);
    let shim = Shim::holding(BTreeMap::from([(path.to_owned(), Rc::clone(&bytes))]));
    shim.record();
    let loaded = FileStore::on(
        shim.clone(),
        path.to_owned(),
        Durability::Disk,
        format::PAGE,
    )
    .load();
    if loaded.is_err() {
        assert!(shim.take_points().is_empty(), "it was touched");
    }
    loaded
}

#[test]
fn a_flipped_bit_never_makes_another_state() {
    let file = file();
    let mut found = [0; 3];
    for at in 0..file.len() {
        // Most of the file are zeros, where one bit is as good as another.
        let bits = if file[at] == 0 {
            at % 8..at % 8 + 1
        } else {
            0..8
        };
        for bit in bits {
            let mut file = file.clone();
            file[at] ^= 1 << bit;
            match load(file) {
                Ok(loaded) if loaded == states(2) => found[2] += 1,
                Ok(loaded) if loaded == states(1) => found[1] += 1,
                Ok(loaded) => panic!("bit {bit} of byte {at}: {loaded:?}"),
                Err(StoreError::Unusable { .. }) => found[0] += 1,
                Err(error) => panic!("bit {bit} of byte {at}: {error:?}"),
            }
        }
    }
    assert!(
        found.iter().all(|&times| times >= format::PAGE),
        "{found:?}"
    );
}

#[test]
fn both_slots_damaged_is_said() {
    let mut file = file();
    for slot in 0..2 {
        file[format::PAGE + slot * format::PAGE + 200] ^= 1;
    }
    let error = reason(load(file).expect_err("nothing is whole"));
    assert!(
        error.contains("both copies") && error.contains("restore a backup"),
        "{error}"
    );
}

#[test]
fn a_file_of_another_length_is_refused() {
    let mut file = file();
    file.push(0);
    reason(load(file.clone()).expect_err("it is too long"));
    file.pop();
    while file.pop().is_some() {
        let error = reason(load(file.clone()).expect_err("it is cut"));
        let expected = if file.len() < 8 { "no store" } else { "bytes" };
        assert!(error.contains(expected), "{} bytes: {error}", file.len());
    }
}

#[test]
fn files_of_others_and_of_later_versions_are_refused() {
    for foreign in [b"mine".to_vec(), vec![0; 20_000], b"ppairchk".repeat(4096)] {
        let error = reason(load(foreign).expect_err("it is foreign"));
        assert!(error.contains("no store of ppair's"), "{error}");
    }
    let mut file = file();
    file[8] = 2;
    let error = reason(load(file).expect_err("it is from the future"));
    assert!(error.contains("format 2"), "{error}");
}

#[test]
fn a_checkpoint_of_a_later_version_is_not_passed_over_for_an_older_one() {
    // A whole image whose payload is no list of checkpoints.
    let shim = Shim::default();
    let path = Path::new(PATH);
    let mut store = FileStore::on(
        shim.clone(),
        path.to_owned(),
        Durability::Disk,
        format::PAGE,
    );
    store.load().expect("there is space");
    let newer = Image::with_payload(&[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 2], 7);
    let opened = store.opened.as_mut().expect("it is open");
    opened.write(&store.volume, newer).expect("there is space");
    let bytes = shim.bytes(path).expect("it is there");
    assert!(reason(load(bytes).expect_err("nobody knows it")).contains("no stored checkpoint"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_of_any_kind_ends_in_a_saved_state_or_an_error(
        pieces in prop::collection::vec((0..3 * format::PAGE, prop::collection::vec(any::<u8>(), 1..600)), 1..6),
        moves in prop::collection::vec((0..24_usize, 0..24_usize), 0..3),
    ) {
        let whole = file();
        let mut damaged = whole.clone();
        for (at, piece) in pieces {
            let end = (at + piece.len()).min(damaged.len());
            damaged[at..end].copy_from_slice(&piece[..end - at]);
        }
        for (from, to) in moves {
            let sector = whole[from * 512..][..512].to_vec();
            damaged[to * 512..][..512].copy_from_slice(&sector);
        }
        if let Ok(found) = load(damaged) {
            prop_assert!(found == states(1) || found == states(2));
        }
    }

    #[test]
    fn any_bytes_end_in_an_error(bytes in prop::collection::vec(any::<u8>(), 0..9000), header in any::<bool>()) {
        let mut bytes = bytes;
        if header {
            bytes.resize(3 * format::PAGE, 0);
            bytes[..format::PAGE].copy_from_slice(&format::header(format::PAGE, &format::Mark::default()));
        }
        prop_assert!(load(bytes).is_err());
    }
}
