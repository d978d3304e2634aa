//! What the recovery benchmark compares with: the watch dog that one writes by hand, in Rust.

use std::io;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use ppair_tests::recovery;

fn main() -> io::Result<()> {
    loop {
        // SAFETY: this process has one thread, so the child may do what it likes.
        match unsafe { fork() }? {
            ForkResult::Child => {
                let started = recovery::now();
                return recovery::work(started, recovery::memory_argument());
            }
            ForkResult::Parent { child } => {
                if let WaitStatus::Exited(_, 0) = waitpid(child, None)? {
                    return Ok(());
                }
            }
        }
    }
}
