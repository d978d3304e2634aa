//! Checkpoints that were set aside.

use super::*;

#[derive(Clone, Copy, crate::HardState)]
#[hard(crate = crate)]
#[repr(C)]
struct Zähler {
    value: u32,
}

#[derive(Clone, Copy, crate::HardState)]
#[hard(crate = crate)]
#[repr(C)]
struct ANameThatIsSoLongThatNobodyWouldEverCallATypeLikeThisUnlessItWereToSeeWhetherNamesOfFilesGetTooLong
{
    value: u8,
}

#[test]
fn what_is_set_aside_is_a_store_of_its_own() {
    let folder = folder();
    let path = folder.path().join("store");
    let mut store = on_disk(&path);
    store.load().expect("there is space");
    let stored = |value| Stored::of(&Zähler { value }, 12);
    for _ in 0..3 {
        store.set_aside(&stored(1)).expect("there is space");
        store.set_aside(&stored(2)).expect("there is space");
    }
    let first = "store.Z_hler.12.aside";
    let second = "store.Z_hler.12.aside.2";
    assert_eq!(names(&folder), ["store", first, second]);
    assert_eq!(read(&folder.path().join(first)), Ok(vec![stored(1)]));
    assert_eq!(
        on_disk(&folder.path().join(second)).load(),
        Ok(vec![stored(2)])
    );
    // What cannot be read is no such checkpoint, and stays.
    fs::write(folder.path().join(first), "mine").expect("written");
    store.set_aside(&stored(1)).expect("there is space");
    assert_eq!(
        fs::read(folder.path().join(first)).expect("it is there"),
        b"mine"
    );
    assert_eq!(names(&folder).len(), 4);
}

#[test]
fn the_name_of_what_is_set_aside_is_no_longer_than_names_can_be() {
    let folder = folder();
    let path = folder.path().join("n".repeat(240));
    let stored = Stored::of(&ANameThatIsSoLongThatNobodyWouldEverCallATypeLikeThisUnlessItWereToSeeWhetherNamesOfFilesGetTooLong { value: 1 }, 1 << 51);
    on_disk(&path).set_aside(&stored).expect("there is space");
    assert_eq!(names(&folder).len(), 1);
}

#[test]
fn what_is_set_aside_is_on_the_disk() {
    let shim = Shim::default();
    let path = Path::new("/folder/store");
    let mut store = FileStore::on(shim.clone(), path.to_owned(), Durability::Disk, CAPACITY);
    let stored = Stored::of(&3_u64, 4);
    let aside = crate::store::file::aside::path_of(path, &stored, 1);
    // Whichever operation fails, the next attempt brings it there.
    for after in 0..6 {
        shim.fail(after, Errno::EIO);
        store
            .set_aside(&stored)
            .expect_err("one of its operations fails");
        store.set_aside(&stored).expect("it works again");
        let point = shim.point();
        let files = point.after(&vec![false; point.choices()]);
        let there = FileStore::on(
            Shim::holding(files),
            aside.clone(),
            Durability::Disk,
            CAPACITY,
        )
        .load();
        assert_eq!(there, Ok(vec![stored.clone()]), "after {after}");
        shim.remove(&aside).expect("it is there");
    }
}
