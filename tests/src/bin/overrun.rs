//! Commits, and then stores a word where it must not: `before`, `behind` or `inside` of the mapped segment. The next worker says what it
//! found.

use std::io;

use ppair::{Checkpoint, Worker};
use ppair_tests::subject::{Kilobyte, Subject, bytes_of};

/// Where the segment is mapped.
fn segment() -> io::Result<(usize, usize)> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let line = maps.lines().find(|line| line.contains("memfd:ppair"));
    let range = line.and_then(|line| line.split(' ').next()?.split_once('-'));
    let (start, end) = range.ok_or_else(|| io::Error::other("no segment"))?;
    let address = |text| usize::from_str_radix(text, 16).map_err(io::Error::other);
    Ok((address(start)?, address(end)?))
}

#[ppair::main(restart_delay = "0ms")]
fn main(checkpoint: Checkpoint<Kilobyte>, worker: Worker) -> io::Result<()> {
    if worker.incarnation() > 1 {
        let is_whole = bytes_of(&checkpoint.load()) == bytes_of(&Kilobyte::after(3));
        println!("found {:?} {is_whole}", checkpoint.origin().source());
        return Ok(());
    }
    for number in 1..=3 {
        checkpoint.store(Kilobyte::after(number));
    }
    let (start, end) = segment()?;
    let places: Vec<usize> = match std::env::args().nth(1).as_deref() {
        Some("before") => (1..=512).map(|word| start - word * 8).collect(),
        Some("behind") => (0..512).map(|word| end + word * 8).collect(),
        _ => (start..end).step_by(8).collect(),
    };
    for place in places {
        let place = std::ptr::with_exposed_provenance_mut::<u64>(place);
        // SAFETY: none; it is the wild store that the test is about. Where nothing catches it, the test fails.
        unsafe { place.write_volatile(u64::MAX) };
    }
    println!("it was let through");
    Ok(())
}
