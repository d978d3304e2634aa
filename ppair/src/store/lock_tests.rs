use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;
use crate::sys::process;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn take(store: &Path) -> Result<Lock, StoreError> {
    Lock::take(store, process::pid(), &mut Naming::default())
}

fn take_after(store: &Path, opened: &mut dyn FnMut()) -> Result<Lock, StoreError> {
    Lock::take_after(store, process::pid(), &mut Naming::default(), opened)
}

fn held(error: StoreError) -> String {
    match error {
        StoreError::Held { holder } => holder,
        other => panic!("{other:?}"),
    }
}

fn refused(result: Result<Lock, StoreError>) -> String {
    match result.expect_err("it cannot be locked") {
        StoreError::Unusable { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_has_it_and_the_next_one_learns_who() {
    let folder = folder();
    let store = folder.path().join("store");
    let lock = take(&store).expect("nobody has it");
    let holder = held(take(&store).expect_err("it is taken"));
    let expected = format!("process {} (ppair-", std::process::id());
    assert!(holder.starts_with(&expected), "{holder}");
    assert!(!store.exists(), "the lock is a file of its own");
    let mode = path_of(&store)
        .metadata()
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(lock);
    take(&store).expect("nobody has it any more");
}

#[test]
fn it_is_held_as_long_as_any_copy_of_the_descriptor_is_open() {
    let folder = folder();
    let store = folder.path().join("store");
    let lock = take(&store).expect("nobody has it");
    let copy = lock.as_fd().try_clone_to_owned().expect("a descriptor");
    drop(lock);
    held(take(&store).expect_err("a child has it"));
    let adopted = Lock::adopt(copy);
    held(take(&store).expect_err("it is the same lock"));
    drop(adopted);
    take(&store).expect("nobody has it any more");
}

#[test]
fn what_a_dead_holder_has_written_is_written_over() {
    let folder = folder();
    let store = folder.path().join("store");
    fs::write(
        path_of(&store),
        "pid=1 program=another-one-with-a-long-name\n\0\0\0",
    )
    .expect("written");
    let _lock = take(&store).expect("nobody has it");
    let text = fs::read_to_string(path_of(&store)).expect("it is text");
    let expected = format!("pid={} program=ppair-", std::process::id());
    assert!(
        text.starts_with(&expected) && text.lines().count() == 1,
        "{text}"
    );
}

#[test]
fn a_holder_that_has_written_nothing_is_one_too() {
    let folder = folder();
    let store = folder.path().join("store");
    for text in ["", "pid=x program=y\n", "\u{0}\u{1}", "pid=5"] {
        let file = fs::File::create(path_of(&store)).expect("made");
        assert!(file::lock(file.as_fd()).expect("it can be locked"));
        file.write_all_at(text.as_bytes(), 0).expect("written");
        let holder = held(take(&store).expect_err("it is taken"));
        let expected = format!("process {} (", process::pid());
        assert!(holder.starts_with(&expected), "{text}: {holder}");
        // It is not touched by who does not have it.
        assert_eq!(
            fs::read(path_of(&store)).expect("it is there"),
            text.as_bytes()
        );
    }
}

#[test]
fn a_file_that_is_removed_before_it_is_locked_is_made_again() {
    let folder = folder();
    let store = folder.path().join("store");
    let mut times = 0;
    let lock = take_after(&store, &mut || {
        times += 1;
        match times {
            1 => fs::remove_file(path_of(&store)).expect("it was made"),
            2 => {
                fs::remove_file(path_of(&store)).expect("it was made");
                fs::write(path_of(&store), "").expect("made by another one");
            }
            _ => {}
        }
    });
    let _lock = lock.expect("nobody has it");
    assert_eq!(times, 3);
    held(take(&store).expect_err("the file at the path is locked"));
}

#[test]
fn a_file_that_is_always_removed_is_given_up() {
    let folder = folder();
    let store = folder.path().join("store");
    let remove = &mut || fs::remove_file(path_of(&store)).expect("it was made");
    let error = take_after(&store, remove).expect_err("it is never there");
    assert!(matches!(error, StoreError::Failed { .. }), "{error:?}");
}

#[test]
fn what_is_no_lock_is_refused_and_left_alone() {
    let folder = folder();
    let store = folder.path().join("store");
    let lock = path_of(&store);
    fs::create_dir(&lock).expect("made");
    assert!(refused(take(&store)).contains("not a regular file"));
    fs::remove_dir(&lock).expect("it is empty");
    let other = folder.path().join("other");
    symlink(&other, &lock).expect("made");
    assert!(refused(take(&store)).contains("not a regular file"));
    assert!(!other.exists());
    assert!(refused(take(&folder.path().join("none/store"))).contains("the folder"));
}

#[test]
fn a_file_that_ppair_has_not_written_is_refused_and_left_alone() {
    let folder = folder();
    let store = folder.path().join("store");
    let long = format!("pid=1 program=x\n{}", "mine ".repeat(1000));
    for text in [
        "precious\n",
        "pid=x program=y\n",
        "pid=5",
        "pid=-1 program=x\n",
        "\0\u{1}",
        "pid=7 program=x\nmy own notes\n",
        "pid=7 program=x",
        long.as_str(),
    ] {
        fs::write(path_of(&store), text).expect("written");
        let reason = refused(take(&store));
        assert!(reason.contains("ppair has not written"), "{text}: {reason}");
        let found = fs::read(path_of(&store)).expect("it is there");
        assert_eq!(found, text.as_bytes());
    }
    for text in [
        "",
        "\0\0\0",
        "pid=7 program=\n",
        "pid=7 program=a program=b\n",
        "pid=7 program=x\n\0\0\0\0",
    ] {
        fs::write(path_of(&store), text).expect("written");
        let _lock = take(&store).expect("nobody has it");
    }
}

/// A watched lock of a store in this folder.
fn watched(folder: &TempDir) -> (PathBuf, Lock, Watch) {
    let store = folder.path().join("store");
    let lock = take(&store).expect("nobody has it");
    let watch = Watch::new(store.clone(), &lock, process::pid()).expect("it is open");
    (store, lock, watch)
}

#[test]
fn a_lock_that_was_removed_is_made_anew_and_held() {
    let folder = folder();
    let (store, _lock, mut watch) = watched(&folder);
    assert_eq!(watch.look(), Ok(false));
    for _ in 0..3 {
        fs::remove_file(path_of(&store)).expect("it was there");
        assert_eq!(watch.look(), Ok(true));
        assert_eq!(watch.look(), Ok(false));
        let holder = held(take(&store).expect_err("it is watched"));
        assert!(holder.starts_with(&format!("process {} (", process::pid())));
    }
    drop(watch);
    take(&store).expect("nobody has it any more");
}

#[test]
fn a_lock_that_another_pair_has_made_anew_confirms_nothing() {
    let folder = folder();
    let (store, _lock, mut watch) = watched(&folder);
    let away = folder.path().join("away");
    fs::rename(path_of(&store), &away).expect("it was there");
    let other = take(&store).expect("the file at the path is another one");
    held(watch.look().expect_err("another pair has it"));
    // Whoever comes back is the same as before.
    fs::rename(&away, path_of(&store)).expect("it is there");
    assert_eq!(watch.look(), Ok(false));
    held(take(&store).expect_err("it was held all the time"));
    drop(other);
    fs::rename(path_of(&store), &away).expect("it is there");
    fs::write(path_of(&store), "precious").expect("written");
    let error = watch
        .look()
        .expect_err("a file of somebody else's is there");
    assert!(
        error.to_string().contains("ppair has not written"),
        "{error}"
    );
    fs::remove_file(path_of(&store)).expect("it is there");
    fs::remove_file(&away).expect("it is there");
    assert_eq!(watch.look(), Ok(true));
    // Without its folder none can be made.
    fs::remove_dir_all(folder.path()).expect("it is there");
    assert!(matches!(watch.look(), Err(StoreError::Failed { .. })));
}
