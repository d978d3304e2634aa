//! Limits of the system (setrlimit(2)), and signals that a write can bring about: for a pair they
//! are errors with a reason, and for the program what they are without one.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use ppair_tests::{
    End, Fixture, Pid, Running, Scratch, Shortage, Signal, Terminal, eventually, keeper, value,
};

const STORED: &str = env!("CARGO_BIN_EXE_stored");

/// The fixture, with limits.
fn limited(limits: &[(Resource, u64)]) -> Fixture {
    let limits = limits.to_vec();
    Fixture::new(STORED).stdin().with(move |command| {
        use std::os::unix::process::CommandExt as _;
        let set = move || {
            for (resource, limit) in &limits {
                setrlimit(*resource, *limit, *limit)?;
            }
            Ok(())
        };
        // SAFETY: the closure runs between fork and exec and makes system calls only, which is
        // allowed there.
        unsafe { command.pre_exec(set) };
    })
}

/// Sets the limit of file sizes of a process that runs. The higher one stays.
fn limit_files(pid: Pid, bytes: u64) {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is writable.
    let got = unsafe {
        libc::prlimit(
            pid.as_raw(),
            libc::RLIMIT_FSIZE,
            std::ptr::null(),
            &raw mut limit,
        )
    };
    assert_eq!(got, 0);
    limit.rlim_cur = bytes;
    // SAFETY: `limit` is valid.
    let set = unsafe {
        libc::prlimit(
            pid.as_raw(),
            libc::RLIMIT_FSIZE,
            &raw const limit,
            std::ptr::null_mut(),
        )
    };
    assert_eq!(set, 0);
}

fn refusal(end: &End) -> String {
    let refused = end.events("refused");
    assert_eq!(refused.len(), 1, "{:?}", end.stderr);
    refused[0].value("reason").to_owned()
}

#[test]
fn without_room_for_a_file_nothing_begins_and_the_reason_is_said() {
    for limit in [0, 1, 4096] {
        let end = limited(&[(Resource::RLIMIT_FSIZE, limit)]).run();
        end.expect_code(71);
        let reason = refusal(&end);
        assert!(reason.contains("File too large"), "{reason}");
        assert!(reason.contains("ulimit -f"), "{reason}");
    }
}

#[test]
fn a_store_that_may_not_be_so_large_is_refused_or_fails() {
    let (mut begun, mut refused) = (0, 0);
    for limit in [0, 1, 1000, 8192, 16_384, 65_536, 1 << 20] {
        let folder = Scratch::new();
        let end = limited(&[(Resource::RLIMIT_FSIZE, limit)])
            .env(
                "PPAIR_STORE",
                format!("file:{}", folder.join("state").display()),
            )
            .run();
        if end.code() == Some(0) {
            begun += 1;
        } else {
            end.expect_code(71);
            let reason = refusal(&end);
            assert!(reason.contains("File too large"), "{limit}: {reason}");
            refused += 1;
        }
    }
    assert!(begun > 0 && refused > 0, "{begun} {refused}");
}

#[test]
fn a_store_that_must_not_grow_fails_and_recovers() {
    let folder = Scratch::new();
    let mut pair = limited(&[])
        .env(
            "PPAIR_STORE",
            format!("file:{}", folder.join("state").display()),
        )
        .env("PPAIR_STORE_INTERVAL", "10ms")
        .spawn();
    let begin = pair.stdout_line();
    let store = keeper(pair.pid()).expect("a keeper");
    limit_files(store, 16);
    pair.write_line("add");
    let failed = pair.event("store_failed");
    assert!(
        failed.value("reason").contains("File too large"),
        "{failed:?}"
    );
    limit_files(store, 1 << 30);
    pair.event("store_recovered");
    assert_eq!(keeper(pair.pid()), Some(store), "it has lived on");
    let line = pair.stdout_line();
    assert_eq!(value(&line, "pid"), value(&begin, "pid"));
    pair.finish().expect_code(0);
}

#[test]
fn a_guarded_worker_commits_under_any_limit() {
    let mut pair = Fixture::new(STORED)
        .stdin()
        .env("PPAIR_GUARD", "on")
        .spawn();
    pair.stdout_line();
    let worker = pair.event("started").pid("worker");
    pair.write_line("add");
    assert_eq!(value(&pair.stdout_line(), "count"), "1");
    limit_files(worker, 0);
    for count in ["2", "3"] {
        pair.write_line("add");
        assert_eq!(value(&pair.stdout_line(), "count"), count);
    }
    pair.write_line("abort");
    let begin = pair.stdout_line();
    assert_eq!(
        (value(&begin, "count"), value(&begin, "incarnation")),
        ("3", "2")
    );
    pair.finish().expect_code(0);
}

/// What a plain program dies of, the worker dies of: also if its watch dog takes its place.
#[test]
fn the_programs_own_write_beyond_the_limit_is_its_death() {
    for is_degraded in [false, true] {
        for guard in ["on", "off"] {
            let folder = Scratch::new();
            let shortage = Shortage::new();
            let mut fixture = limited(&[(Resource::RLIMIT_FSIZE, 40_000)])
                .env("PPAIR_GUARD", guard)
                .env("PPAIR_RESTART", "never")
                .env("WRITE_TO", folder.join("large"));
            if is_degraded {
                shortage.begin();
                fixture = shortage.on(fixture);
            }
            let mut pair = fixture.spawn();
            pair.stdout_line();
            pair.write_line("add");
            assert_eq!(value(&pair.stdout_line(), "count"), "1");
            pair.write_line("write");
            let end = pair.finish();
            if is_degraded {
                assert_eq!(end.status.signal(), Some(libc::SIGXFSZ), "{:?}", end.stderr);
            } else {
                end.expect_code(128 + Signal::SIGXFSZ as i32);
                assert_eq!(end.events("died")[0].value("signal"), "SIGXFSZ");
            }
        }
    }
}

/// `PPAIR=off`: what the pair has brought upon itself is not the program's.
#[test]
fn a_program_that_runs_alone_has_its_signals() {
    let folder = Scratch::new();
    let mut alone = limited(&[(Resource::RLIMIT_FSIZE, 40_000)])
        .env("PPAIR", "off")
        .env("WRITE_TO", folder.join("large"))
        .spawn();
    alone.stdout_line();
    alone.write_line("write");
    assert_eq!(alone.finish().status.signal(), Some(libc::SIGXFSZ));
}

#[test]
fn a_log_that_nobody_reads_any_more_ends_nobody() {
    for guard in ["on", "off"] {
        let folder = Scratch::new();
        let path = folder.join("log");
        mkfifo(&path, Mode::from_bits_truncate(0o600)).expect("a pipe");
        // Opened without a wait for who writes.
        let mut options = fs::File::options();
        options.read(true).custom_flags(nix::libc::O_NONBLOCK);
        let mut log = options.open(&path).expect("the pipe");
        let mut pair = Fixture::new("sh")
            .args(["-c", "exec \"$0\" 2>\"$LOG\"", STORED])
            .stdin()
            .env("LOG", &path)
            .env("PPAIR_GUARD", guard)
            .env("SIGPIPE", "default")
            .spawn();
        let mut begin = [0; 12];
        // Nothing at first, and then a line in one write.
        eventually("the line of the start", Duration::from_secs(30), || {
            log.read_exact(&mut begin).ok()
        });
        assert_eq!(&begin, b"ppair event=");
        pair.stdout_line();
        drop(log);
        for incarnation in ["2", "3"] {
            pair.write_line("abort");
            assert_eq!(value(&pair.stdout_line(), "incarnation"), incarnation);
        }
        pair.finish().expect_code(0);
    }
}

/// `stty tostop`: what writes to a terminal from the background is stopped, and a watch dog must
/// not be.
#[test]
fn a_line_on_a_terminal_does_not_stop_the_watch_dog() {
    let terminal = Terminal::new();
    let script = "stty tostop <\"$TTY\"; set -m; \"$0\" <&3 2>\"$TTY\" & wait";
    let mut shell: Running = terminal
        .of(Fixture::new("sh")
            .args(["-c", "exec 3<&0; eval \"$SCRIPT\"", STORED])
            .stdin())
        .env("SCRIPT", script)
        .env("TTY", terminal.path())
        .spawn();
    shell.stdout_line();
    for incarnation in ["2", "3"] {
        shell.write_line("abort");
        assert_eq!(value(&shell.stdout_line(), "incarnation"), incarnation);
    }
    let end = shell.finish();
    end.expect_code(0);
}

/// Whatever there is too little of: the pair begins, or says why not.
#[test]
fn a_limit_is_kept_or_is_a_reason() {
    // With fewer the program itself is not loaded.
    let files = (4..24).map(|limit| (Resource::RLIMIT_NOFILE, limit));
    let others = [
        (Resource::RLIMIT_MEMLOCK, 0),
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_STACK, 512 << 10),
        (Resource::RLIMIT_AS, 16 << 20),
        (Resource::RLIMIT_AS, 64 << 20),
    ];
    for limit in files.chain(others) {
        for store in [false, true] {
            let folder = Scratch::new();
            let mut fixture = limited(&[limit]).deadline(Duration::from_secs(120));
            if store {
                let path = folder.join("state");
                fixture = fixture.env("PPAIR_STORE", format!("file:{}", path.display()));
            }
            let end = fixture.run();
            match end.code() {
                Some(0) => {}
                Some(71) => assert!(!refusal(&end).is_empty()),
                _ => panic!("{limit:?} {store}: {:?} {:?}", end.status, end.stderr),
            }
        }
    }
}
