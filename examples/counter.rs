//! Counts to N, and crashes again and again on the way.
//!
//! What it shows: a program that dies again and again, each time in another way, and whose output does not show it. The
//! number it has come to is the hard state; each worker goes on where the last one died.
//!
//! ```text
//! cargo run --example counter -- [--to N] [--every K] [--crash KIND] [--pace MS]
//! ```
//!
//! It prints 1, 2, 3 ... N, one a line, one each MS milliseconds, and crashes its worker after each
//! K-th number (0: never). KIND is `segv`, `abort`, `panic`, `exit`, `overflow` (of the stack),
//! `kill`, `thread-panic`, or `mix`: each in turn. Defaults: N 30, K 7, `mix`, 50 ms.
//!
//! How to crash it: it does so by itself. To do it yourself as well, take the worker's number from
//! an `event=started` line and `kill -9` it; or `kill -SEGV`, or `kill -STOP` and `kill -9`.
//!
//! What one then sees: for each crash two lines on stderr, why the worker died and that the next
//! one started, with the generation of the hard state that it goes on from; and on stdout every
//! number, in order. Only a `kill` from outside, in the few microseconds between the printing of a
//! number and its commit, makes that number come twice; none is ever lost. The exit code is 0.

#[path = "common/crash.rs"]
mod crash;

use std::io::{self, ErrorKind, Write};
use std::thread;
use std::time::Duration;

use crash::Crash;
use lexopt::{Arg, ValueExt};
use ppair::{Checkpoint, HardState};

const USAGE: &str = "\
usage: counter [--to N] [--every K] [--crash KIND] [--pace MS]

Prints 1, 2, 3 ... N, and crashes its worker after each K-th number.

  --to N        the last number (default 30)
  --every K     crash after each K-th number; 0: never (default 7)
  --crash KIND  segv, abort, panic, exit, overflow, kill, thread-panic, or mix: each in turn
                (default mix)
  --pace MS     milliseconds before each number (default 50)
  --help        print this
";

/// The last number that was printed.
#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Count {
    printed: u64,
}

/// What the command line asks for.
struct Settings {
    to: u64,
    every: u64,
    crash: Crash,
    pace: Duration,
}

/// Runs once, in the watch dog: an error here ends the program before there is a worker.
fn read_settings() -> Result<Settings, lexopt::Error> {
    let mut settings = Settings {
        to: 30,
        every: 7,
        crash: Crash::Mix,
        pace: Duration::from_millis(50),
    };
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("to") => settings.to = args.value()?.parse()?,
            Arg::Long("every") => settings.every = args.value()?.parse()?,
            Arg::Long("crash") => settings.crash = args.value()?.parse()?,
            Arg::Long("pace") => settings.pace = Duration::from_millis(args.value()?.parse()?),
            Arg::Short('h') | Arg::Long("help") => {
                print!("{USAGE}");
                std::process::exit(0);
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(settings)
}

#[ppair::main(setup = read_settings, thread_panic = "crash")]
fn main(settings: &Settings, count: Checkpoint<Count>) -> io::Result<()> {
    while count.load().printed < settings.to {
        thread::sleep(settings.pace);
        let number = count.load().printed + 1;
        match print_line(number) {
            // As for `counter | head`: nobody reads any more, so there is nothing left to do.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            printed => printed?,
        }
        // First the line, then the commit: a crash between the two repeats the number, the other
        // way round it would be lost.
        count.update(|count| count.printed = number);
        if settings.every != 0 && number % settings.every == 0 {
            settings.crash.now(number / settings.every - 1);
        }
    }
    Ok(())
}

/// Prints a number in one write, so that a crash cannot leave half a line.
fn print_line(number: u64) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(format!("{number}\n").as_bytes())?;
    stdout.flush()
}
