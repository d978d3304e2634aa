//! `postgres:URL`: tables in a PostgreSQL database, which may be other pairs' too: see the parameter `ppair_table`.
//!
//! Two things keep a second pair out. A lock of the session (`pg_try_advisory_lock`) says at once that the tables are held, and falls when
//! the holder's connection does. And a row says whose the tables are: a pair that has lost its connection, and meanwhile the
//! tables to another one, finds its name no longer there, and writes nothing any more.

mod address;
mod claim;
mod deadline;
mod error;
mod tables;

use std::time::Duration;

use ::postgres::{Client, NoTls};

use self::address::{Address, Table};
use self::deadline::Deadlines;
use self::error::Problem;
use super::saved::{Row, Saved};
use super::{Store, StoreError, choice};
use crate::state::stored::Stored;

/// How long a statement may take before the server gives up. Big values get more.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it may wait for a lock of somebody else's: less, so that this is what is said.
const PATIENCE_FOR_LOCKS: Duration = Duration::from_secs(4);

/// How long the server is waited for if it does not say anything at all.
const SILENCE: Duration = Duration::from_secs(15);

/// A value has less than 2 to the power of 30 bytes, as has a message.
const LIMIT: usize = (1 << 30) - (1 << 20);

/// On whose behalf tables are held.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    /// The same for all keepers of one pair, and no other pair's, on any machine.
    pub(crate) token: String,
    /// The watch dog.
    pub(crate) process: i32,
    /// Whether this is the pair's first keeper. Only that one takes over what an earlier pair has left.
    pub(crate) is_first: bool,
}

/// Checkpoints in a PostgreSQL database.
pub(crate) struct PostgresStore {
    shown: String,
    address: Result<Address, StoreError>,
    holder: Holder,
    client: Option<Client>,
    /// Whether the tables were ours already.
    had: bool,
    saved: Saved,
    deadlines: Deadlines,
}

/// Something to do in a session.
struct Job<T> {
    bytes: usize,
    act: Box<Act<T>>,
}

/// Gets the tables and this pair's token as well.
type Act<T> = dyn FnOnce(&mut Client, &Table, &str) -> Result<T, Problem> + Send;

impl PostgresStore {
    /// The store at this address: a URL, or a list of settings.
    pub(crate) fn new(address: &str, holder: Holder) -> Self {
        Self {
            shown: choice::hide_password(address),
            address: Address::parse(address, holder.process),
            holder,
            client: None,
            had: false,
            saved: Saved::default(),
            deadlines: Deadlines::default(),
        }
    }

    /// Does a job in the session, or in a new one if there is none, or if that turns out to be broken: a connection that was idle may
    /// have been closed by anybody.
    fn with<T: Send + 'static>(
        &mut self,
        job: impl Fn(&Saved) -> Result<Job<T>, StoreError>,
    ) -> Result<T, StoreError> {
        let mut was_open = self.client.is_some();
        loop {
            let client = match self.client.take() {
                Some(client) => client,
                None => self.connect()?,
            };
            let job = job(&self.saved)?;
            match self.run(client, job) {
                Ok(done) => return Ok(done),
                Err(problem) => {
                    self.saved.forget();
                    if !(problem.lost && was_open) {
                        return Err(problem.error);
                    }
                    was_open = false;
                }
            }
        }
    }

    fn run<T: Send + 'static>(&mut self, mut client: Client, job: Job<T>) -> Result<T, Problem> {
        let table = self.address.clone()?.table;
        let token = self.holder.token.clone();
        let limit = SILENCE + more(job.bytes);
        let (client, done) = self.deadlines.within(limit, move || {
            let done = (job.act)(&mut client, &table, &token);
            let lost = matches!(&done, Err(problem) if problem.lost);
            // To put down a connection may take its time as well.
            ((!lost).then_some(client), done)
        })?;
        self.client = client;
        done
    }

    fn connect(&mut self) -> Result<Client, StoreError> {
        self.saved.forget();
        let address = self.address.clone()?;
        let holder = Holder {
            is_first: self.holder.is_first && !self.had,
            ..self.holder.clone()
        };
        let open = move || {
            let mut client = address.config.connect(NoTls)?;
            tables::begin_session(&mut client)?;
            tables::prepare(&mut client, &address.table)?;
            claim::take(&mut client, &address.table, &holder)?;
            Ok::<_, Problem>(client)
        };
        let client = self
            .deadlines
            .within(SILENCE, open)?
            .map_err(|problem| problem.error)?;
        self.had = true;
        Ok(client)
    }
}

/// What so many bytes add to a time, at 2 MiB in a second.
fn more(bytes: usize) -> Duration {
    Duration::from_secs(bytes as u64 >> 21)
}

impl Store for PostgresStore {
    fn name(&self) -> String {
        self.shown.clone()
    }

    fn load(&mut self) -> Result<Vec<Stored>, StoreError> {
        let bytes = self.with(|_| {
            Ok(Job {
                bytes: 0,
                act: Box::new(|client, table, _| tables::size(client, table)),
            })
        })?;
        self.with(|_| {
            let act = move |client: &mut Client, table: &Table, _: &str| {
                tables::read(client, table, bytes)
            };
            let act = Box::new(act);
            Ok(Job { bytes, act })
        })
    }

    fn save(&mut self, newest: &[Stored]) -> Result<(), StoreError> {
        let written = self.with(|saved| {
            let changed = saved.changed(newest);
            let rows = changed.iter().map(|stored| Row::of(stored, LIMIT));
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            let bytes = rows.iter().map(|row| row.bytes.len()).sum();
            let act = move |client: &mut Client, table: &Table, token: &str| {
                let mut transaction = tables::begin(client, bytes)?;
                claim::check(&mut transaction, table, token)?;
                tables::write(&mut transaction, table, &rows)?;
                transaction.commit()?;
                Ok(rows.into_iter().map(|row| row.name).collect::<Vec<_>>())
            };
            let act = Box::new(act);
            Ok(Job { bytes, act })
        })?;
        let written = newest
            .iter()
            .filter(|stored| written.iter().any(|name| name == stored.name()));
        self.saved.remember(&written.collect::<Vec<_>>());
        Ok(())
    }

    fn set_aside(&mut self, stored: &Stored) -> Result<(), StoreError> {
        self.with(|_| {
            let row = Row::of(stored, LIMIT)?;
            let bytes = row.bytes.len();
            let act = move |client: &mut Client, table: &Table, token: &str| {
                let mut transaction = tables::begin(client, bytes)?;
                claim::check(&mut transaction, table, token)?;
                tables::set_aside(&mut transaction, table, &row)?;
                Ok(transaction.commit()?)
            };
            let act = Box::new(act);
            Ok(Job { bytes, act })
        })
    }
}
