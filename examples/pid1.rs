//! A service that is its container's init.
//!
//! What it shows: the watch dog as process 1. It passes on the signals that a container gets, although the kernel keeps
//! from process 1 what it has no handler for; it reaps whatever processes lose their parents; it restarts the worker; and its exit
//! code is the worker's. Neither `tini` nor `docker run --init` is needed in front of it.
//!
//! ```text
//! cargo build --features pid1 --example pid1
//! sudo unshare --fork --pid --mount-proc target/debug/examples/pid1 [CODE]
//! ```
//!
//! or as the `ENTRYPOINT` of an image. Each worker starts three processes and orphans them on purpose. Then it does as it is
//! told by signals, and prints what it does:
//!
//! | signal to process 1 | what the worker does |
//! |---|---|
//! | `USR1` | starts three more orphans, which end by themselves after half a second |
//! | `HUP` | prints which processes there are |
//! | `USR2` | crashes |
//! | `TERM`, `INT` | ends with exit code CODE (0 if there is none) |
//!
//! How to crash it: `USR2`, or kill its worker. In the container that is `kill -USR2 1`.
//!
//! What one then sees: the next worker goes on counting orphans where the last one was. After each `HUP` the number of
//! zombies is 0.

use std::error::Error;
use std::fs;
use std::os::unix::process::parent_id;
use std::process::{Command, ExitCode, abort, id};

use ppair::{Checkpoint, HardState, Worker};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

/// How many processes all workers have orphaned.
#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Orphans {
    started: u64,
}

/// The exit code that the service is to end with.
fn read_code() -> Result<u8, String> {
    std::env::args().nth(1).map_or(Ok(0), |code| {
        code.parse()
            .map_err(|error| format!("CODE is a number from 0 to 255: {error}"))
    })
}

#[ppair::main(setup = read_code)]
fn main(
    code: &u8,
    orphans: Checkpoint<Orphans>,
    worker: Worker,
) -> Result<ExitCode, Box<dyn Error>> {
    let mut signals = Signals::new([SIGUSR1, SIGHUP, SIGUSR2, SIGTERM, SIGINT])?;
    println!(
        "worker {} is process {}, its init is process {}",
        worker.incarnation(),
        id(),
        parent_id()
    );
    start_orphans(&orphans)?;
    for signal in signals.forever() {
        match signal {
            SIGUSR1 => start_orphans(&orphans)?,
            SIGHUP => list_processes()?,
            SIGUSR2 => abort(),
            _ => break,
        }
    }
    println!("ends with {code}");
    Ok(ExitCode::from(*code))
}

/// Starts shells that start something in the background and end: so it has no parent any more.
fn start_orphans(orphans: &Checkpoint<Orphans>) -> Result<(), Box<dyn Error>> {
    for _ in 0..3 {
        let shell = Command::new("sh")
            .args(["-c", "sleep 0.5 >/dev/null 2>&1 & echo $!"])
            .output()?;
        let started = orphans.update(|orphans| {
            orphans.started += 1;
            orphans.started
        });
        let process = String::from_utf8(shell.stdout)?;
        println!("orphan {started} is process {}", process.trim());
    }
    Ok(())
}

/// Prints how many processes there are, and how many of them have ended and were not reaped.
fn list_processes() -> Result<(), Box<dyn Error>> {
    let mut processes = 0;
    let mut zombies = 0;
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let name = entry.file_name();
        let is_process = name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
        let stat = fs::read_to_string(entry.path().join("stat"));
        // It may have ended since.
        let (true, Ok(stat)) = (is_process, stat) else {
            continue;
        };
        let Some((_, state)) = stat.rsplit_once(") ") else {
            continue;
        };
        processes += 1;
        zombies += u32::from(state.starts_with('Z'));
    }
    println!("{processes} processes, {zombies} of them zombies");
    Ok(())
}
