//! A worker that prints which signals it blocks, ignores and catches.

use std::fs;

use ppair::{Config, Pair};

fn main() {
    let _worker = Pair::new(Config::new()).start();
    let status = fs::read_to_string("/proc/self/status").expect("/proc tells");
    for line in status
        .lines()
        .filter(|line| line.starts_with("Sig") && !line.starts_with("SigQ"))
    {
        println!("{line}");
    }
}
