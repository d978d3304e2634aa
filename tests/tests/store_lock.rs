//! Pairs whose lock, file or folder is removed, moved or replaced below them: of two pairs one at
//! most confirms, and it says what has happened.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use ppair_tests::stored::{count, keeper_of, stop, tell};
use ppair_tests::{
    FILE_SCHEMES, Fixture, Running, Scratch, Shortage, eventually, is_alive, is_stopped, value,
};

const STORED: &str = env!("CARGO_BIN_EXE_stored");
const SOON: Duration = Duration::from_secs(20);

fn stored(store: &str) -> Fixture {
    Fixture::new(STORED)
        .stdin()
        .env("PPAIR_STORE", store)
        .deadline(Duration::from_secs(90))
}

fn start(store: &str) -> (Running, String) {
    let mut pair = stored(store).spawn();
    let begin = pair.stdout_line();
    (pair, begin)
}

fn lock_of(file: &Path) -> PathBuf {
    let mut lock = file.as_os_str().to_owned();
    lock.push(".lock");
    lock.into()
}

/// The reason why no pair begins.
fn refused(store: &str, code: i32) -> String {
    let end = stored(store).run();
    end.expect_code(code);
    end.events("refused")[0].value("reason").to_owned()
}

/// Commits durably until that works.
fn until_stored(pair: &mut Running) -> u64 {
    eventually("a commit is stored", SOON, || {
        let line = tell(pair, "durable");
        if line.starts_with("error ") {
            pair.stdout_line();
            return None;
        }
        Some(count(&line))
    })
}

/// Why a commit is not confirmed.
fn not_stored(pair: &mut Running) -> String {
    let error = tell(pair, "durable");
    assert!(error.starts_with("error generation "), "{error}");
    pair.stdout_line();
    error
}

#[test]
fn without_its_lock_file_a_store_is_held_all_the_same() {
    let folder = Scratch::new();
    let shm = format!("ppair-lock-test-{}", std::process::id());
    for (store, file) in [
        (
            format!("file:{}", folder.join("state").display()),
            folder.join("state"),
        ),
        (format!("shm:{shm}"), Path::new("/dev/shm").join(&shm)),
    ] {
        let (mut first, _) = start(&store);
        for number in 1..=3 {
            fs::remove_file(lock_of(&file)).expect("it was there");
            let reason = refused(&store, 75);
            let holder = format!("process {} (stored)", first.pid());
            assert!(reason.contains(&holder), "{reason}");
            assert!(until_stored(&mut first) >= number);
        }
        // It is made anew, also by a pair that commits nothing.
        fs::remove_file(lock_of(&file)).expect("it was there");
        eventually("there is a lock", SOON, || {
            lock_of(&file).exists().then_some(())
        });
        stop(first);
        for path in [lock_of(&file), file] {
            fs::remove_file(path).expect("it was there");
        }
    }
}

#[cfg(feature = "full")]
#[test]
fn a_database_without_its_lock_file_is_never_confirmed_by_two() {
    let folder = Scratch::new();
    let file = folder.join("state");
    let store = format!("sqlite:{}", file.display());
    // Its keeper does not look before it has to.
    let mut first = stored(&store).env("PPAIR_STORE_INTERVAL", "1h").spawn();
    first.stdout_line();
    tell(&mut first, "durable");
    fs::remove_file(lock_of(&file)).expect("it was there");
    // The database itself is locked too.
    let second = stored(&store).run();
    second.expect_code(75);
    let refused = &second.events("refused")[0];
    // By that lock, or, if the keeper has made the other one anew already, by its signature.
    let holders = [
        format!("process {} (ppair-keeper)", keeper_of(&first)),
        format!("process {} (stored)", first.pid()),
    ];
    let reason = refused.value("reason");
    assert!(
        holders.iter().any(|holder| reason.contains(holder)),
        "{reason}"
    );
    for number in 2..=4 {
        assert_eq!(count(&tell(&mut first, "durable")), number);
    }
    stop(first);
    let (pair, begin) = start(&store);
    assert_eq!(count(&begin), 4);
    stop(pair);
}

#[test]
fn a_pair_whose_folder_was_moved_confirms_nothing_until_it_is_back() {
    let scratch = Scratch::new();
    for scheme in FILE_SCHEMES {
        let (folder, away) = (scratch.join(scheme), scratch.join("away"));
        fs::create_dir(&folder).expect("made");
        let store = format!("{scheme}:{}", folder.join("state").display());
        let (mut first, _) = start(&store);
        assert_eq!(count(&tell(&mut first, "durable")), 1);
        fs::rename(&folder, &away).expect("it is there");
        not_stored(&mut first);
        fs::create_dir(&folder).expect("made");
        let error = eventually("it is not its folder", SOON, || {
            let error = not_stored(&mut first);
            (!error.contains("No such file")).then_some(error)
        });
        assert!(
            error.contains("moved") && error.contains("put it back"),
            "{error}"
        );
        first.event("store_failed");
        // The first one has the lock of the new folder, and not for long.
        let (mut second, begin) = eventually("its lock is free", SOON, || {
            // The first one makes it anew whenever it tries.
            let _ = fs::remove_file(lock_of(&folder.join("state")));
            let mut pair = stored(&store).spawn();
            let begin = pair.try_stdout_line()?;
            Some((pair, begin))
        });
        assert_eq!(count(&begin), 0);
        for _ in 0..3 {
            not_stored(&mut first);
            tell(&mut second, "durable");
        }
        stop(second);
        eventually("its folder is back", SOON, || {
            // The first one may make a lock in it meanwhile.
            let _ = fs::remove_dir_all(&folder);
            fs::rename(&away, &folder).ok()
        });
        let last = until_stored(&mut first);
        first.event("store_recovered");
        stop(first);
        let (pair, begin) = start(&store);
        assert_eq!(count(&begin), last);
        stop(pair);
    }
}

#[test]
fn a_pair_whose_file_was_replaced_confirms_nothing_until_it_is_back() {
    let scratch = Scratch::new();
    for scheme in FILE_SCHEMES {
        let (file, away) = (scratch.join(scheme), scratch.join("away"));
        let store = format!("{scheme}:{}", file.display());
        let (mut pair, _) = start(&store);
        tell(&mut pair, "durable");
        fs::rename(&file, &away).expect("it is there");
        for _ in 0..2 {
            let error = not_stored(&mut pair);
            assert!(error.contains("moved"), "{error}");
            assert!(!file.exists(), "there would be two");
        }
        fs::copy(&away, &file).expect("copied");
        for _ in 0..2 {
            assert!(not_stored(&mut pair).contains("was replaced"));
        }
        // Nor does a keeper that is started now know better.
        fs::remove_file(&file).expect("it is there");
        let keeper = keeper_of(&pair);
        pair.kill(keeper, Signal::SIGKILL);
        not_stored(&mut pair);
        assert!(!file.exists(), "there would be two");
        fs::rename(&away, &file).expect("it is there");
        let last = until_stored(&mut pair);
        stop(pair);
        let (pair, begin) = start(&store);
        assert_eq!(count(&begin), last);
        stop(pair);
    }
}

#[test]
fn a_file_that_was_removed_is_made_anew_by_the_pair_that_has_it() {
    let scratch = Scratch::new();
    for scheme in FILE_SCHEMES {
        let file = scratch.join(scheme);
        let store = format!("{scheme}:{}", file.display());
        let (mut pair, _) = start(&store);
        tell(&mut pair, "durable");
        fs::remove_file(&file).expect("it is there");
        not_stored(&mut pair);
        let last = until_stored(&mut pair);
        refused(&store, 75);
        stop(pair);
        let (pair, begin) = start(&store);
        assert_eq!(count(&begin), last);
        stop(pair);
    }
}

/// The image that begins after a repair takes over a lock that is not at its path any more.
#[test]
fn a_pair_that_was_repaired_knows_its_store_by_its_own_path() {
    let scratch = Scratch::new();
    let file = scratch.join("state");
    let store = format!("file:{}", file.display());
    let shortage = Shortage::new();
    let mut pair = shortage.on(stored(&store)).spawn();
    pair.stdout_line();
    tell(&mut pair, "add");
    let keeper = keeper_of(&pair);
    shortage.begin();
    pair.write_line("abort");
    assert!(pair.stdout_line().contains("count=1"));
    fs::rename(lock_of(&file), scratch.join("other.lock")).expect("it is there");
    shortage.end();
    eventually("it is a pair again", SOON, || {
        let line = tell(&mut pair, "add");
        (value(&line, "degraded") == "false").then_some(())
    });
    pair.event("repaired");
    // The next keeper is forked from that image.
    eventually("the keeper is the old one", SOON, || {
        (keeper_of(&pair) == keeper).then_some(())
    });
    pair.kill(keeper, Signal::SIGKILL);
    let last = until_stored(&mut pair);
    refused(&store, 75);
    assert!(!scratch.join("other").exists());
    stop(pair);
    let (pair, begin) = start(&store);
    assert_eq!(count(&begin), last);
    stop(pair);
}

#[test]
fn who_holds_a_store_is_looked_up_among_the_living() {
    let scratch = Scratch::new();
    let store = format!("file:{}", scratch.join("state").display());
    // The kernel continues what is stopped in a group that nobody outside of it is the parent of.
    let mut pair = Fixture::new("sh")
        .stdin()
        .args(["-c", "\"$0\"; exec sleep 1000", STORED])
        .env("PPAIR_STORE", &store)
        .deadline(Duration::from_secs(90))
        .spawn();
    pair.stdout_line();
    let started = pair.event("started");
    let (watchdog, worker) = (started.pid("watchdog"), started.pid("worker"));
    let keeper = eventually("there is a keeper", SOON, || ppair_tests::keeper(watchdog));
    pair.kill(keeper, Signal::SIGSTOP);
    eventually("it stands still", SOON, || is_stopped(keeper).then_some(()));
    for pid in [watchdog, worker] {
        pair.kill(pid, Signal::SIGKILL);
    }
    eventually("they are gone", SOON, || {
        (!is_alive(watchdog) && !is_alive(worker)).then_some(())
    });
    let reason = refused(&store, 75);
    let holder = format!(
        "held by another pair: process {keeper}, the keeper of a pair whose watch dog is dead (stored): it is stopped: continue it or kill it"
    );
    assert!(reason.contains(&holder), "{reason}");
    assert!(!reason.contains(&format!("process {watchdog}")), "{reason}");
    pair.kill(keeper, Signal::SIGKILL);
    let (next, _) = start(&store);
    stop(next);
}

#[test]
fn a_strangers_file_at_the_locks_path_is_left_alone() {
    let scratch = Scratch::new();
    for scheme in FILE_SCHEMES {
        let file = scratch.join("Cargo");
        let store = format!("{scheme}:{}", file.display());
        fs::write(lock_of(&file), "precious\n").expect("written");
        let reason = refused(&store, 78);
        assert!(
            reason.contains("Cargo.lock cannot be the lock of the store: ppair has not written"),
            "{reason}"
        );
        let found = fs::read(lock_of(&file)).expect("it is there");
        assert_eq!(found, b"precious\n");
        assert!(!file.exists());
    }
}

#[test]
fn each_file_is_its_owners_alone_whatever_the_umask() {
    let scratch = Scratch::new();
    for scheme in FILE_SCHEMES {
        let folder = scratch.join(scheme);
        fs::create_dir(&folder).expect("made");
        let store = format!("{scheme}:{}", folder.join("state").display());
        let with_umask = || {
            Fixture::new("sh")
                .stdin()
                .args(["-c", "umask 0777; exec \"$0\"", STORED])
                .env("PPAIR_STORE", &store)
        };
        for number in 1..=2 {
            let mut pair = with_umask().spawn();
            pair.stdout_line();
            assert_eq!(count(&tell(&mut pair, "durable")), number);
            for entry in fs::read_dir(&folder).expect("it is there").flatten() {
                let mode = entry.metadata().expect("it is there").permissions().mode();
                assert_eq!(mode & 0o7777, 0o600, "{}", entry.path().display());
            }
            stop(pair);
        }
        assert!(folder.join("state.lock").exists());
    }
}
