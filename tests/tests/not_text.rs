//! Paths and variables that are not UTF-8: each is that very path, or refused.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use ppair_tests::stored::{count, stop, tell};
use ppair_tests::{FILE_SCHEMES, Fixture, Scratch, copy_program};

const STORED: &str = env!("CARGO_BIN_EXE_stored");

fn bytes(parts: &[&[u8]]) -> OsString {
    OsString::from_vec(parts.concat())
}

fn fixture(store: &OsStr) -> Fixture {
    Fixture::new(STORED).stdin().env("PPAIR_STORE", store)
}

/// One more durable commit; returns the count.
fn add(fixture: Fixture) -> u64 {
    let mut pair = fixture.spawn();
    pair.stdout_line();
    let added = count(&tell(&mut pair, "durable"));
    stop(pair);
    added
}

/// The files in a folder that are no locks of a store, nor SQLite's.
fn stores(folder: &Path) -> Vec<Vec<u8>> {
    let names = fs::read_dir(folder).expect("a folder");
    let names = names.map(|entry| entry.expect("a name").file_name().into_vec());
    let mut names: Vec<_> = names
        .filter(|name| {
            let ends = [&b".lock"[..], b"-wal", b"-shm"];
            !ends.iter().any(|end| name.ends_with(end))
        })
        .collect();
    names.sort();
    names
}

#[test]
fn a_store_is_at_that_very_path() {
    for scheme in FILE_SCHEMES {
        let folder = Scratch::new();
        let path = folder.path().as_os_str().as_bytes();
        let store = |end: &[u8]| bytes(&[scheme.as_bytes(), b":", path, b"/x", end]);
        for rounds in 1..=2 {
            for end in [&b"\xfe"[..], b"\xfd", "\u{fffd}".as_bytes(), b"\\xFE"] {
                assert_eq!(add(fixture(&store(end))), rounds, "{scheme} {end:?}");
            }
        }
        let expected = [&b"x\\xFE"[..], "x\u{fffd}".as_bytes(), b"x\xfd", b"x\xfe"];
        assert_eq!(stores(folder.path()), expected, "{scheme}");
        // Its lock is next to it.
        let lock = bytes(&[path, b"/x\xfe.lock"]);
        assert!(Path::new(&lock).exists());
    }
}

#[test]
fn a_relative_path_begins_in_the_folder_of_the_start() {
    let folder = Scratch::new();
    let elsewhere = Scratch::new();
    for scheme in FILE_SCHEMES {
        for name in [&b"a\xfe"[..], b"a\xfd"] {
            let here = folder.join(scheme).join(OsStr::from_bytes(name));
            fs::create_dir_all(&here).expect("a folder");
            for (number, file) in (1..).zip([&b"state"[..], b"state", b"\xff"]) {
                let fixture = fixture(&bytes(&[scheme.as_bytes(), b":", file]))
                    .env("SETUP_FOLDER", elsewhere.path())
                    .with(|command| {
                        command.current_dir(&here);
                    });
                let expected = if file == b"state" { number } else { 1 };
                assert_eq!(add(fixture), expected);
            }
            assert_eq!(stores(&here), [&b"state"[..], b"\xff"]);
        }
    }
    assert!(stores(elsewhere.path()).is_empty());
}

#[test]
fn what_has_to_be_text_is_refused() {
    for (name, value, said) in [
        (
            "PPAIR_STORE",
            &b"shm:x\xfe"[..],
            "a name in UTF-8 after `shm:`",
        ),
        (
            "PPAIR_STORE",
            b"postgres://h/\xfe",
            "in UTF-8, after `postgres:`",
        ),
        ("PPAIR_STORE", b"\xfe", "expected `memory`"),
        ("PPAIR_STORE", b"\xfe:/x", "expected `memory`"),
        ("PPAIR_MAX_RESTARTS", b"3\xfe", "3\\xFE"),
        ("PPAIR_RESTART", b"\xfe", "\\xFE"),
        ("PPAIR", b"\xfe", "\\xFE"),
    ] {
        let end = Fixture::new(STORED)
            .env(name, OsStr::from_bytes(value))
            .run();
        end.expect_code(78);
        let refused = end.events("refused");
        let reason = refused[0].value("reason");
        assert!(reason.contains(name) && reason.contains(said), "{reason}");
    }
}

#[test]
fn a_variable_whose_name_is_no_text_is_none_of_ours() {
    let folder = Scratch::new();
    let store = bytes(&[b"file:", folder.path().as_os_str().as_bytes(), b"/state"]);
    let mut pair = fixture(&store)
        .env(OsStr::from_bytes(b"PPAIR_STORE\xfe"), "x")
        .spawn();
    let warning = pair.event("warning");
    assert!(warning.value("reason").contains("PPAIR_STORE\\xFE"));
    pair.stdout_line();
    stop(pair);
}

#[test]
fn the_log_has_such_a_path_in_one_spelling() {
    let folder = Scratch::new();
    let path = folder.path().as_os_str().as_bytes();
    let store = bytes(&[b"file:", path, b"/x\xfe"]);
    let mut holder = fixture(&store).spawn();
    holder.stdout_line();
    let end = fixture(&store).run();
    end.expect_code(75);
    let reason = end.events("refused")[0].value("reason").to_owned();
    let shown = format!("file:{}/x\\xFE ", folder.path().display());
    assert!(reason.contains(&shown), "{reason}");
    stop(holder);
}

#[test]
fn a_program_may_be_called_anything() {
    let folder = Scratch::new();
    let path = folder.path().as_os_str().as_bytes();
    let program = bytes(&[path, b"/program\xfe"]);
    copy_program(STORED, &program);
    let store = bytes(&[b"file:", path, b"/state"]);
    let start = || Fixture::new(&program).stdin().env("PPAIR_STORE", &store);
    assert_eq!(add(start()), 1);
    let mut holder = start().spawn();
    holder.stdout_line();
    let end = fixture(&store).run();
    end.expect_code(75);
    let reason = end.events("refused")[0].value("reason").to_owned();
    assert!(reason.contains("(program\\xFE)"), "{reason}");
    assert_eq!(count(&tell(&mut holder, "durable")), 2);
    stop(holder);
}
