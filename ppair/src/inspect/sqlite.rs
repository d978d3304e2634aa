//! The checkpoints in an SQLite database, which is opened for reading only.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::Error;
use crate::shown::shown;
use crate::state::stored::Stored;

/// How long another connection's lock is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// A row: its name, and the bytes of the checkpoint.
type Row = (String, Vec<u8>);

pub(super) fn read(path: &Path) -> Result<Vec<Stored>, Error> {
    let place = shown(&path);
    let rows = rows(path).map_err(|error| {
        let reason = error.to_string();
        if reason.contains("no such table") {
            return Error::new(format_args!(
                "the database {place} has no table `ppair_checkpoint`, so no pair has stored anything in it"
            ));
        }
        Error::new(format_args!("the database {place} cannot be read: {reason}"))
    })?;
    let stored = rows.into_iter().map(|(name, bytes)| {
        Stored::from_bytes(&bytes).map_err(|unreadable| {
            Error::new(format_args!(
                "the row {name:?} of `ppair_checkpoint` in {place}: {unreadable}"
            ))
        })
    });
    stored.collect()
}

fn rows(path: &Path) -> rusqlite::Result<Vec<Row>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    let mut statement =
        connection.prepare("SELECT name, checkpoint FROM ppair_checkpoint ORDER BY name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}
