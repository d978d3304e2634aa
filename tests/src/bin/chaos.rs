//! Answers connections on a socket from `setup`, one after the other. A client sends a byte, and gets the number of all answers so far in
//! eight bytes and the worker's process id in four. It handles the signals that services handle.
//!
//! The argument names a file that each worker locks as long as it lives. One that finds it locked prints `taken`.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use ppair::{Checkpoint, HardState};
use signal_hook::consts::signal::{SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};

/// A client that sends nothing is left alone.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Served {
    answers: u64,
}

struct Setup {
    listener: TcpListener,
    lock: String,
}

fn setup() -> Result<Setup, Box<dyn std::error::Error>> {
    let lock = std::env::args().nth(1).ok_or("which file is locked?")?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    Ok(Setup { listener, lock })
}

#[ppair::main(setup = setup, restart = "always", hang_timeout = "10s")]
fn main(setup: &Setup, served: Checkpoint<Served>) -> io::Result<()> {
    // A file of this worker's own: the lock ends with it.
    let lock = Flock::lock(File::create(&setup.lock)?, FlockArg::LockExclusiveNonblock);
    let _lock = lock.unwrap_or_else(|(_, errno)| {
        println!("taken: {errno}");
        process::exit(1);
    });
    for signal in [SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    let heart = ppair::heart("clients");
    loop {
        heart.pause();
        match setup.listener.accept() {
            Ok((client, _)) => {
                heart.beat();
                // A client that is gone is no reason to stop.
                let _ = answer(&client, &served);
            }
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn answer(mut client: &TcpStream, served: &Checkpoint<Served>) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.read_exact(&mut [0])?;
    let answers = served.update(|served| {
        served.answers += 1;
        served.answers
    });
    let mut answer = [0; 12];
    answer[..8].copy_from_slice(&answers.to_be_bytes());
    answer[8..].copy_from_slice(&process::id().to_be_bytes());
    client.write_all(&answer)
}
