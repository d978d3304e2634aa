//! The tables: their shape, and each statement on them.

use core::fmt::Display;
use core::time::Duration;
use std::thread;
use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::file::Log;
use super::{PATIENCE, classify};
use crate::state::stored::Stored;
use crate::store::StoreError;
use crate::store::claim::{Claim, taken_over};
use crate::store::saved::{self, Row};

/// The version of the tables.
const FORMAT: i64 = 1;

const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS ppair_store (format INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS ppair_checkpoint (
        name TEXT PRIMARY KEY NOT NULL,
        generation INTEGER NOT NULL,
        checkpoint BLOB NOT NULL,
        saved_at TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS ppair_set_aside (
        name TEXT NOT NULL,
        generation INTEGER NOT NULL,
        hash INTEGER NOT NULL,
        checkpoint BLOB NOT NULL,
        set_aside_at TEXT NOT NULL,
        PRIMARY KEY (name, generation, hash)
    );
    CREATE TABLE IF NOT EXISTS ppair_holder (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        token TEXT NOT NULL,
        holder TEXT NOT NULL,
        taken_at TEXT NOT NULL
    );";

const CLAIM: &str = "
    INSERT INTO ppair_holder (id, token, holder, taken_at)
    VALUES (1, ?1, ?2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    ON CONFLICT (id) DO UPDATE
    SET token = excluded.token, holder = excluded.holder, taken_at = excluded.taken_at";

const HOLDER: &str = "SELECT token, holder FROM ppair_holder WHERE id = 1";

const WRITE: &str = "
    INSERT INTO ppair_checkpoint (name, generation, checkpoint, saved_at)
    VALUES (?1, ?2, ?3, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    ON CONFLICT (name) DO UPDATE
    SET generation = excluded.generation, checkpoint = excluded.checkpoint, saved_at = excluded.saved_at";

const SET_ASIDE: &str = "
    INSERT INTO ppair_set_aside (name, generation, hash, checkpoint, set_aside_at)
    VALUES (?1, ?2, ?3, ?4, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    ON CONFLICT (name, generation, hash) DO NOTHING";

const READ: &str = "SELECT name, checkpoint FROM ppair_checkpoint ORDER BY name";

/// How a pair opens its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// For the first time: it takes the database from the pair that had it last.
    First,
    /// Once more: another pair may have taken it.
    Again,
}

/// Makes a connection one that commits to the disk, and the tables if there are none, and claims
/// them.
pub(super) fn prepare(
    connection: &mut Connection,
    log: &mut Log<'_>,
    claim: &Claim,
    opening: Opening,
) -> Result<(), StoreError> {
    let of = |error: rusqlite::Error| classify(&error);
    if connection.is_readonly("main").map_err(of)? {
        return Err(StoreError::unusable("the file may not be written"));
    }
    // It would bring whatever is in the log then into this database.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map_err(of)?;
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(of)?;
    if mode != "wal" {
        return Err(StoreError::unusable(format_args!(
            "SQLite has no write-ahead log here (the journal's mode is `{mode}`): name a file of a local disk"
        )));
    }
    connection
        .execute_batch("PRAGMA synchronous = FULL")
        .map_err(of)?;
    within(connection, log, |transaction| {
        transaction.execute_batch(CREATE).map_err(of)?;
        check_format(transaction)?;
        for statement in [WRITE, SET_ASIDE, READ, CLAIM, HOLDER] {
            transaction.prepare(statement).map_err(of)?;
        }
        if opening == Opening::Again {
            check(transaction, claim)?;
        }
        let values = [&claim.token, &claim.signer.shown()];
        transaction.execute(CLAIM, values).map(drop).map_err(of)
    })
}

/// How long another connection's log is waited for.
const PATIENCE_FOR_LOG: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// Does it in a transaction that sees nothing but the database's own file, and brings what was
/// written into it.
///
/// The lock of writers is taken before anything is looked at, so that nobody makes the tables in
/// between. The log is found by its name: another connection, whose database was just moved away
/// from that path, may have written into it what belongs there. Such a log is empty within moments.
/// One that is not is this database's, and was left by a crash, or is kept by a reader.
pub(super) fn within<T>(
    connection: &mut Connection,
    log: &mut Log<'_>,
    act: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let of = |error: rusqlite::Error| classify(&error);
    let begin = Instant::now();
    let done = loop {
        // Pages of the last transaction are believed as long as nothing is in the log since.
        // Another pair that had the database elsewhere has used another log.
        connection
            .execute_batch("PRAGMA shrink_memory")
            .map_err(of)?;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(of)?;
        if log.is_empty()? || log.is_kept || begin.elapsed() >= PATIENCE_FOR_LOG {
            let done = act(&transaction)?;
            transaction.commit().map_err(of)?;
            break done;
        }
        drop(transaction);
        thread::sleep(PAUSE);
    };
    empty_log(connection, log.is_kept);
    log.is_kept = !log.is_empty()?;
    Ok(done)
}

/// How long the keeper waits for other readers before the log is emptied, and how long if that was
/// in vain the last time, as another program then reads on and on. The first is long: on a busy
/// machine a pair that begins may read for seconds, and what is confirmed meanwhile would be in the
/// log alone.
const PATIENCE_FOR_READERS: [Duration; 2] = [Duration::from_secs(5), Duration::from_millis(10)];

/// Brings what the log holds into the database, so that it is whole without its log wherever its
/// file is moved. Not as long as somebody reads what was there before: what is committed is safe
/// beside the log too.
fn empty_log(connection: &Connection, is_kept: bool) {
    let _ = connection.busy_timeout(PATIENCE_FOR_READERS[usize::from(is_kept)]);
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    let _ = connection.busy_timeout(PATIENCE);
}

/// Makes sure that no other pair has claimed the tables, for as long as the transaction lasts.
pub(super) fn check(transaction: &Transaction<'_>, claim: &Claim) -> Result<(), StoreError> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let found = transaction.query_row(HOLDER, [], read).optional();
    let found: Option<(String, String)> = found.map_err(|error| classify(&error))?;
    match found {
        Some((token, _)) if token == claim.token => Ok(()),
        Some((_, holder)) => Err(taken_over(&holder)),
        None => Err(StoreError::failed(
            "the row that says whose the database is is gone from ppair_holder: restart this pair to go on with what is there",
        )),
    }
}

fn check_format(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    let read = || {
        let mut statement = transaction.prepare("SELECT format FROM ppair_store")?;
        let formats = statement.query_map([], |row| row.get(0))?;
        formats.collect::<rusqlite::Result<Vec<i64>>>()
    };
    match read().map_err(|error| classify(&error))?[..] {
        [] => transaction
            .execute("INSERT INTO ppair_store (format) VALUES (?1)", [FORMAT])
            .map(drop)
            .map_err(|error| classify(&error)),
        [FORMAT] => Ok(()),
        [format] => Err(StoreError::unusable(format_args!(
            "the tables have format {format}, which this version of ppair does not know: use the version that made them"
        ))),
        _ => Err(StoreError::unusable(foreign(
            &"ppair_store has more than one row",
        ))),
    }
}

/// Each checkpoint of the table, or why it is none.
pub(super) fn read(
    transaction: &Transaction<'_>,
) -> rusqlite::Result<Vec<Result<Stored, StoreError>>> {
    let mut statement = transaction.prepare(READ)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let bytes = row.get_ref(1)?.as_blob()?;
        found.push(saved::read("ppair_checkpoint", &name, bytes));
    }
    Ok(found)
}

pub(super) fn write(transaction: &Transaction<'_>, rows: &[Row]) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare(WRITE)?;
    for row in rows {
        statement.execute(params![row.name, row.generation, row.bytes])?;
    }
    Ok(())
}

pub(super) fn set_aside(transaction: &Transaction<'_>, row: &Row) -> rusqlite::Result<()> {
    let values = params![row.name, row.generation, row.hash(), row.bytes];
    transaction.execute(SET_ASIDE, values).map(drop)
}

/// What is said of tables that ppair has not made.
pub(super) fn foreign(error: &impl Display) -> String {
    format!(
        "its tables ppair_store, ppair_checkpoint, ppair_set_aside and ppair_holder are not as ppair makes them ({error}): rename yours, or \
         name another file"
    )
}
