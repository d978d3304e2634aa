use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::*;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ppair-sqlite-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.join("state")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A file system that goes with the test; `None` where none may be mounted.
struct Mount(PathBuf);

impl Mount {
    fn new(test: &str, arguments: &[&str], folder: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(arguments).arg(folder).stderr(Stdio::null());
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self(folder.to_owned()));
        }
        let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: needs mount");
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Another program's connection.
fn connect(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::ZERO).unwrap();
    connection
}

/// A store that is ready.
fn ready(path: &Path) -> SqliteStore {
    let mut store = SqliteStore::new(path);
    store.load().unwrap();
    store
}

/// What a database holds, read beside the pair that has it.
fn found(path: &Path) -> Vec<Stored> {
    let mut connection = connect(path);
    let transaction = connection.transaction().unwrap();
    let rows = tables::read(&transaction).unwrap().into_iter();
    rows.collect::<Result<_, _>>().unwrap()
}

fn unusable<T: core::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Unusable { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

fn failed<T: core::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Failed { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

fn texts(path: &Path, query: &str) -> Vec<String> {
    let connection = connect(path);
    let mut statement = connection.prepare(query).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_new_database_is_made_for_its_owner_alone() {
    let folder = Folder::new();
    let path = folder.path();
    let mut store = SqliteStore::new(&path);
    assert_eq!(store.name(), format!("sqlite:{}", path.display()));
    assert_eq!(store.load(), Ok(vec![]));
    for entry in fs::read_dir(&folder.0).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", entry.path().display());
    }
    assert_eq!(store.load(), Ok(vec![]), "once more");
}

#[test]
fn what_is_saved_is_loaded_by_the_next() {
    let folder = Folder::new();
    let path = folder.path();
    let (one, other) = (Stored::of(&7_u64, 3), Stored::of(&8_u32, 5));
    let mut store = ready(&path);
    store.save(&[one.clone(), other.clone()]).unwrap();
    assert_eq!(store.load(), Ok(vec![other.clone(), one.clone()]));
    drop(store);

    let mut store = SqliteStore::new(&path);
    assert_eq!(store.load(), Ok(vec![other.clone(), one]));
    let newer = Stored::of(&9_u64, 4);
    store.save(std::slice::from_ref(&newer)).unwrap();
    assert_eq!(found(&path), [other, newer]);
}

#[test]
fn what_is_saved_is_there_for_who_does_not_close() {
    let folder = Folder::new();
    let path = folder.path();
    let stored = Stored::of(&7_u64, 3);
    let mut store = ready(&path);
    store.save(std::slice::from_ref(&stored)).unwrap();
    // What a kill leaves: the log beside the database.
    for end in ["", "-wal"] {
        let of = |name: &str| folder.0.join(format!("{name}{end}"));
        fs::copy(of("state"), of("copy")).unwrap();
    }
    assert_eq!(ready(&folder.0.join("copy")).load(), Ok(vec![stored]));
}

#[test]
fn what_has_not_changed_is_not_written_again() {
    let folder = Folder::new();
    let path = folder.path();
    let (one, other) = (Stored::of(&7_u64, 3), Stored::of(&8_u32, 5));
    let mut store = ready(&path);
    store.save(&[one.clone(), other.clone()]).unwrap();
    connect(&path)
        .execute_batch("UPDATE ppair_checkpoint SET saved_at = 'long ago'")
        .unwrap();
    store.save(&[one, other]).unwrap();
    store
        .save(&[Stored::of(&7_u64, 4), Stored::of(&8_u32, 5)])
        .unwrap();
    let names = texts(
        &path,
        "SELECT name FROM ppair_checkpoint WHERE saved_at <> 'long ago'",
    );
    assert_eq!(names, ["u64"]);
}

#[test]
fn a_checkpoint_is_set_aside_once_and_kept() {
    let folder = Folder::new();
    let path = folder.path();
    let (old, same_generation) = (Stored::of(&7_u64, 3), Stored::of(&8_u64, 3));
    let mut store = ready(&path);
    store.save(std::slice::from_ref(&old)).unwrap();
    for stored in [&old, &old, &same_generation] {
        store.set_aside(stored).unwrap();
    }
    store.save(&[Stored::of(&9_u64, 4)]).unwrap();
    let hex = "SELECT hex(checkpoint) FROM ppair_set_aside ORDER BY checkpoint";
    let mut expected = [old, same_generation].map(|stored| {
        let bytes = stored.to_bytes();
        bytes.iter().fold(String::new(), |mut text, byte| {
            core::fmt::Write::write_fmt(&mut text, format_args!("{byte:02X}")).unwrap();
            text
        })
    });
    expected.sort();
    assert_eq!(texts(&path, hex), expected);
}

#[test]
fn it_lives_in_a_database_of_the_users_own() {
    let folder = Folder::new();
    let path = folder.path();
    let own = connect(&path);
    own.execute_batch(
        "CREATE TABLE own (text TEXT); INSERT INTO own VALUES ('mine'); PRAGMA user_version = 7",
    )
    .unwrap();
    let mut store = ready(&path);
    store.save(&[Stored::of(&7_u64, 3)]).unwrap();
    assert_eq!(texts(&path, "SELECT text FROM own"), ["mine"]);
    own.execute_batch("INSERT INTO own VALUES ('more')")
        .unwrap();
    store.save(&[Stored::of(&7_u64, 4)]).unwrap();
}

#[test]
fn sixty_four_mebibytes_fit() {
    let folder = Folder::new();
    let path = folder.path();
    let words = vec![0x5a_u8; 64 << 20].into_boxed_slice();
    let big = Stored::new(&<[u8; 64 << 20] as crate::HardState>::LAYOUT, 3, words);
    let mut store = ready(&path);
    store.save(std::slice::from_ref(&big)).unwrap();
    drop(store);
    assert!(SqliteStore::new(&path).load() == Ok(vec![big]));
}

#[test]
fn a_locked_database_fails_soon_and_works_later() {
    let folder = Folder::new();
    let path = folder.path();
    let mut store = ready(&path);
    store.save(&[Stored::of(&7_u64, 3)]).unwrap();
    let other = connect(&path);
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for _ in 0..2 {
        let start = Instant::now();
        let error = failed(store.save(&[Stored::of(&7_u64, 4)]));
        assert!(error.contains("another connection has locked"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(8));
    }
    other.execute_batch("ROLLBACK").unwrap();
    store.save(&[Stored::of(&7_u64, 4)]).unwrap();
    assert_eq!(found(&path), [Stored::of(&7_u64, 4)]);
}

#[test]
fn a_file_that_vanished_is_no_success() {
    let folder = Folder::new();
    let path = folder.path();
    let mut store = ready(&path);
    let both = [Stored::of(&7_u64, 3), Stored::of(&8_u32, 5)];
    store.save(&both).unwrap();
    for victim in [path.clone(), file::log(&path)] {
        fs::remove_file(&victim).unwrap();
        let error = failed(store.save(&both));
        let victim = victim.display().to_string();
        assert!(
            error.contains(&victim) && error.contains("was removed"),
            "{error}"
        );
        store.save(&both).unwrap();
        let mut found = found(&path);
        found.reverse();
        assert_eq!(found, both);
    }
}

#[test]
fn another_file_of_the_same_name_is_left_alone_until_the_very_one_is_back() {
    let folder = Folder::new();
    let path = folder.path();
    let mut store = ready(&path);
    store.save(&[Stored::of(&7_u64, 3)]).unwrap();
    let (other, away) = (folder.0.join("other"), folder.0.join("away"));
    ready(&other).save(&[Stored::of(&8_u32, 5)]).unwrap();
    fs::rename(&path, &away).unwrap();
    fs::rename(&other, &path).unwrap();
    for _ in 0..3 {
        let error = failed(store.save(&[Stored::of(&7_u64, 4)]));
        assert!(error.contains("replaced"), "{error}");
    }
    fs::rename(&path, &other).unwrap();
    let error = failed(store.save(&[Stored::of(&7_u64, 4)]));
    assert!(error.contains("was moved") && !path.exists(), "{error}");
    fs::rename(&away, &path).unwrap();
    store.save(&[Stored::of(&7_u64, 4)]).unwrap();
    assert_eq!(found(&path), [Stored::of(&7_u64, 4)]);
    assert_eq!(found(&other), [Stored::of(&8_u32, 5)]);
}

/// The store at `path` of a pair of this name.
fn of(pair: &str, is_first: bool, path: &Path) -> SqliteStore {
    SqliteStore::new(path).claimed(Claim::of(crate::store::Owner {
        token: pair,
        watchdog: crate::sys::process::pid(),
        is_first,
    }))
}

fn held<T: core::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Held { holder }) => holder,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pair_whose_database_another_one_has_taken_never_saves_again() {
    let folder = Folder::new();
    let path = folder.path();
    let mut one = of("one", true, &path);
    one.save(&[Stored::of(&7_u64, 3)]).unwrap();
    let mut other = of("other", true, &path);
    // Its file is locked, whatever became of the lock beside it.
    held(other.load());
    // As if its keeper had died.
    one.held.as_ref().unwrap().let_go();
    assert_eq!(other.load(), Ok(vec![Stored::of(&7_u64, 3)]));
    let expected = format!("process {} (", std::process::id());
    let holder = held(one.save(&[Stored::of(&7_u64, 4)]));
    assert!(
        holder.starts_with(&expected) && holder.ends_with(", which has taken it over"),
        "{holder}"
    );
    held(one.set_aside(&Stored::of(&7_u64, 3)));
    other.save(&[Stored::of(&7_u64, 5)]).unwrap();
    drop(other);
    held(one.save(&[Stored::of(&7_u64, 4)]));
    drop(one);
    // Nor does its next keeper.
    held(of("one", false, &path).load());
    let mut again = of("other", false, &path);
    assert_eq!(again.load(), Ok(vec![Stored::of(&7_u64, 5)]));
}

#[test]
fn a_later_keeper_makes_no_database_and_takes_no_other_one() {
    let folder = Folder::new();
    let path = folder.path();
    of("one", true, &path)
        .save(&[Stored::of(&7_u64, 3)])
        .unwrap();
    let away = folder.0.join("away");
    fs::rename(&path, &away).unwrap();
    let error = failed(of("one", false, &path).load());
    assert!(
        error.contains("removed or moved") && !path.exists(),
        "{error}"
    );
    connect(&path)
        .execute_batch("CREATE TABLE own (x)")
        .unwrap();
    let error = failed(of("one", false, &path).load());
    assert!(error.contains("ppair_holder"), "{error}");
    fs::rename(&away, &path).unwrap();
    of("one", false, &path).load().unwrap();
}

#[test]
fn a_database_of_an_earlier_version_is_claimed_and_read() {
    let folder = Folder::new();
    let path = folder.path();
    ready(&path).save(&[Stored::of(&7_u64, 3)]).unwrap();
    connect(&path)
        .execute_batch("DROP TABLE ppair_holder")
        .unwrap();
    let mut store = of("one", true, &path);
    assert_eq!(store.load(), Ok(vec![Stored::of(&7_u64, 3)]));
    store.save(&[Stored::of(&7_u64, 4)]).unwrap();
}

#[test]
fn what_is_saved_is_in_the_database_without_its_log() {
    let folder = Folder::new();
    let path = folder.path();
    let mut store = ready(&path);
    let copy = folder.0.join("copy");
    for number in 1..5_u64 {
        store.save(&[Stored::of(&number, number)]).unwrap();
        fs::copy(&path, &copy).unwrap();
        assert_eq!(ready(&copy).load(), Ok(vec![Stored::of(&number, number)]));
    }
    // Somebody who reads keeps it in the log, and is not waited for.
    let reader = connect(&path);
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM ppair_checkpoint")
        .unwrap();
    store.save(&[Stored::of(&7_u64, 7)]).unwrap();
    reader.execute_batch("COMMIT").unwrap();
    store.save(&[Stored::of(&8_u64, 8)]).unwrap();
    assert_eq!(file::log(&path).metadata().unwrap().len(), 0);
}

#[test]
fn what_lies_beside_the_database_and_is_not_sqlites_stays() {
    let folder = Folder::new();
    let path = folder.path();
    for (end, is_there) in [
        ("-wal", false),
        ("-journal", false),
        ("-shm", false),
        ("-wal", true),
        ("-journal", true),
    ] {
        if is_there {
            drop(ready(&path));
        }
        let beside = folder.0.join(format!("state{end}"));
        fs::write(&beside, "mine, mine, mine").unwrap();
        let reason = unusable(SqliteStore::new(&path).load());
        assert!(
            reason.contains(end) && reason.contains("overwrite it"),
            "{reason}"
        );
        assert_eq!(fs::read(&beside).unwrap(), b"mine, mine, mine");
        assert_eq!(path.exists(), is_there);
        fs::remove_file(&beside).unwrap();
    }
    // The log of a database that was moved away is what that one needs.
    let mut store = ready(&path);
    let reader = connect(&path);
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM ppair_checkpoint")
        .unwrap();
    store.save(&[Stored::of(&7_u64, 7)]).unwrap();
    store.held.as_ref().unwrap().let_go();
    core::mem::forget(store);
    let away = folder.0.join("away");
    fs::rename(&path, &away).unwrap();
    let reason = unusable(SqliteStore::new(&path).load());
    assert!(reason.contains("without its database"), "{reason}");
    fs::rename(&away, &path).unwrap();
    assert_eq!(ready(&path).load(), Ok(vec![Stored::of(&7_u64, 7)]));
}

#[test]
fn files_that_are_no_database_are_refused() {
    let folder = Folder::new();
    let path = folder.path();
    let refused = |expected: &str| {
        let reason = unusable(SqliteStore::new(&path).load());
        let path = path.display().to_string();
        assert!(
            reason.contains(expected) && reason.contains(&path),
            "{reason}"
        );
    };
    fs::write(&path, "a text that somebody needs, ".repeat(40)).unwrap();
    refused("it is no SQLite database");
    assert!(fs::read_to_string(&path).unwrap().starts_with("a text"));
    fs::remove_file(&path).unwrap();

    let target = folder.0.join("target");
    symlink(&target, &path).unwrap();
    refused("is a symbolic link");
    assert!(!target.exists());
    fs::remove_file(&path).unwrap();

    fs::create_dir(&path).unwrap();
    refused("is no file");
    fs::remove_dir(&path).unwrap();

    if crate::sys::process::user() == 0 {
        fs::write(&path, "").unwrap();
        std::os::unix::fs::chown(&path, Some(1), None).unwrap();
        refused("belongs to the user 1, and this program runs as 0");
        fs::remove_file(&path).unwrap();
    }

    let missing = folder.0.join("missing/state");
    let reason = unusable(SqliteStore::new(&missing).load());
    assert!(reason.starts_with("cannot create "), "{reason}");
}

#[test]
fn a_damaged_database_is_refused() {
    let folder = Folder::new();
    let path = folder.path();
    ready(&path).save(&[Stored::of(&7_u64, 3)]).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..].fill(0xee);
    fs::write(&path, bytes).unwrap();
    let reason = unusable(SqliteStore::new(&path).load());
    assert!(reason.contains("the database is damaged"), "{reason}");
}

#[test]
fn a_database_that_may_only_be_read_is_refused() {
    let folder = Folder::new();
    let path = folder.path();
    ready(&path).save(&[Stored::of(&7_u64, 3)]).unwrap();
    let refused = || {
        let reason = unusable(SqliteStore::new(&path).load());
        assert!(reason.contains("may not be written"), "{reason}");
    };
    if crate::sys::process::user() != 0 {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        return refused();
    }
    let own = folder.0.to_str().unwrap();
    let Some(_mount) = Mount::new("a read-only database", &["--bind", own], &folder.0) else {
        return;
    };
    Mount::new(
        "a read-only database",
        &["-o", "remount,bind,ro"],
        &folder.0,
    )
    .map(core::mem::forget)
    .unwrap();
    refused();
}

#[test]
fn a_full_disk_fails_and_what_was_saved_stays() {
    let folder = Folder::new();
    let arguments = ["-t", "tmpfs", "-o", "size=512k", "none"];
    let Some(_mount) = Mount::new("a full disk", &arguments, &folder.0) else {
        return;
    };
    let path = folder.path();
    let mut store = ready(&path);
    store.save(&[Stored::of(&7_u64, 3)]).unwrap();
    let rest = folder.0.join("rest");
    let big = Stored::new(
        &<[u8; 100_000] as crate::HardState>::LAYOUT,
        4,
        vec![1; 100_000].into(),
    );
    let _ = fs::write(&rest, vec![1; 1 << 20]);
    let newest = [Stored::of(&8_u64, 4), big];
    let error = failed(store.save(&newest));
    assert!(error.contains("full"), "{error}");
    failed(store.save(&newest));
    fs::remove_file(&rest).unwrap();
    assert_eq!(found(&path), [Stored::of(&7_u64, 3)]);
    store.save(&newest).unwrap();
    let mut found = found(&path);
    found.reverse();
    assert!(found == newest);
}

#[test]
fn tables_of_another_shape_are_refused() {
    for (made, expected) in [
        (
            "CREATE TABLE ppair_checkpoint (id INTEGER)",
            "not as ppair makes them (table ppair_checkpoint has no column named name)",
        ),
        (
            "CREATE TABLE ppair_checkpoint (name TEXT, generation INTEGER, checkpoint BLOB, saved_at TEXT)",
            "ON CONFLICT clause does not match",
        ),
        (
            "CREATE VIEW ppair_checkpoint AS SELECT 1",
            "not as ppair makes them",
        ),
        (
            "CREATE TABLE ppair_set_aside (x)",
            "not as ppair makes them",
        ),
        ("CREATE TABLE ppair_store (x)", "not as ppair makes them"),
        (
            "CREATE TABLE ppair_store (format TEXT); INSERT INTO ppair_store VALUES ('x')",
            "not as ppair makes them",
        ),
        (
            "CREATE TABLE ppair_store (format INTEGER); INSERT INTO ppair_store VALUES (1), (1)",
            "more than one row",
        ),
        (
            "CREATE TABLE ppair_store (format INTEGER); INSERT INTO ppair_store VALUES (9)",
            "have format 9, which this version of ppair does not know",
        ),
    ] {
        let folder = Folder::new();
        let path = folder.path();
        connect(&path).execute_batch(made).unwrap();
        let reason = unusable(SqliteStore::new(&path).load());
        assert!(reason.contains(expected), "{made}: {reason}");
    }
}

#[test]
fn a_row_that_is_no_checkpoint_is_refused() {
    let folder = Folder::new();
    let path = folder.path();
    ready(&path).save(&[Stored::of(&7_u64, 3)]).unwrap();
    for (change, expected) in [
        (
            "UPDATE ppair_checkpoint SET checkpoint = x'00112233'",
            "the row `u64` of the table ppair_checkpoint: these bytes are no stored checkpoint",
        ),
        (
            "UPDATE ppair_checkpoint SET checkpoint = 7",
            "not as ppair makes them",
        ),
    ] {
        connect(&path).execute_batch(change).unwrap();
        let reason = unusable(SqliteStore::new(&path).load());
        assert!(reason.contains(expected), "{reason}");
    }
}
