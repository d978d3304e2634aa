//! Keeps its state in place, in memory that every worker inherits, without any protocol: the control for tests that look for torn
//! states. Each commit adds one to every word; a worker that finds a torn state says so and ends the pair.

use std::fs::File;
use std::io;
use std::process::exit;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::ftruncate;
use ppair::Worker;
use ppair_tests::mapped::Mapped;

const WORDS: usize = 64;

fn state() -> io::Result<&'static [AtomicU64]> {
    let file = memfd_create(c"state", MFdFlags::MFD_CLOEXEC)?;
    ftruncate(&file, (WORDS * 8).try_into().map_err(io::Error::other)?)?;
    Ok(Mapped::words(&File::from(file), WORDS))
}

#[ppair::main(setup = state)]
fn main(state: &&'static [AtomicU64], worker: Worker) {
    let mut count = state[0].load(Ordering::Relaxed);
    if state
        .iter()
        .any(|word| word.load(Ordering::Relaxed) != count)
    {
        println!("torn");
        exit(78);
    }
    println!("found {} {count} 0", worker.incarnation());
    loop {
        count += 1;
        for word in *state {
            word.store(count, Ordering::Release);
        }
    }
}
