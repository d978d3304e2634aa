//! A pair without the macro that does what each line of its standard input says, and prints what it has done:
//!
//! | line | what it does |
//! |---|---|
//! | `add` | one more in the hard state |
//! | `state` | only prints |
//! | `exit N`, `abort`, `panic TEXT`, `thread-panic TEXT`, `raise N` | ends the worker |
//! | `caught TEXT` | panics and catches it |
//! | `thread` | starts a thread that waits for ever |
//! | `timer` | asks for a `SIGALRM` in 1,000 seconds |
//! | `child` | starts a child process that waits for ever |
//! | `daemon` | starts one that nobody is the parent of |
//! | `hang` | stops reading, for ever |
//! | `beats N` | starts a thread whose heart beats every N milliseconds |
//! | `alive` | gives a sign of life of the whole worker |
//! | `ignore N` | ignores a signal |
//! | `user N` | becomes this user |
//! | `ready` | says that the service is up |
//! | `counters` | prints what the watch dog has counted |
//! | `variables` | prints the names of the service manager's variables that it has |
//! | `open` | prints how many descriptors a program has that it starts |
//! | `exec` | becomes this program anew |
//! | `leave N` | opens a file and forgets the descriptor, N times |
//!
//! While it waits for a line its heart, `lines`, rests.
//!
//! Its options come from the environment, as `PPAIR_RESTART` and so on. With the argument `threads-in-setup` it starts a
//! thread before the fork; with `setup-child` it starts a process there, and prints its id; with `setup-fails`, `setup-prints` or `twice` it does what they say; with `setup-once` its setup
//! fails if the file that `MARKER` names is there, and makes it; with `setup-once-or-panic` it panics then.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio, abort, exit};
use std::sync::mpsc;
use std::time::Duration;
use std::{mem, panic, process, thread};

use nix::sys::signal::{SigHandler, Signal, raise};
use nix::unistd::{Uid, setuid};
use ppair::{Checkpoint, Config, Pair};

// One arm for each command reads best.
#[allow(clippy::too_many_lines)]
fn main() {
    // Where `ppair_tests::inject` begins to count system calls.
    let _ = nix::unistd::getppid();
    let argument = std::env::args().nth(1).unwrap_or_default();
    let pair = Pair::new(Config::new());
    let mut pair = pair.try_setup(|| setup(&argument));
    let setup = pair.prepare::<&u32>();
    let count = pair.prepare::<Checkpoint<u64>>();
    let worker = pair.start();
    let (setup, count) = (setup.enter(&worker), count.enter(&worker));
    if argument == "twice" {
        let _ = Pair::new(Config::new());
    }
    let say = |what: &str| {
        let origin = worker.origins()[0];
        println!(
            "{what} count={} generation={} incarnation={} degraded={} pid={} setup={setup} from={:?}/{} death={:?}",
            count.load(),
            count.generation(),
            worker.incarnation(),
            worker.is_degraded(),
            process::id(),
            origin.source(),
            origin.generation(),
            worker
                .last_death()
                .map(ToString::to_string)
                .unwrap_or_default(),
        );
    };
    let heart = ppair::heart("lines");
    heart.pause();
    say("begin");
    // One byte at a time: what this worker has not read is there for the next one.
    let input = File::from(
        io::stdin()
            .as_fd()
            .try_clone_to_owned()
            .expect("standard input is open"),
    );
    while let Some(line) = {
        heart.pause();
        read_line(&input)
    } {
        heart.beat();
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match word {
            "add" => {
                count.update(|count| *count += 1);
                say("added");
            }
            "state" => say("state"),
            "exit" => exit(rest.parse().expect("an exit code")),
            "abort" => abort(),
            "panic" => panic!("{rest}"),
            "thread-panic" => panic_in_a_thread(rest),
            "raise" => raise_by_number(rest),
            "caught" => {
                panic::catch_unwind(|| panic!("{rest}")).expect_err("it panics");
                say("caught");
            }
            "thread" => {
                thread::spawn(|| {
                    loop {
                        thread::park();
                    }
                });
                say("thread");
            }
            "child" => {
                let mut child = Command::new("sleep");
                child
                    .arg("1000")
                    .stdout(Stdio::null())
                    .stderr(Stdio::null());
                mem::forget(child.spawn().expect("`sleep` can be started"));
                say("child");
            }
            "daemon" => {
                // The shell between ends at once, so what it has started is an orphan.
                let mut shell = Command::new("sh");
                shell.args(["-c", "sleep 1000 >&- 2>&- & echo $!"]);
                let output = shell.output().expect("a shell can be started");
                let daemon = String::from_utf8(output.stdout).expect("a number");
                println!("daemon {}", daemon.trim());
            }
            "hang" => loop {
                thread::park();
            },
            "beats" => {
                let pause = Duration::from_millis(rest.parse().expect("a number"));
                let heart = ppair::heart("beats");
                thread::spawn(move || {
                    loop {
                        heart.beat();
                        thread::sleep(pause);
                    }
                });
                say("beats");
            }
            "alive" => {
                ppair::alive();
                say("alive");
            }
            "ignore" => {
                let number: i32 = rest.parse().expect("a signal's number");
                let signal = Signal::try_from(number).expect("a signal");
                // SAFETY: no handler is installed.
                unsafe { nix::sys::signal::signal(signal, SigHandler::SigIgn) }
                    .expect("it can be ignored");
                say("ignored");
            }
            "user" => {
                let user = Uid::from_raw(rest.parse().expect("a user's number"));
                setuid(user).expect("root may become anybody");
                say("user");
            }
            "ready" => {
                worker.ready();
                say("ready");
            }
            "counters" => {
                let counters = worker.counters();
                println!(
                    "counters restarts={} deaths={} exits={} signals={} panics={} outage={} outage_ns={} watchdog={}",
                    counters.restarts(),
                    counters.deaths(),
                    counters.exits(),
                    counters.signals(),
                    counters.panics(),
                    counters.outage().is_some(),
                    counters.outage().unwrap_or_default().as_nanos(),
                    worker.has_watchdog(),
                );
            }
            "variables" => {
                let names = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];
                let there = names.iter().filter(|name| std::env::var_os(name).is_some());
                println!("variables {}", there.count());
            }
            "timer" => {
                nix::unistd::alarm::set(1_000);
                say("timer");
            }
            "open" => {
                let mut ls = Command::new("ls");
                let output = ls
                    .arg("/proc/self/fd")
                    .output()
                    .expect("`ls` can be started");
                let names = String::from_utf8(output.stdout).expect("numbers");
                // One of them is the folder that it lists.
                println!("open {}", names.lines().count() - 1);
            }
            "exec" => {
                let program = std::env::current_exe().expect("this program");
                let error = Command::new(program).exec();
                panic!("it cannot be started: {error}");
            }
            "leave" => {
                for _ in 0..rest.parse().expect("a number") {
                    mem::forget(File::open("/dev/null").expect("it can be opened"));
                }
                say("left");
            }
            other => panic!("no such command: {other}"),
        }
    }
}

fn setup(argument: &str) -> Result<u32, String> {
    match argument {
        "threads-in-setup" => {
            let started = thread::Builder::new().name("early".to_owned());
            let (running, ready) = mpsc::channel();
            let handle = started.spawn(move || {
                running.send(()).expect("`setup` waits");
                loop {
                    thread::park();
                }
            });
            handle.map_err(|error| error.to_string())?;
            // A thread gives itself its name, so it has to run before it has one.
            ready.recv().map_err(|error| error.to_string())?;
        }
        "setup-child" => {
            let mut child = Command::new("sleep");
            child
                .arg("1000")
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let child = child.spawn().map_err(|error| error.to_string())?;
            println!("setup-child {}", child.id());
        }
        "setup-fails" => return Err("cannot read \"urls.txt\"".to_owned()),
        "setup-once" => {
            let marker = std::env::var("MARKER").map_err(|error| error.to_string())?;
            File::create_new(marker).map_err(|error| error.to_string())?;
        }
        "setup-once-or-panic" => {
            let marker = std::env::var("MARKER").map_err(|error| error.to_string())?;
            File::create_new(marker).expect("it is the first time");
        }
        "setup-prints" => {
            print!("from setup: ");
        }
        _ => {}
    }
    Ok(process::id())
}

fn raise_by_number(number: &str) {
    let number: i32 = number.parse().expect("a signal's number");
    raise(Signal::try_from(number).expect("a signal")).expect("it can be raised");
}

fn panic_in_a_thread(text: &str) {
    let text = text.to_owned();
    let thread = thread::Builder::new().name("helper".to_owned());
    let joined = thread
        .spawn(move || panic!("{text}"))
        .expect("a thread")
        .join();
    panic::resume_unwind(joined.expect_err("it panics"));
}

fn read_line(mut input: &File) -> Option<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match input.read(&mut byte) {
            // By a signal with a handler.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("standard input can be read: {error}"),
            Ok(0) => return None,
            Ok(_) if byte == *b"\n" => break,
            Ok(_) => line.push(byte[0]),
        }
    }
    io::stdout()
        .flush()
        .expect("standard output can be written");
    Some(String::from_utf8(line).expect("commands are text"))
}
