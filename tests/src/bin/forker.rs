//! A worker that forks behind ppair's back. The process that it has forked tries to commit and may not, at once and again when another worker
//! has taken over; the worker goes on meanwhile. Says what each of them could do.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{abort, exit};
use std::time::Duration;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use ppair::{Checkpoint, CommitError, SyncError, Worker};
use ppair_tests::subject::{Big, Small, Subject};

/// Whether this says that it is the process that is wrong, and what to do.
fn is_refused<T>(result: Result<T, CommitError>) -> bool {
    result.is_err_and(|error| {
        let text = error.to_string();
        text.contains("was forked from the worker") && text.contains("commit in the worker")
    })
}

/// Whether all of these are refused to a process that is not the worker.
fn may_nothing(small: &Checkpoint<Small>, big: &Checkpoint<Big>, worker: &Worker) -> bool {
    let next = Small::after(200);
    let durable = |result: Result<u64, SyncError>| match result {
        Err(SyncError::Commit(error)) => is_refused::<()>(Err(error)),
        _ => false,
    };
    is_refused(small.try_store(next))
        && is_refused(small.try_update(|small| *small = next))
        && is_refused(small.try_edit(|_| ()))
        && is_refused(Big::after(200).try_commit(big))
        && is_refused(big.try_edit(|_| ()))
        && is_refused(worker.mark_healthy())
        && durable(small.sync())
        && durable(small.commit_durable(next))
}

/// What a process does that the worker has forked: it says with a byte what it was allowed, once now, and once when it is asked for it.
fn in_fork(
    mut parent: UnixStream,
    small: &Checkpoint<Small>,
    big: &Checkpoint<Big>,
    worker: &Worker,
) -> io::Result<()> {
    for _ in 0..2 {
        let may_nothing = may_nothing(small, big, worker);
        parent.write_all(&[u8::from(may_nothing)])?;
        parent.read_exact(&mut [0])?;
    }
    Ok(())
}

fn streams() -> io::Result<(UnixStream, UnixStream)> {
    let (worker, forked) = UnixStream::pair()?;
    // A deadline for each wait.
    for stream in [&worker, &forked] {
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    }
    Ok((worker, forked))
}

#[ppair::main(setup = streams, restart_delay = "0ms", orphans = "keep", hang_timeout = "600s")]
fn main(
    streams: &(UnixStream, UnixStream),
    small: Checkpoint<Small>,
    big: Checkpoint<Big>,
    worker: Worker,
) -> io::Result<()> {
    let (mut own, forked) = (&streams.0, streams.1.try_clone()?);
    let mut said = [0];
    if worker.incarnation() == 1 {
        Small::after(1).commit(&small);
        Big::after(1).commit(&big);
        // SAFETY: this process has one thread, so the child may do what it likes.
        if let ForkResult::Child = unsafe { fork() }? {
            // It is not alive in the worker's place, and is told so.
            worker.ready();
            ppair::alive();
            drop(ppair::heart("of a fork"));
            exit(i32::from(in_fork(forked, &small, &big, &worker).is_err()));
        }
        Small::after(2).commit(&small);
        Big::after(2).commit(&big);
        own.read_exact(&mut said)?;
        println!("forked may nothing: {}", said[0] == 1);
        Small::after(3).commit(&small);
        Big::after(3).commit(&big);
        // The process that it has forked outlives it.
        abort();
    }
    let whole = |commits| {
        let is_small = small.load() == Small::after(commits) && small.generation() == commits;
        is_small && big.read(|big| *big == Big::after(commits)) && big.generation() == commits
    };
    println!("the next worker starts from the last commit: {}", whole(3));
    own.write_all(&[0])?;
    own.read_exact(&mut said)?;
    println!("forked may nothing later: {}", said[0] == 1);
    Small::after(4).commit(&small);
    Big::after(4).commit(&big);
    println!("it goes on: {}", whole(4));
    own.write_all(&[0])?;
    // One that is forked at this moment, while a thread has the turn, does not wait for it.
    let forked = small.update(|small| {
        *small = Small::after(5);
        // SAFETY: as above.
        let ForkResult::Parent { child } = unsafe { fork() }? else {
            exit(i32::from(!in_turn(&big)));
        };
        Ok::<_, io::Error>(child)
    })?;
    let end = waitpid(forked, None)?;
    println!(
        "forked in an update: {}",
        end == WaitStatus::Exited(forked, 0)
    );
    println!("it goes on: {}", small.load() == Small::after(5));
    Ok(())
}

/// In a process that was forked in the closure of an `update` of another state.
fn in_turn(big: &Checkpoint<Big>) -> bool {
    is_refused(Big::after(200).try_commit(big))
}
