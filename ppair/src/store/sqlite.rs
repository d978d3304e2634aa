//! `sqlite:PATH`: tables in an SQLite database, which may be the user's own.
//!
//! SQLite's locks belong to the process and fall when *any* descriptor of the file is closed in it.
//! So the file is never opened but by SQLite, or in a way that cannot read (`O_PATH`): what must be
//! known of it is asked by its path. That is why the file carries no lock of the pair's, as that of
//! `file:` does. Instead each save compares the pair's token with that in the table `ppair_holder`,
//! in its own transaction: whoever takes the database over leaves another one there.
//!
//! What is committed goes from the log into the database before it is confirmed: a database that is
//! moved away, or replaced, is whole without the log that stays behind at the path.

mod file;
mod tables;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, ffi};

use self::file::{Held, Identity, Log};
use self::tables::Opening;
use super::claim::Claim;
use super::holder::Naming;
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
    claim: Claim,
    // In front of `held`, so that it is closed first.
    open: Option<Open>,
    /// The file that the pair has, whatever its name is by now.
    held: Option<Held>,
    naming: Naming,
    saved: Saved,
}

struct Open {
    connection: Connection,
    database: Identity,
    log: Identity,
    /// Whether the log could not be emptied the last time.
    keeps_log: bool,
}

impl SqliteStore {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            claim: Claim::of_this_process(),
            open: None,
            held: None,
            naming: Naming::default(),
            saved: Saved::default(),
        }
    }

    /// The same, on behalf of a pair.
    pub(crate) fn claimed(self, claim: Claim) -> Self {
        Self { claim, ..self }
    }

    /// Does it in a transaction of the open database, in which no other pair has it. The database
    /// is opened anew after anything has failed.
    fn with<T>(
        &mut self,
        act: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.open()?,
        };
        let done = self.verify(&open).and_then(|()| {
            let path = file::log(&self.path);
            let mut log = Log {
                path: &path,
                identity: open.log,
                is_kept: open.keeps_log,
            };
            let done = tables::within(&mut open.connection, &mut log, |transaction| {
                tables::check(transaction, &self.claim)?;
                act(transaction).map_err(|error| classify(&error))
            })?;
            open.keeps_log = log.is_kept;
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
        let opening = self.look_for_it()?;
        let database = file::prepare(&self.path)?;
        if !matches!(&self.held, Some(held) if held.identity == database) {
            self.held = Some(Held::take(&self.path, database, &mut self.naming)?);
        }
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
            let path = file::log(&self.path);
            let mut log = Log {
                path: &path,
                identity: None,
                is_kept: false,
            };
            tables::prepare(&mut connection, &mut log, &self.claim, opening)?;
            Ok(Open {
                connection,
                database,
                log: log.identity,
                keeps_log: log.is_kept,
            })
        };
        let open = connect().map_err(|error| self.explain(error))?;
        self.verify(&open)?;
        if !file::has_open(database, self.held.as_ref()) {
            return Err(self.is_lost("was replaced while it was opened"));
        }
        // From here on it is this pair's, and nobody else has it in between.
        self.claim.is_first = false;
        Ok(open)
    }

    /// Whether the file at the path may be opened, and how.
    fn look_for_it(&self) -> Result<Opening, StoreError> {
        if self.claim.is_first {
            return Ok(Opening::First);
        }
        let found = file::identity(&self.path)?;
        match &self.held {
            Some(held) if found == held.identity => Ok(Opening::Again),
            Some(_) if found.is_some() => Err(self.is_lost("was replaced by another one")),
            // Nobody can open it again, so it is made anew.
            Some(held) if held.is_removed()? => Ok(Opening::First),
            Some(_) => Err(self.is_lost("was moved")),
            None if found.is_some() => Ok(Opening::Again),
            None => Err(self.is_lost("is not there: it was removed or moved")),
        }
    }

    /// The file at the path is not the one that the pair has.
    fn is_lost(&self, what: &str) -> StoreError {
        StoreError::failed(format_args!(
            "the database {} {what}; nothing is confirmed before the very file that this pair holds is there again: put it back, or \
             restart this pair to go on with what is there",
            self.path.display()
        ))
    }

    /// Whether the files still have the names that they were opened by.
    fn verify(&self, open: &Open) -> Result<(), StoreError> {
        match file::identity(&self.path)? {
            found if found == open.database => {}
            Some(_) => return Err(self.is_lost("was replaced by another one")),
            None => return Err(self.is_lost("was removed or moved")),
        }
        let log = file::log(&self.path);
        if file::identity(&log)? != open.log {
            return Err(file::lost(&log));
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
        self.with(|transaction| tables::write(transaction, &rows))?;
        self.saved.remember(&changed);
        Ok(())
    }

    fn set_aside(&mut self, stored: &Stored) -> Result<(), StoreError> {
        let row = Row::of(stored, LIMIT)?;
        self.with(|transaction| tables::set_aside(transaction, &row))
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
