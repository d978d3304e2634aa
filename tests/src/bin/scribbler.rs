//! Commits, then overwrites a random part of the segment with random bytes, and aborts: what a wild pointer does. Says at its start what it
//! found.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::{abort, exit};

use ppair::{Checkpoint, Worker};
use ppair_tests::Random;
use ppair_tests::subject::{Kilobyte, Subject, bytes_of};

/// Where the segment is mapped.
fn segment() -> io::Result<(u64, u64)> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let line = maps.lines().find(|line| line.contains("memfd:ppair"));
    let range = line.and_then(|line| line.split(' ').next()?.split_once('-'));
    let (start, end) = range.ok_or_else(|| io::Error::other("no segment"))?;
    let address = |text| u64::from_str_radix(text, 16).map_err(io::Error::other);
    Ok((address(start)?, address(end)?))
}

#[ppair::main(max_restarts = "unlimited", restart_delay = "0ms")]
fn main(checkpoint: Checkpoint<Kilobyte>, worker: Worker) -> io::Result<()> {
    let found = bytes_of(&checkpoint.load());
    let number = u64::from(found[0]);
    if found != bytes_of(&Kilobyte::after(number)) {
        println!("a mixture");
        exit(78);
    }
    println!("found {number} {:?}", checkpoint.origin().source());
    if worker.incarnation() > 200 {
        return Ok(());
    }
    for number in number + 1..number + 4 {
        checkpoint.store(Kilobyte::after(number));
    }
    let mut random = Random::new(u64::from(worker.incarnation()) + 7_000_000_000 * number);
    let (start, end) = segment()?;
    let length = 8 + random.below(120);
    let bytes: Vec<u8> = (0..length)
        .map(|_| random.next_u64().to_le_bytes()[3])
        .collect();
    let memory = OpenOptions::new().write(true).open("/proc/self/mem")?;
    let place = start + random.below(end - start - length);
    if let Err(error) = memory.write_all_at(&bytes, place) {
        println!("refused: {error}");
        return Ok(());
    }
    abort();
}
