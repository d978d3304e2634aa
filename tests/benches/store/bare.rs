//! What a durable commit is made of, and what one would use instead.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::Subject;

/// Commits of each thread in a round.
pub(crate) const BATCH: u32 = 20;
const VALUE: usize = 64;

/// A round of `commit` in so many threads, each of which has one of `of`.
fn in_threads<T: Send + 'static>(
    name: impl Into<String>,
    mut of: Vec<T>,
    commit: impl Fn(&mut T, u32) + Sync + 'static,
) -> Subject {
    let threads = u32::try_from(of.len()).expect("some threads");
    Subject::measured(name, move || {
        let begin = Instant::now();
        thread::scope(|scope| {
            for own in &mut of {
                scope.spawn(|| (0..BATCH).for_each(|number| commit(own, number)));
            }
        });
        begin.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH * threads)
    })
}

/// Each thread writes its own place of one file, and waits until that is on the disk.
pub(crate) fn write_and_sync(folder: &Path, threads: u32) -> Subject {
    let path = folder.join(format!("bare-{threads}"));
    let file = File::create(&path).expect("a file");
    file.write_all_at(&vec![0; VALUE * threads as usize], 0)
        .expect("a write");
    file.sync_all().expect("a sync");
    let files = (0..u64::from(threads))
        .map(|place| (file.try_clone().expect("a descriptor"), place))
        .collect();
    in_threads("write and fdatasync", files, |(file, place), number| {
        let bytes = [number.to_ne_bytes()[0]; VALUE];
        file.write_all_at(&bytes, *place * VALUE as u64)
            .expect("a write");
        file.sync_data().expect("a sync");
    })
}

/// Each thread with a connection of its own, as its documentation has it.
pub(crate) fn sqlite(folder: &Path, threads: u32) -> Subject {
    let path: PathBuf = folder.join(format!("bare-{threads}.sqlite"));
    let open = || {
        let connection = Connection::open(&path).expect("a database");
        connection
            .busy_timeout(Duration::from_secs(60))
            .expect("a time-out");
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .expect("a journal mode");
        connection
            .pragma_update(None, "synchronous", "FULL")
            .expect("a mode");
        connection
    };
    open()
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY, value BLOB); INSERT OR REPLACE INTO state VALUES (1, x'00')",
        )
        .expect("a table");
    let connections = (0..threads).map(|_| open()).collect();
    in_threads(
        "SQLite, WAL, synchronous=FULL",
        connections,
        |connection, number| {
            let mut statement = connection
                .prepare_cached("UPDATE state SET value = ?1 WHERE id = 1")
                .expect("a statement");
            let bytes = [number.to_ne_bytes()[0]; VALUE];
            assert_eq!(statement.execute([bytes]).expect("an update"), 1);
        },
    )
}
