//! The tables: their shape, and each statement on them.

use core::fmt::Display;
use core::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::classify;
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

/// Makes a connection one that commits to the disk, and the tables if there are none, and claims them.
pub(super) fn prepare(
    connection: &mut Connection,
    claim: &Claim,
    opening: Opening,
) -> Result<(), StoreError> {
    let of = |error: rusqlite::Error| classify(&error);
    if connection.is_readonly("main").map_err(of)? {
        return Err(StoreError::unusable("the file may not be written"));
    }
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
    // The lock is taken before anything is looked at, so that nobody makes the tables in between.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(of)?;
    transaction.execute_batch(CREATE).map_err(of)?;
    check_format(&transaction)?;
    for statement in [WRITE, SET_ASIDE, READ, CLAIM, HOLDER] {
        transaction.prepare(statement).map_err(of)?;
    }
    if opening == Opening::Again {
        check(&transaction, claim)?;
    }
    let values = [&claim.token, &claim.signer.shown()];
    transaction.execute(CLAIM, values).map_err(of)?;
    transaction.commit().map_err(of)
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

/// Brings what the log holds into the database, so that it is whole without its log wherever its file is moved. Not as long as somebody reads
/// what was there before, and it waits for nobody: what is committed is safe beside the log too.
pub(super) fn empty_log(connection: &Connection, patience: Duration) {
    let _ = connection.busy_timeout(Duration::ZERO);
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    let _ = connection.busy_timeout(patience);
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
    connection: &mut Connection,
) -> rusqlite::Result<Vec<Result<Stored, StoreError>>> {
    let mut statement = connection.prepare(READ)?;
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
