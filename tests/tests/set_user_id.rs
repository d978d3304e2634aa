//! Who starts the program: a caller whose rights are smaller than the program's, and what the
//! keeper's children see.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statvfs::{FsFlags, statvfs};
use ppair_tests::stored::{stop, tell};
use ppair_tests::{
    End, Fixture, Manager, Power, Scratch, copy_program, eventually, keeper, lacks, value,
};

const STORED: &str = env!("CARGO_BIN_EXE_stored");

/// An ordinary user, who need not have a name.
const CALLER: &str = "64321";

/// How a program has more rights than its caller.
#[derive(Clone, Copy, Debug)]
enum By {
    UserId,
    GroupId,
    Capability,
}

/// Where such a program is heeded: a file system without `nosuid`, in a process that may gain
/// rights.
fn may_gain(folder: &Path) -> Power {
    let is_root = nix::unistd::geteuid().is_root();
    let takes = statvfs(folder).is_ok_and(|found| !found.flags().contains(FsFlags::ST_NOSUID));
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let may = !status.lines().any(|line| line == "NoNewPrivs:\t1");
    Power::new("set_user_id", is_root && takes && may)
}

/// A copy of the program with more rights than its caller.
fn program(folder: &Scratch, by: By) -> PathBuf {
    let path = folder.join("program");
    let _ = fs::remove_file(&path);
    copy_program(STORED, &path);
    let mode = match by {
        By::UserId => 0o4755,
        By::GroupId => 0o2755,
        By::Capability => {
            give_capability(&path);
            0o755
        }
    };
    let permissions = fs::Permissions::from_mode(mode);
    fs::set_permissions(&path, permissions).expect("a mode");
    path
}

/// `cap_net_bind_service+ep`, as `setcap` would write it (capabilities(7), `struct vfs_cap_data`).
fn give_capability(path: &Path) {
    const REVISION_2: u32 = 0x0200_0000;
    const EFFECTIVE: u32 = 1;
    const NET_BIND_SERVICE: u32 = 1 << 10;
    let words = [REVISION_2 | EFFECTIVE, NET_BIND_SERVICE, 0, 0, 0];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let path = std::ffi::CString::new(path.to_str().expect("UTF-8")).expect("no zero");
    // SAFETY: two strings that end with a zero, and as many bytes as are said to be there.
    let set = unsafe {
        let name = c"security.capability".as_ptr();
        nix::libc::setxattr(path.as_ptr(), name, bytes.as_ptr().cast(), bytes.len(), 0)
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}

/// The program, started by a user whose rights are smaller. The environment is that of `variables`.
fn by_caller(program: &Path, variables: &[(&str, String)]) -> Fixture {
    let mut fixture = Fixture::new("setpriv")
        .args([format!("--reuid={CALLER}"), format!("--regid={CALLER}")])
        .arg("--clear-groups")
        // `$$` is also the process id of the program.
        .args([
            "sh",
            "-c",
            "export PPAIR_RESUME=\"$$,$RESUME\"; exec \"$0\"",
        ])
        .arg(program)
        .stdin();
    for (name, value) in variables {
        fixture = fixture.env(name, value);
    }
    fixture
}

#[test]
fn a_program_with_more_rights_than_its_caller_obeys_no_variable() {
    let test = "a_program_with_more_rights_than_its_caller_obeys_no_variable";
    let folder = Scratch::new();
    if lacks(test, &may_gain(folder.path())) {
        return;
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    for by in [By::UserId, By::GroupId, By::Capability] {
        let program = program(&folder, by);
        let manager = Manager::new();
        let store = folder.join("store");
        let variables = [
            ("PPAIR_STORE", format!("file:{}", store.display())),
            ("PPAIR_RESTART", "always".to_owned()),
            ("PPAIR_NO_SUCH_THING", "1".to_owned()),
            ("PPAIR", "off".to_owned()),
            ("RESUME", "7,-1,-1,1,1,1,0,0,0,0,0,-1,-1,-1,0".to_owned()),
        ];
        let mut pair = manager.of(by_caller(&program, &variables)).spawn();
        let started = pair.event("started");
        assert_eq!(started.get("store"), None, "{by:?}");
        pair.stdout_line();
        assert_eq!(tell(&mut pair, "report"), "store none", "{by:?}");
        pair.stdout_line();
        // With `always` it would be started again.
        pair.write_line("exit 0");
        let end = pair.finish();
        end.expect_code(0);
        assert!(end.events("warning").is_empty(), "{by:?}");
        assert!(!store.exists(), "{by:?}");
        assert!(manager.has_heard_nothing(), "{by:?}");
    }
}

#[test]
fn so_it_does_without_more_rights() {
    let test = "so_it_does_without_more_rights";
    if lacks(test, &Power::root()) {
        return;
    }
    let folder = Scratch::new();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("a mode");
    let program = folder.join("program");
    copy_program(STORED, &program);
    let store = folder.join("store");
    let name = format!("file:{}", store.display());
    let mut pair = by_caller(&program, &[("PPAIR_STORE", name)]).spawn();
    pair.stdout_line();
    tell(&mut pair, "durable");
    assert!(store.exists());
    stop(pair);
}

/// Runs the program with a forged hand-over, for its own process id.
fn forged(folder: &Scratch, rest: &str) -> End {
    let store = format!("file:{}", folder.join("store").display());
    Fixture::new("sh")
        .args(["-c", "PPAIR_RESUME=\"$$,$0\" exec \"$1\"", rest, STORED])
        .env("PPAIR_STORE", store)
        .run()
}

#[test]
fn a_forged_hand_over_ends_the_program_and_nothing_else() {
    let folder = Scratch::new();
    let store = format!("file:{}", folder.join("store").display());
    let mut pair = Fixture::new(STORED)
        .stdin()
        .env("PPAIR_STORE", store)
        .spawn();
    pair.stdout_line();
    tell(&mut pair, "durable");
    stop(pair);
    let before = fs::read(folder.join("store")).expect("a store");
    for segment in ["-1", "0", "1", "2", "3", "99", "2147483647", "-2147483648"] {
        for rest in ["-1,-1,1,1,1", "5,6,-7,18446744073709551615,4294967295"] {
            let end = forged(&folder, &format!("{segment},{rest},0,0,0,0,-5,8,9,10,1"));
            end.expect_code(71);
            assert_eq!(end.events("refused").len(), 1);
            let other = end.other_stderr();
            assert!(other.is_empty(), "{other:?}");
        }
    }
    let stored = || fs::read(folder.join("store")).expect("a store");
    assert!(stored() == before);
    // What is none is dropped. Such a program is a pair like any other, which puts its mark into
    // the first sector.
    for rest in ["", "x", "7,-1,-1"] {
        let end = forged(&folder, rest);
        end.expect_code(0);
    }
    assert!(stored()[512..] == before[512..]);
}

#[test]
fn what_the_keeper_starts_does_not_speak_for_the_service() {
    let folder = Scratch::new();
    let manager = Manager::new();
    let seen = folder.join("environment");
    fs::write(&seen, "").expect("a file");
    let fixture = Fixture::new(STORED)
        .stdin()
        .arg("own")
        .env("OWN_STORE", folder.path())
        .env("WATCHDOG_USEC", "600000000")
        .env("LISTEN_FDNAMES", "kept");
    let mut pair = manager.of(fixture).spawn();
    pair.stdout_line();
    // As it loads, as it saves, and in a keeper that was started later.
    let first = keeper(pair.pid()).expect("there is one");
    tell(&mut pair, "durable");
    pair.kill(first, nix::sys::signal::Signal::SIGKILL);
    eventually("another keeper", Duration::from_secs(20), || {
        keeper(pair.pid()).filter(|now| *now != first)
    });
    let answer = tell(&mut pair, "durable");
    assert_eq!(value(&answer, "count"), "2", "{answer}");
    stop(pair);
    let seen = fs::read_to_string(seen).expect("text");
    let times = seen.matches("LISTEN_FDNAMES=kept").count();
    assert!(times >= 3, "{times}");
    for hidden in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        assert!(!seen.contains(hidden), "{hidden}");
    }
}
