//! What people would use instead of a hard state, each set up as its documentation has it for one small value.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use heed::types::Bytes;
use heed::{EnvFlags, EnvOpenOptions};
use ppair::Checkpoint;
use redb::{Database, Durability, TableDefinition};
use rusqlite::Connection;

use crate::Subject;
use crate::ours::{Words, bytes_of, store};

/// ppair, and all of them, with a value of so many words.
pub(crate) fn of<const N: usize>(checkpoint: &Checkpoint<Words<N>>, folder: &Path) -> Vec<Subject> {
    // A fresh one each time, as the files of a database stay open.
    let folder = tempfile::tempdir_in(folder).expect("a folder").keep();
    vec![
        store(checkpoint),
        write_and_rename::<N>(&folder),
        write_and_sync::<N>(&folder),
        sqlite::<N>(&folder, "NORMAL"),
        sqlite::<N>(&folder, "FULL"),
        redb::<N>(&folder, "redb, eventual", Durability::Eventual),
        redb::<N>(&folder, "redb, immediate", Durability::Immediate),
        lmdb::<N>(&folder, "LMDB, no sync", EnvFlags::NO_SYNC),
        lmdb::<N>(&folder, "LMDB", EnvFlags::empty()),
    ]
}

fn write_and_rename<const N: usize>(folder: &Path) -> Subject {
    let (new, file) = (folder.join("renamed.new"), folder.join("renamed"));
    Subject::new("write and rename, no sync", 100, move |number| {
        fs::write(&new, bytes_of::<N>(number)).expect("a write");
        fs::rename(&new, &file).expect("a rename");
    })
}

fn write_and_sync<const N: usize>(folder: &Path) -> Subject {
    let file = File::create(folder.join("synced")).expect("a file");
    Subject::new("write and fdatasync", 20, move |number| {
        file.write_all_at(&bytes_of::<N>(number), 0)
            .expect("a write");
        file.sync_data().expect("a sync");
    })
}

fn sqlite<const N: usize>(folder: &Path, synchronous: &str) -> Subject {
    let connection =
        Connection::open(folder.join(format!("sqlite-{synchronous}"))).expect("a database");
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .expect("a journal mode");
    connection
        .pragma_update(None, "synchronous", synchronous)
        .expect("a mode");
    connection
        .execute_batch("CREATE TABLE state (id INTEGER PRIMARY KEY, value BLOB); INSERT INTO state VALUES (1, x'00')")
        .expect("a table");
    Subject::new(
        format!("SQLite, WAL, synchronous={synchronous}"),
        20,
        move |number| {
            let mut statement = connection
                .prepare_cached("UPDATE state SET value = ?1 WHERE id = 1")
                .expect("a statement");
            let changed = statement
                .execute([bytes_of::<N>(number)])
                .expect("an update");
            assert_eq!(changed, 1);
        },
    )
}

const STATE: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("state");

fn redb<const N: usize>(folder: &Path, name: &str, durability: Durability) -> Subject {
    let database = Database::create(folder.join(name)).expect("a database");
    Subject::new(name, 20, move |number| {
        let mut transaction = database.begin_write().expect("a transaction");
        transaction.set_durability(durability);
        let mut table = transaction.open_table(STATE).expect("a table");
        table
            .insert(1, &*bytes_of::<N>(number))
            .expect("an insertion");
        drop(table);
        transaction.commit().expect("a commit");
    })
}

fn lmdb<const N: usize>(folder: &Path, name: &str, flags: EnvFlags) -> Subject {
    let folder = folder.join(name);
    fs::create_dir(&folder).expect("a folder");
    let mut options = EnvOpenOptions::new();
    options.map_size(16 << 20);
    // SAFETY: no other flags than those that cost durability and no more.
    unsafe { options.flags(flags) };
    // SAFETY: nobody else has the files, which are on no network.
    let environment = unsafe { options.open(&folder) }.expect("an environment");
    let mut transaction = environment.write_txn().expect("a transaction");
    let database = environment
        .create_database::<Bytes, Bytes>(&mut transaction, None)
        .expect("a database");
    transaction.commit().expect("a commit");
    Subject::new(name, 20, move |number| {
        let mut transaction = environment.write_txn().expect("a transaction");
        database
            .put(&mut transaction, b"1", &bytes_of::<N>(number))
            .expect("a put");
        transaction.commit().expect("a commit");
    })
}
