//! What the programs `upgrade_1` and `upgrade_2` have in common: two versions of a service that keeps its hard state in a
//! file, or in the pair's store.

use core::fmt::Debug;
use std::path::Path;

use ppair::{Checkpoint, Config, HardState, Pair, Stored, Worker};

/// Starts a pair from what is stored in `file`, if that is there, says what came of it, changes the hard state, and stores it
/// there. With `PPAIR_STORE` in the environment that is all the pair's own, and there is no file. With `CRASH` in it the first worker dies
/// before its first commit, and the second one behind it.
///
/// # Panics
///
/// If the file cannot be read or written.
pub fn serve<T: HardState + Default + Debug + Send>(file: &Path, change: fn(&mut T)) {
    let mut pair = Pair::new(Config::new());
    let mut given = Vec::new();
    let has_store = std::env::var_os("PPAIR_STORE").is_some();
    if !has_store && file.exists() {
        given = std::fs::read(file).expect("the stored checkpoint can be read");
        match Stored::from_bytes(&given) {
            Ok(stored) => pair = pair.restore(stored),
            Err(error) => println!("unreadable: {error}"),
        }
    }
    let checkpoint = pair.prepare::<Checkpoint<T>>();
    let worker = pair.start();
    let checkpoint = checkpoint.enter(&worker);
    report(&worker, &checkpoint);
    if !has_store {
        for restored in worker.restored() {
            let kept = restored.stored().to_bytes();
            assert_eq!(kept, given, "it is kept as it was given");
        }
    }
    let crash = std::env::var_os("CRASH").is_some();
    if crash && worker.incarnation() == 1 {
        std::process::abort();
    }
    wait_for_line();
    checkpoint.update(change);
    if has_store {
        println!("committed");
    }
    wait_for_line();
    if crash && worker.incarnation() == 2 {
        std::process::abort();
    }
    if !has_store {
        std::fs::write(file, checkpoint.stored().to_bytes()).expect("the checkpoint can be stored");
    }
    println!(
        "stored {:?} as {}",
        checkpoint.load(),
        checkpoint.generation()
    );
}

/// With `STEPS` in the environment, the worker waits for a line of standard input before its commit, and for one behind it.
fn wait_for_line() {
    if std::env::var_os("STEPS").is_some() {
        let mut line = String::new();
        std::io::stdin()
            .read_line(&mut line)
            .expect("standard input can be read");
    }
}

/// Says what this worker starts from.
fn report<T: HardState + Debug>(worker: &Worker, checkpoint: &Checkpoint<T>) {
    println!(
        "worker {} starts from {:?} {}: {:?}",
        worker.incarnation(),
        checkpoint.origin().source(),
        checkpoint.generation(),
        checkpoint.load()
    );
    for restored in worker.restored() {
        if let Some(rejection) = restored.rejection() {
            println!("rejected: {rejection}");
            continue;
        }
        print!(
            "taken over: unchanged {}, {} migrations, added {:?}, dropped {:?}",
            restored.is_unchanged(),
            restored.migrations(),
            restored.added(),
            restored.dropped()
        );
        if !restored.is_unchanged() && !restored.renamed().is_empty() {
            print!(", renamed {:?}", restored.renamed());
        }
        println!();
    }
}
