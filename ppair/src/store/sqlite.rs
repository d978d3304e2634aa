//! `sqlite:PATH`: tables in an SQLite database, which may be the user's own.
//!
//! SQLite's locks belong to the process and fall when *any* descriptor of the file is closed in it. So the file is never opened
//! but by SQLite: what must be known of it is asked by its path.

mod file;
mod tables;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, ffi};

use self::file::Identity;
use super::saved::{Row, Saved};
use super::{Store, StoreError};
use crate::shown::shown;
use crate::state::stored::Stored;

/// How long another connection's lock is waited for.
const PATIENCE: Duration = Duration::from_millis(1500);

/// SQLite's own limit of a row is 1 000 000 000 bytes.
const LIMIT: usize = 1_000_000_000 - 4096;

/// Checkpoints in an SQLite database.
///
/// It takes no lock for the pair: who makes it holds that of the path.
pub(crate) struct SqliteStore {
    path: PathBuf,
    open: Option<Open>,
    saved: Saved,
}

struct Open {
    connection: Connection,
    database: Identity,
    log: Identity,
}

impl SqliteStore {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            open: None,
            saved: Saved::default(),
        }
    }

    /// Does it with the open database, which is opened anew after anything has failed.
    fn with<T>(
        &mut self,
        act: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.open()?,
        };
        let done = self.verify(&open).and_then(|()| {
            let done = act(&mut open.connection).map_err(|error| classify(&error))?;
            // What was written to a file without a name is lost.
            self.verify(&open)?;
            Ok(done)
        });
        match done {
            Ok(done) => {
                self.open = Some(open);
                Ok(done)
            }
            Err(error) => {
                self.saved.forget();
                self.close(open);
                Err(self.explain(error))
            }
        }
    }

    fn close(&self, open: Open) {
        let is = |path: &Path, opened| file::identity(path).is_ok_and(|found| found == opened);
        let stale = !is(&self.path, open.database) && is(&file::log(&self.path), open.log);
        drop(open.connection);
        if stale {
            file::remove_log(&self.path);
        }
    }

    fn open(&mut self) -> Result<Open, StoreError> {
        self.saved.forget();
        let database = file::prepare(&self.path)?;
        let connect = || {
            let mut connection = Connection::open_with_flags(
                &self.path,
                OpenFlags::SQLITE_OPEN_READ_WRITE
                    | OpenFlags::SQLITE_OPEN_NO_MUTEX
                    | OpenFlags::SQLITE_OPEN_NOFOLLOW,
            )
            .map_err(|error| classify(&error))?;
            connection
                .busy_timeout(PATIENCE)
                .map_err(|error| classify(&error))?;
            tables::prepare(&mut connection)?;
            Ok(connection)
        };
        let connection = connect().map_err(|error| self.explain(error))?;
        let log = file::identity(&file::log(&self.path))?;
        let open = Open {
            connection,
            database,
            log,
        };
        self.verify(&open)?;
        Ok(open)
    }

    /// Whether the files still have the names that they were opened by.
    fn verify(&self, open: &Open) -> Result<(), StoreError> {
        let log = file::log(&self.path);
        for (path, opened) in [(&self.path, open.database), (&log, open.log)] {
            if file::identity(path)? != opened {
                return Err(StoreError::failed(format_args!(
                    "{} was removed or replaced while it was in use",
                    shown(&path)
                )));
            }
        }
        Ok(())
    }

    /// The error, with the path that it is about.
    fn explain(&self, error: StoreError) -> StoreError {
        let of = |reason: String| {
            let path = shown(&self.path).to_string();
            if reason.contains(&path) {
                reason
            } else {
                format!("{path}: {reason}")
            }
        };
        match error {
            StoreError::Failed { reason } => StoreError::failed(of(reason)),
            StoreError::Unusable { reason } => StoreError::unusable(of(reason)),
            held @ StoreError::Held { .. } => held,
        }
    }
}

impl Store for SqliteStore {
    fn name(&self) -> String {
        format!("sqlite:{}", shown(&self.path))
    }

    fn load(&mut self) -> Result<Vec<Stored>, StoreError> {
        let rows = self.with(tables::read)?;
        rows.into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error| self.explain(error))
    }

    fn save(&mut self, newest: &[Stored]) -> Result<(), StoreError> {
        if self.open.is_none() {
            self.open = Some(self.open()?);
        }
        let changed = self.saved.changed(newest);
        let rows = changed.iter().map(|stored| Row::of(stored, LIMIT));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        self.with(|connection| {
            if rows.is_empty() {
                return Ok(());
            }
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            tables::write(&transaction, &rows)?;
            transaction.commit()
        })?;
        self.saved.remember(&changed);
        Ok(())
    }

    fn set_aside(&mut self, stored: &Stored) -> Result<(), StoreError> {
        let row = Row::of(stored, LIMIT)?;
        self.with(|connection| tables::set_aside(connection, &row))
    }
}

/// What an error of SQLite's means to the pair.
fn classify(error: &rusqlite::Error) -> StoreError {
    let rusqlite::Error::SqliteFailure(failure, text) = error else {
        // A column that is missing or of another type.
        return StoreError::unusable(tables::foreign(error));
    };
    let text = text.clone().unwrap_or_else(|| failure.to_string());
    let code = failure.extended_code;
    match code & 0xff {
        ffi::SQLITE_ERROR => StoreError::unusable(tables::foreign(&text)),
        ffi::SQLITE_NOTADB => {
            StoreError::unusable("it is no SQLite database: name another file, or move it away")
        }
        ffi::SQLITE_CORRUPT => StoreError::unusable(format_args!(
            "the database is damaged ({text}): take it from a backup, or move it away"
        )),
        // Somebody has moved the file: it is looked for again.
        ffi::SQLITE_READONLY if code == ffi::SQLITE_READONLY_DBMOVED => {
            StoreError::failed(format_args!("the database was moved ({text})"))
        }
        ffi::SQLITE_READONLY | ffi::SQLITE_PERM | ffi::SQLITE_AUTH => {
            StoreError::unusable(format_args!("the database may not be written ({text})"))
        }
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => StoreError::failed(format_args!(
            "another connection has locked the database for more than {PATIENCE:?} ({text})"
        )),
        ffi::SQLITE_FULL => StoreError::failed(format_args!("the disk is full ({text})")),
        ffi::SQLITE_CANTOPEN => StoreError::failed(format_args!(
            "{text}: its folder must be writable, as SQLite keeps its log beside it"
        )),
        _ => StoreError::failed(text),
    }
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
