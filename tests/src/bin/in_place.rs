//! Keeps its state in place, in a file that every worker inherits, without any protocol: the control for tests that look for torn
//! states. Each commit adds one to every word; a worker that finds a torn state says so and ends the pair.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::exit;

use nix::sys::memfd::{MFdFlags, memfd_create};

const WORDS: usize = 64;

fn state() -> io::Result<File> {
    let file = File::from(memfd_create(c"state", MFdFlags::MFD_CLOEXEC)?);
    file.write_all_at(&[0; WORDS * 8], 0)?;
    Ok(file)
}

#[ppair::main(setup = state)]
fn main(state: &File) -> io::Result<()> {
    let mut bytes = [0; WORDS * 8];
    state.read_exact_at(&mut bytes, 0)?;
    let word = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[at * 8..][..8]);
        u64::from_ne_bytes(word)
    };
    let mut count = word(0);
    if (0..WORDS).any(|at| word(at) != count) {
        println!("torn");
        exit(78);
    }
    println!("found {count}");
    loop {
        count += 1;
        for at in 0..WORDS as u64 {
            state.write_all_at(&count.to_ne_bytes(), at * 8)?;
        }
    }
}
