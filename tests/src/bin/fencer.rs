//! Workers that are taken over from while they commit as fast as they can, and that are not killed: each goes on to commit beside its
//! successor, until it finds that it may not. This process is their watch dog. It sees to it that no worker is there beside its successor's
//! successor, or is taken over from before it has begun. A worker says in the end with what it began, and what it has committed. Arguments: `small` or `big`, `open` or `guarded`, and how many of them.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::exit;
use std::time::{Duration, Instant};

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use ppair::__private::Snapshot;
use ppair::CommitError;
use ppair_tests::Random;
use ppair_tests::subject::{Big, Kilobyte, Subject, bytes_of};

/// How long a worker goes on when it may not commit any more.
const LATE: Duration = Duration::from_micros(300);
const LIMIT: Duration = Duration::from_secs(20);

/// Worker `incarnation`: the first generation that it found, and the last one that it has committed.
fn work<T: Subject>(
    snapshot: &Snapshot<T>,
    incarnation: u32,
    mut watchdog: &UnixStream,
) -> Result<(u64, u64), String> {
    let worker = snapshot.enter(incarnation);
    let found = worker.origin().generation();
    if bytes_of(&worker.load()) != bytes_of(&T::after(found)) {
        return Err(format!("a mixture at {:?}", worker.origin()));
    }
    watchdog
        .write_all(&[0])
        .map_err(|error| error.to_string())?;
    let begin = Instant::now();
    let (mut last, mut fenced) = (found, None::<Instant>);
    loop {
        match T::after(last + 1).try_commit(&worker) {
            Ok(()) if fenced.is_some() => return Err("a late commit".to_owned()),
            Ok(()) => last += 1,
            Err(CommitError::Fenced) => {
                if fenced.get_or_insert_with(Instant::now).elapsed() > LATE {
                    return Ok((found, last));
                }
            }
            Err(other) => return Err(other.to_string()),
        }
        if begin.elapsed() > LIMIT {
            return Err("nobody takes over".to_owned());
        }
    }
}

fn worker<T: Subject>(
    snapshot: &Snapshot<T>,
    incarnation: u32,
    is_guarded: bool,
) -> io::Result<Pid> {
    let (mut own, watchdog) = UnixStream::pair()?;
    own.set_read_timeout(Some(LIMIT))?;
    // SAFETY: this process has one thread, so the child may do what it likes.
    if let ForkResult::Parent { child } = unsafe { fork() }? {
        // So that its death is the end of the stream.
        drop(watchdog);
        own.read_exact(&mut [0])?;
        return Ok(child);
    }
    if is_guarded {
        snapshot.guard().expect("a read-only mapping");
    }
    let line = match work(snapshot, incarnation, &watchdog) {
        Ok((found, last)) => format!("{incarnation} {found} {last}\n"),
        Err(error) => format!("{incarnation} {error}\n"),
    };
    // One write, as others write too.
    let written = io::stdout().write_all(line.as_bytes());
    exit(i32::from(written.is_err()));
}

fn wait_for(worker: Pid) -> io::Result<()> {
    let begin = Instant::now();
    while waitpid(worker, Some(WaitPidFlag::WNOHANG))? == WaitStatus::StillAlive {
        assert!(begin.elapsed() < 2 * LIMIT, "a worker hangs");
        std::thread::yield_now();
    }
    Ok(())
}

fn run<T: Subject>(is_guarded: bool, count: u32) -> io::Result<()> {
    let snapshot = Snapshot::<T>::new()?;
    let mut random = Random::seeded("fencer");
    // The worker, and the one before it, if it is still there.
    let mut workers = VecDeque::new();
    for incarnation in 1..=count {
        snapshot.fence(incarnation);
        workers.push_back(worker(&snapshot, incarnation, is_guarded)?);
        // The stimulus, not a wait: how long this worker lives before it is taken over from.
        let (begin, life) = (
            Instant::now(),
            random.duration_below(Duration::from_millis(1)),
        );
        while begin.elapsed() < life {
            std::hint::spin_loop();
        }
        if workers.len() > 1 {
            workers.pop_front().map_or(Ok(()), wait_for)?;
        }
    }
    snapshot.fence(count + 1);
    let found = snapshot.recover_filled(count + 1).origin;
    workers.into_iter().try_for_each(wait_for)?;
    println!("end {}", found.generation());
    Ok(())
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [state, guard, count] = arguments.as_slice() else {
        panic!("three arguments: {arguments:?}")
    };
    let count = count.parse().expect("a number");
    match state.as_str() {
        "big" => run::<Big>(guard == "guarded", count),
        _ => run::<Kilobyte>(guard == "guarded", count),
    }
}
