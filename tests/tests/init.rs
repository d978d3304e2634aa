//! The cases that `tini` and `dumb-init` test, with the watch dog in their place: exit codes, signals, strangers, a terminal;
//! as an ordinary process, and as process 1 of a PID namespace.

use std::time::Duration;

use ppair_tests::namespace::{as_process_1, process_1};
use ppair_tests::{
    End, Fixture, Key, Pid, Power, Running, Signal, Terminal, children, eventually, is_alive,
    lacks, stdout_lines, zombies,
};

const SERVICE: &str = env!("CARGO_BIN_EXE_service");
const SIGNALS: &str = env!("CARGO_BIN_EXE_signals");

/// What starts a program, and where its watch dog is found.
#[derive(Clone, Copy)]
enum Place {
    Process,
    Process1,
}

impl Place {
    /// Both, if this machine has both.
    fn all(test: &str) -> Vec<Self> {
        if lacks(test, &Power::namespaces()) {
            vec![Self::Process]
        } else {
            vec![Self::Process, Self::Process1]
        }
    }

    fn fixture(self, program: &str) -> Fixture {
        match self {
            Self::Process => Fixture::new(program),
            Self::Process1 => as_process_1(program),
        }
    }

    /// It must have said something already.
    fn watchdog(self, pair: &Running) -> Pid {
        match self {
            Self::Process => pair.pid(),
            Self::Process1 => process_1(pair),
        }
    }

    /// A service that has begun, its watch dog and its worker.
    fn service(self) -> (Running, Pid, Pid) {
        let fixture = self.fixture(SERVICE).env("PPAIR_RESTART", "never");
        let mut pair = fixture.stdin().spawn();
        assert!(pair.stdout_line().starts_with("begin"));
        let watchdog = self.watchdog(&pair);
        let worker = children(watchdog)[0];
        (pair, watchdog, worker)
    }
}

/// What is left when it has ended. Not before that is its standard input closed, at which it would end too.
fn ended(mut pair: Running) -> End {
    pair.wait();
    pair.finish()
}

#[test]
fn every_exit_code_is_passed_through() {
    for place in Place::all("every_exit_code_is_passed_through") {
        for code in 0..=255 {
            let (mut pair, ..) = place.service();
            pair.write_line(&format!("exit {code}"));
            pair.finish().expect_code(code);
        }
    }
}

#[test]
fn code_78_ends_also_what_is_restarted_after_everything_else() {
    let fixture = Fixture::new(SERVICE).env("PPAIR_RESTART", "always");
    let mut pair = fixture.stdin().spawn();
    for code in [0, 1, 70, 255, 78] {
        pair.write_line(&format!("exit {code}"));
    }
    let end = pair.finish();
    end.expect_code(78);
    assert_eq!(end.events("died").len(), 5);
}

/// All that end a program by default, but those that its worker inherits as ignored (`PIPE`, as any Rust program has it) or
/// that are the C library's own.
const DEADLY: [Signal; 21] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGILL,
    Signal::SIGTRAP,
    Signal::SIGABRT,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGKILL,
    Signal::SIGUSR1,
    Signal::SIGSEGV,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGTERM,
    Signal::SIGSTKFLT,
    Signal::SIGXCPU,
    Signal::SIGXFSZ,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
    Signal::SIGIO,
    Signal::SIGSYS,
];

#[test]
fn a_worker_that_a_signal_kills_gives_128_and_its_number() {
    for place in Place::all("a_worker_that_a_signal_kills_gives_128_and_its_number") {
        for signal in DEADLY {
            let (pair, _, worker) = place.service();
            eventually("its death", Duration::from_secs(20), || {
                // The first SIGSEGV or SIGBUS that somebody sends is lost: Rust's handler waits for it to come again.
                if is_alive(worker) {
                    pair.kill(worker, signal);
                }
                (!is_alive(worker)).then_some(())
            });
            let end = ended(pair);
            end.expect_code(128 + signal as i32);
            assert_eq!(end.events("died")[0].value("signal"), signal.as_str());
        }
    }
}

#[test]
fn a_signal_for_the_watch_dog_reaches_the_worker_once() {
    for place in Place::all("a_signal_for_the_watch_dog_reaches_the_worker_once") {
        for signal in [
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
            Signal::SIGUSR1,
            Signal::SIGQUIT,
            Signal::SIGWINCH,
        ] {
            let mut pair = place.fixture(SIGNALS).spawn();
            assert_eq!(pair.stdout_line(), "ready");
            let watchdog = place.watchdog(&pair);
            pair.kill(watchdog, signal);
            let got = format!("got {}", signal as i32);
            assert_eq!(pair.stdout_line(), got);
            // What came twice would have come before this one.
            pair.kill(watchdog, Signal::SIGUSR2);
            let end = pair.finish();
            end.expect_code(0);
            assert_eq!(stdout_lines(&end), ["ready", &got, "got 12"]);
        }
    }
}

#[test]
fn without_handlers_a_signal_for_the_watch_dog_ends_it_with_128_and_its_number() {
    for place in Place::all("without_handlers_a_signal_for_the_watch_dog_ends_it") {
        for signal in [
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
            Signal::SIGQUIT,
            Signal::SIGUSR1,
            Signal::SIGUSR2,
        ] {
            let (pair, watchdog, _) = place.service();
            pair.kill(watchdog, signal);
            ended(pair).expect_code(128 + signal as i32);
        }
    }
}

#[test]
fn strangers_are_reaped_while_the_worker_lives_and_are_not_taken_for_it() {
    for place in Place::all("strangers_are_reaped_while_the_worker_lives") {
        let (mut pair, watchdog, worker) = place.service();
        for _ in 0..20 {
            pair.write_line("daemon");
            assert!(pair.stdout_line().starts_with("daemon"));
        }
        let mut strangers = children(watchdog);
        strangers.retain(|&pid| pid != worker);
        assert_eq!(strangers.len(), 20);
        for stranger in strangers {
            pair.kill(stranger, Signal::SIGKILL);
        }
        eventually("they are reaped", Duration::from_secs(20), || {
            (children(watchdog) == [worker]).then_some(())
        });
        assert_eq!(zombies(watchdog), []);
        pair.write_line("exit 5");
        let end = pair.finish();
        end.expect_code(5);
        assert_eq!(end.events("died").len(), 1);
    }
}

#[test]
fn the_background_children_of_a_worker_end_with_a_namespace() {
    let test = "the_background_children_of_a_worker_end_with_a_namespace";
    if lacks(test, &Power::namespaces()) {
        return;
    }
    let (mut pair, watchdog, worker) = Place::Process1.service();
    pair.write_line("child");
    assert!(pair.stdout_line().starts_with("child"));
    pair.write_line("daemon");
    assert!(pair.stdout_line().starts_with("daemon"));
    let (child, all) = (children(worker), children(watchdog));
    assert_eq!((child.len(), all.len()), (1, 2));
    pair.write_line("exit 3");
    pair.finish().expect_code(3);
    for pid in child.into_iter().chain(all) {
        assert!(!is_alive(pid), "{pid}");
    }
}

/// Presses ^C for a program that a terminal's session begins with, and expects it once.
fn presses(mut terminal: Terminal, fixture: Fixture) {
    let mut pair = terminal.of(fixture).spawn();
    assert_eq!(pair.stdout_line(), "ready");
    let watchdog = children(pair.pid());
    terminal.press(Key::Interrupt);
    assert_eq!(pair.stdout_line(), "got 2");
    // The terminal's own process may be the watch dog, or have it as its child.
    let started = pair.event("started");
    let watchdog = match (started.pid("watchdog"), &watchdog[..]) {
        (pid, &[child]) if pid == Pid::from_raw(1) => child,
        (pid, _) => pid,
    };
    pair.kill(watchdog, Signal::SIGUSR2);
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(stdout_lines(&end), ["ready", "got 2", "got 12"]);
    assert_eq!(end.events("stopping").len(), 1);
}

#[test]
fn an_interrupt_at_the_terminal_comes_once() {
    for place in Place::all("an_interrupt_at_the_terminal_comes_once") {
        presses(Terminal::new(), place.fixture(SIGNALS));
    }
}

/// As `docker run -it` does it: process 1 leads the terminal's session.
#[test]
fn an_interrupt_at_a_containers_terminal_comes_once() {
    let test = "an_interrupt_at_a_containers_terminal_comes_once";
    if lacks(test, &Power::namespaces()) {
        return;
    }
    let mut terminal = Terminal::new();
    let script = format!(
        "exec setsid --ctty {SIGNALS} <{}",
        terminal.path().display()
    );
    let mut pair = as_process_1("sh").args(["-c", &script]).spawn();
    assert_eq!(pair.stdout_line(), "ready");
    terminal.press(Key::Interrupt);
    assert_eq!(pair.stdout_line(), "got 2");
    pair.kill(process_1(&pair), Signal::SIGUSR2);
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(stdout_lines(&end), ["ready", "got 2", "got 12"]);
}
