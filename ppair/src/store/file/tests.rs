mod damage;

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

/// What the user is told of a file that cannot be used; it is as it was then.
fn refused(path: &Path) -> String {
    let before = fs::read(path).ok();
    let error = on_disk(path).load().expect_err("it cannot be used");
    assert_eq!(fs::read(path).ok(), before, "it was touched");
    reason(error)
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
    assert_eq!(on_disk(&path).load(), Ok(Vec::new()));
    for generation in 1..5 {
        store.save(&states(generation)).expect("there is space");
        assert_eq!(read(&path), Ok(states(generation)));
        assert_eq!(on_disk(&path).load(), Ok(states(generation)));
        store.load().expect("it is there");
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
    let big = |generation| vec![Stored::of(&[generation; 20_000], generation)];
    store.save(&big(1)).expect("there is space");
    let after = path.metadata().expect("it is there");
    assert!(after.len() > before.len() && after.ino() != before.ino());
    store.save(&big(2)).expect("there is space");
    assert_eq!(path.metadata().expect("it is there").ino(), after.ino());
    store.save(&states(3)).expect("there is space");
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
    assert_eq!(open().load(), Ok(states(1)));
    store.save(&big).expect("there is space again");
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
    assert!(error.to_string().contains("is gone"), "{error}");
    assert!(!path.exists());
    store.save(&states(1)).expect("it is made anew");
    assert_eq!(read(&path), Ok(states(1)));
    // One that is moved away and comes back is the same.
    let away = folder.path().join("away");
    fs::rename(&path, &away).expect("it is there");
    store.save(&states(2)).expect_err("it is gone");
    fs::rename(&away, &path).expect("it is there");
    store.save(&states(3)).expect("it is there again");
    assert_eq!(read(&path), Ok(states(3)));
    // Without its folder it cannot be made.
    fs::remove_dir_all(folder.path()).expect("it is there");
    store.save(&states(4)).expect_err("it is gone");
    assert!(reason(store.save(&states(4)).expect_err("its folder is gone")).contains("the folder"));
}

#[test]
fn another_file_in_its_place_is_never_overwritten() {
    let folder = folder();
    let path = folder.path().join("store");
    let mut store = on_disk(&path);
    store.load().expect("there is space");
    fs::remove_file(&path).expect("it is there");
    fs::write(&path, "mine").expect("written");
    for generation in 1..4 {
        let big = [Stored::of(&[generation; 20_000], generation)];
        for states in [&states(generation)[..], &big] {
            let error = reason(store.save(states).expect_err("there is another file"));
            assert!(error.contains("another file"), "{error}");
        }
    }
    assert_eq!(fs::read(&path).expect("it is there"), b"mine");
    fs::remove_file(&path).expect("it is there");
    store.save(&states(5)).expect_err("it is gone");
    fs::write(&path, "mine").expect("written");
    store.save(&states(5)).expect_err("there is another file");
    assert_eq!(fs::read(&path).expect("it is there"), b"mine");
    assert_eq!(names(&folder), ["store"]);
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
    assert_eq!(on_disk(&path).load(), Ok(states(1)));
}

#[test]
fn what_is_no_file_of_the_users_own_is_refused() {
    let folder = folder();
    let path = folder.path().join("store");
    on_disk(&path).load().expect("there is space");
    let link = folder.path().join("link");
    symlink(&path, &link).expect("made");
    assert!(refused(&link).contains("symbolic link"));
    let dangling = folder.path().join("dangling");
    symlink(folder.path().join("none"), &dangling).expect("made");
    assert!(refused(&dangling).contains("symbolic link"));
    assert!(refused(folder.path()).contains("not a regular file"));
    assert!(refused(Path::new("/dev/null")).contains("not a regular file"));
    assert!(refused(&folder.path().join("none/store")).contains("the folder"));
    assert!(refused(&path.join("store")).contains("Not a directory"));
    for mode in [0o620, 0o602, 0o666] {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(&path, permissions).expect("it is ours");
        assert!(refused(&path).contains("others may write it"));
    }
    assert!(read(&path).is_ok(), "reading does not mind");
}

#[test]
fn a_file_of_somebody_else_is_refused() {
    let mut facts = System.facts_at(Path::new("/")).expect("it is there");
    facts.is_regular = true;
    facts.mode = 0o600;
    let owner = facts.owner;
    assert_eq!(opened::unfit(&facts, owner), None);
    let why = opened::unfit(&facts, owner + 1).expect("it is another one's");
    assert!(why.contains(&format!("belongs to user {owner}")), "{why}");
}

#[test]
fn without_permission_it_says_so() {
    if crate::sys::file::effective_user() == 0 {
        eprintln!("SKIPPED: root may do everything");
        return;
    }
    let folder = folder();
    let path = folder.path().join("store");
    on_disk(&path).load().expect("there is space");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("it is ours");
    assert!(refused(&path).contains("must be allowed"));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).expect("it is ours");
    assert!(refused(&folder.path().join("other")).contains("must be allowed"));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("it is ours");
}

#[test]
fn what_was_left_over_is_removed_and_what_is_foreign_is_not() {
    let folder = folder();
    let path = folder.path().join("store");
    let new = folder.path().join("store.new");
    for left in [&b""[..], &[0; 5000], b"ppairsto and some more"] {
        fs::write(&new, left).expect("written");
        on_disk(&path).load().expect("it was left over");
        assert_eq!(names(&folder), ["store"]);
        fs::remove_file(&path).expect("it is there");
    }
    fs::write(&new, "mine").expect("written");
    let error = reason(on_disk(&path).load().expect_err("it is in the way"));
    assert!(error.contains("in the way"), "{error}");
    assert_eq!(fs::read(&new).expect("it is there"), b"mine");
    assert_eq!(names(&folder), ["store.new"]);
}

#[test]
fn what_is_set_aside_is_a_store_of_its_own() {
    let folder = folder();
    let path = folder.path().join("store");
    let mut store = on_disk(&path);
    store.load().expect("there is space");
    let stored = |value: u32| Stored::of(&[value; 3], 12);
    for _ in 0..3 {
        store.set_aside(&stored(1)).expect("there is space");
        store.set_aside(&stored(2)).expect("there is space");
    }
    let first = "store._u32__3_.12.aside";
    let second = "store._u32__3_.12.aside.2";
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
    let stored = Stored::of(&[[[[[0_u8; 1]; 1]; 1]; 1]; 1], 1 << 53);
    on_disk(&path).set_aside(&stored).expect("there is space");
    assert_eq!(names(&folder).len(), 1);
}

#[test]
fn what_is_set_aside_is_on_the_disk() {
    let shim = Shim::default();
    let path = Path::new("/folder/store");
    let mut store = FileStore::on(shim.clone(), path.to_owned(), Durability::Disk, CAPACITY);
    let stored = Stored::of(&3_u64, 4);
    let aside = aside::path_of(path, &stored, 1);
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
