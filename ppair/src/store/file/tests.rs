mod aside;
mod damage;
mod held;
mod refusals;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::rc::Rc;

use tempfile::TempDir;

use super::*;
use crate::sys::Errno;
use shim::Shim;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn on_disk(path: &Path) -> FileStore {
    FileStore::new(path.to_owned(), Durability::Disk)
}

fn states(generation: u64) -> Vec<Stored> {
    vec![
        Stored::of(&generation, generation),
        Stored::of(&[generation; 30], 2 * generation),
    ]
}

fn reason(error: StoreError) -> String {
    match error {
        StoreError::Unusable { reason } => reason,
        other => panic!("{other:?}"),
    }
}

fn failed(error: StoreError) -> String {
    match error {
        StoreError::Failed { reason } => reason,
        other => panic!("{other:?}"),
    }
}

/// The names in a folder.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("it is there");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry.expect("an entry")))
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_saved_is_found_by_the_next_one() {
    let folder = folder();
    let path = folder.path().join("store");
    let mut store = on_disk(&path);
    assert_eq!(store.name(), format!("file:{}", path.display()));
    assert_eq!(store.load(), Ok(Vec::new()));
    assert_eq!(store.load(), Ok(Vec::new()));
    for generation in 1..5 {
        store.save(&states(generation)).expect("there is space");
        assert_eq!(read(&path), Ok(states(generation)));
        drop(store);
        store = on_disk(&path);
        assert_eq!(store.load(), Ok(states(generation)));
    }
    assert_eq!(names(&folder), ["store"]);
    let found = path.metadata().expect("it is there");
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    assert!(
        found.blocks() * 512 >= found.len(),
        "its space is not allocated"
    );
}

#[test]
fn a_save_before_the_first_load_goes_on_from_what_is_there() {
    let folder = folder();
    let path = folder.path().join("store");
    on_disk(&path).save(&states(1)).expect("there is space");
    on_disk(&path).save(&states(2)).expect("there is space");
    assert_eq!(read(&path), Ok(states(2)));
}

#[test]
fn shared_memory_is_a_file_too() {
    let name = format!("ppair-store-test-{}", std::process::id());
    let path = Path::new(SHARED_MEMORY).join(&name);
    let mut store = FileStore::new(path.clone(), Durability::Memory);
    assert_eq!(store.name(), format!("shm:{name}"));
    store.load().expect("there is space");
    store.save(&states(3)).expect("there is space");
    drop(store);
    let found = FileStore::new(path.clone(), Durability::Memory).load();
    fs::remove_file(path).expect("it is there");
    assert_eq!(found, Ok(states(3)));
}

#[test]
fn nothing_is_written_if_nothing_has_changed() {
    let shim = Shim::default();
    let path = Path::new("/folder/store");
    let mut store = FileStore::on(shim.clone(), path.to_owned(), Durability::Disk, CAPACITY);
    store.load().expect("there is space");
    store.save(&states(1)).expect("there is space");
    shim.record();
    store.save(&states(1)).expect("there is space");
    assert_eq!(shim.take_points().len(), 0);
    store.save(&states(2)).expect("there is space");
    assert_eq!(shim.take_points().len(), 2, "a write and a sync");
    // After a failure nobody knows what is there.
    shim.fail(1, Errno::EIO);
    store.save(&states(3)).expect_err("the sync fails");
    shim.take_points();
    store.save(&states(2)).expect("it works again");
    assert_eq!(shim.take_points().len(), 2, "a write and a sync");
}

#[test]
fn nothing_is_synced_in_memory() {
    let shim = Shim::default();
    let path = Path::new("/dev/shm/store");
    let mut store = FileStore::on(shim.clone(), path.to_owned(), Durability::Memory, CAPACITY);
    store.load().expect("there is space");
    shim.record();
    store.save(&states(1)).expect("there is space");
    assert_eq!(shim.take_points().len(), 1, "a write");
}

#[test]
fn a_state_that_has_grown_gets_another_file() {
    let folder = folder();
    let path = folder.path().join("store");
    let mut store = on_disk(&path);
    store.load().expect("there is space");
    let before = path.metadata().expect("it is there");
    let big = |generation| vec![Stored::of(&[generation; 2000], generation); 5];
    store.save(&big(1)).expect("there is space");
    let after = path.metadata().expect("it is there");
    assert!(after.len() > before.len() && after.ino() != before.ino());
    store.save(&big(2)).expect("there is space");
    assert_eq!(path.metadata().expect("it is there").ino(), after.ino());
    store.save(&states(3)).expect("there is space");
    drop(store);
    assert_eq!(on_disk(&path).load(), Ok(states(3)));
    assert_eq!(names(&folder), ["store"]);
}

#[test]
fn a_full_disk_is_an_error_and_leaves_what_was_saved() {
    let shim = Shim::default();
    let path = Path::new("/folder/store");
    let open = || {
        FileStore::on(
            shim.clone(),
            path.to_owned(),
            Durability::Disk,
            format::PAGE,
        )
    };
    shim.fail(1, Errno::ENOSPC);
    let error = open().load().expect_err("there is no space for the file");
    assert!(matches!(&error, StoreError::Failed { reason } if reason.contains("more space")));
    assert_eq!(shim.bytes(path), None);
    assert_eq!(shim.bytes(Path::new("/folder/store.new")), None);
    let mut store = open();
    store.load().expect("there is space now");
    store.save(&states(1)).expect("there is space");
    shim.fail(1, Errno::ENOSPC);
    let big = [Stored::of(&[1_u64; 2000], 1)];
    store
        .save(&big)
        .expect_err("there is no space for a larger file");
    assert_eq!(shim.bytes(Path::new("/folder/store.new")), None);
    drop(store);
    let mut store = open();
    assert_eq!(store.load(), Ok(states(1)));
    store.save(&big).expect("there is space again");
    drop(store);
    assert_eq!(open().load(), Ok(big.to_vec()));
}

#[test]
fn a_file_that_has_vanished_is_said_and_made_anew() {
    let folder = folder();
    let path = folder.path().join("store");
    let mut store = on_disk(&path);
    store.load().expect("there is space");
    store.save(&states(1)).expect("there is space");
    fs::remove_file(&path).expect("it is there");
    let error = store.save(&states(1)).expect_err("it is gone");
    assert!(error.to_string().contains("was removed"), "{error}");
    assert!(!path.exists());
    store.save(&states(1)).expect("it is made anew");
    assert_eq!(read(&path), Ok(states(1)));
    // One that is moved away and comes back is the same.
    let away = folder.path().join("away");
    fs::rename(&path, &away).expect("it is there");
    for _ in 0..3 {
        let error = failed(store.save(&states(2)).expect_err("it is elsewhere"));
        assert!(
            error.contains("was moved") && error.contains("put it back"),
            "{error}"
        );
        assert!(!path.exists(), "there would be two of it");
    }
    fs::rename(&away, &path).expect("it is there");
    store.save(&states(3)).expect("it is there again");
    assert_eq!(read(&path), Ok(states(3)));
    // Without its folder it cannot be made.
    fs::remove_dir_all(folder.path()).expect("it is there");
    store.save(&states(4)).expect_err("it is gone");
    assert!(reason(store.save(&states(4)).expect_err("its folder is gone")).contains("the folder"));
}

#[test]
fn a_file_that_is_cut_while_it_is_used_is_made_whole() {
    let folder = folder();
    let path = folder.path().join("store");
    let mut store = on_disk(&path);
    store.load().expect("there is space");
    store.save(&states(1)).expect("there is space");
    let file = fs::File::options()
        .write(true)
        .open(&path)
        .expect("it is there");
    file.set_len(100).expect("cut");
    store.save(&states(1)).expect("it is made anew");
    drop(store);
    assert_eq!(on_disk(&path).load(), Ok(states(1)));
}

#[test]
fn a_reader_always_finds_something_while_it_is_written() {
    let folder = folder();
    let path = folder.path().join("store");
    let mut store = FileStore::new(path.clone(), Durability::Memory);
    store.save(&states(1)).expect("there is space");
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            (0..300).all(|_| {
                let found = read(&path).expect("something is there");
                states(found[0].generation()) == found
            })
        });
        let mut generation = 1;
        while !reader.is_finished() {
            generation += 1;
            store.save(&states(generation)).expect("there is space");
        }
        assert!(reader.join().expect("it ends"), "it was a mixture");
    });
}
