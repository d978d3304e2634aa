//! A program that closes all descriptors and opens its own finds nothing of ppair's in them,
//! whenever it does so, and no commit is lost without an error.

use std::fs;
use std::io::Read as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use ppair_tests::stray::MARK;
use ppair_tests::{Fixture, Scratch, Shortage, Terminal};

const STRAYS: &str = env!("CARGO_BIN_EXE_strays");

/// Standard error of the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Log {
    Pipe,
    Terminal,
    File,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    has_store: bool,
    is_guarded: bool,
    is_ready: bool,
    log: Log,
    /// The first number that is closed.
    first: u8,
}

/// All of them, each of which closes standard error in one half of the moments.
fn cases(moment: usize) -> impl Iterator<Item = Case> {
    (0..24).map(move |number| Case {
        has_store: number & 1 != 0,
        is_guarded: number & 2 != 0,
        is_ready: number & 4 != 0,
        log: [Log::Pipe, Log::Terminal, Log::File][number / 8],
        first: if (number.count_ones() as usize + number / 8 + moment) % 2 == 0 {
            0
        } else {
            3
        },
    })
}

fn on_or_off(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

fn check(moment: &str, case: Case, shortage: Option<&Shortage>) {
    let what = format!("{moment} {case:?}");
    let folder = Scratch::new();
    let listener = UnixListener::bind(folder.join("socket")).expect("a socket");
    let terminal = Terminal::new();
    let log = match case.log {
        Log::Pipe => None,
        Log::Terminal => Some(terminal.path()),
        Log::File => Some(folder.join("log")),
    };
    let mut fixture = match &log {
        None => Fixture::new(STRAYS),
        Some(path) => Fixture::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 2>>\"$LOG\"", STRAYS])
            .env("LOG", path),
    };
    fixture = fixture
        .args([moment, &case.first.to_string()])
        .arg(folder.path())
        .env("PPAIR_GUARD", on_or_off(case.is_guarded))
        .env("PPAIR_HANG_TIMEOUT", "120s")
        .deadline(Duration::from_secs(120));
    if case.is_ready {
        fixture = fixture.arg("ready");
    }
    if case.has_store {
        fixture = fixture.env(
            "PPAIR_STORE",
            format!("file:{}", folder.join("state").display()),
        );
    }
    if let Some(shortage) = shortage {
        shortage.begin();
        fixture = shortage.on(fixture);
    }
    let end = fixture.run();
    let strays = look_at_strays(folder.path(), &listener, &what);
    assert!(strays >= 8, "{what}: {strays}\n{:?}", end.stderr);
    let said = |name| {
        fs::read_to_string(folder.join(name))
            .unwrap_or_else(|error| panic!("{what}: {name}: {error}\n{:?}", end.stderr))
    };
    let committed = said("committed");
    if moment == "degraded" {
        // Nothing is a pair again that has lost what a pair consists of. Without one, a death is
        // the program's.
        let [small, big, errors, changed] = numbers(&committed);
        assert_eq!(
            [errors, changed],
            [0, 0],
            "{what}: {committed}\n{:?}",
            end.stderr
        );
        assert!(small == big && small > 60, "{what}: {committed}");
        assert_eq!(end.code(), None, "{what}\n{:?}", end.stderr);
        return;
    }
    let [small, big, errors, changed] = numbers(&committed);
    assert_eq!(
        [errors, changed],
        [0, 0],
        "{what}: {committed}\n{:?}",
        end.stderr
    );
    let found = said("found");
    assert_eq!(numbers(&found), [small, big, 0, 0], "{what}: {committed}");
    end.expect_code(0);
    if case.log == Log::File && (moment, case.first) != ("setup", 0) {
        let log = fs::read_to_string(folder.join("log")).expect("text");
        assert_eq!(log.matches("event=died").count(), 1, "{what}\n{log}");
    }
}

fn numbers(text: &str) -> [u64; 4] {
    let numbers = text
        .split(' ')
        .map(|number| number.parse().expect("a number"));
    numbers
        .collect::<Vec<_>>()
        .try_into()
        .expect("four of them")
}

/// Returns how many files and sockets the program has opened: each holds what it has written, and
/// nothing else.
fn look_at_strays(folder: &Path, listener: &UnixListener, what: &str) -> usize {
    let mut count = 0;
    loop {
        let path = folder.join(format!("stray-{count}"));
        let Ok(bytes) = fs::read(path) else { break };
        assert_eq!(
            bytes.escape_ascii().to_string(),
            MARK.escape_ascii().to_string(),
            "{what}: file {count}"
        );
        count += 1;
    }
    listener.set_nonblocking(true).expect("a listener");
    let mut sockets = 0;
    while let Ok((mut socket, _)) = listener.accept() {
        socket.set_nonblocking(false).expect("a socket");
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("a socket");
        let mut bytes = Vec::new();
        socket
            .read_to_end(&mut bytes)
            .expect("all that had it have ended");
        assert_eq!(
            bytes.escape_ascii().to_string(),
            MARK.escape_ascii().to_string(),
            "{what}: socket {sockets}"
        );
        sockets += 1;
    }
    assert_eq!(count, sockets, "{what}");
    count + sockets
}

fn check_all(number: usize, moment: &str) {
    for case in cases(number) {
        check(moment, case, None);
    }
}

#[test]
fn after_setup() {
    check_all(0, "setup");
}

#[test]
fn at_the_start_of_main() {
    check_all(1, "start");
}

#[test]
fn after_the_first_commit() {
    check_all(2, "commit");
}

#[test]
fn after_ready() {
    check_all(3, "ready");
}

#[test]
fn between_commits() {
    check_all(4, "between");
}

#[test]
fn while_commits_are_waited_for() {
    check_all(5, "durable");
}

#[test]
fn in_a_thread() {
    check_all(6, "thread");
}

#[test]
fn before_a_panic() {
    check_all(7, "panic");
}

#[test]
fn before_an_exit() {
    check_all(8, "exit");
}

#[test]
fn in_a_degraded_process() {
    let shortage = Shortage::new();
    for case in cases(9) {
        check("degraded", case, Some(&shortage));
    }
}
