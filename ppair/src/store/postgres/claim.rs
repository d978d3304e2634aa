//! Whose the tables are.

use std::thread;
use std::time::{Duration, Instant};

use ::postgres::{Client, GenericClient, Transaction};

use super::Holder;
use super::address::Table;
use super::error::Problem;
use super::tables;
use crate::store::StoreError;
use crate::sys::process;

/// The version of the tables.
const FORMAT: i32 = 1;

/// The first half of the lock's name; the second is the table's.
const LOCK: i32 = i32::from_be_bytes(*b"ppai");

/// How long an end is waited for of a connection of this pair's that has not noticed its own.
const PATIENCE: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(20);

/// The row that says whose the tables are.
struct Claim {
    format: i32,
    token: String,
    holder: String,
    backend: i32,
}

/// Takes lock and row, or says who has them.
pub(super) fn take(client: &mut Client, table: &Table, holder: &Holder) -> Result<(), Problem> {
    lock(client, table, &holder.token)?;
    let mut transaction = tables::begin(client, 0)?;
    if let Some(claim) = read(&mut transaction, table, true)? {
        if claim.format != FORMAT {
            return Err(Problem::from(StoreError::unusable(format_args!(
                "the tables of {} have format {}, which this version of ppair does not know: use the version that made them",
                table.checkpoint(),
                claim.format
            ))));
        }
        if claim.token != holder.token && !holder.is_first {
            return Err(taken_over(&claim));
        }
    }
    let statement = format!(
        "INSERT INTO {} (id, format, token, holder, backend, taken_at) VALUES (1, $1, $2, $3, pg_backend_pid(), now()) \
         ON CONFLICT (id) DO UPDATE SET token = excluded.token, holder = excluded.holder, backend = excluded.backend, \
         taken_at = excluded.taken_at",
        table.holder()
    );
    let shown = format!(
        "process {} on host {}",
        holder.process,
        process::host_name()
    );
    let values: [&(dyn ::postgres::types::ToSql + Sync); 3] = [&FORMAT, &holder.token, &shown];
    let done = transaction.execute(&statement, &values);
    done.map_err(|error| tables::foreign(&table.holder(), error.into()))?;
    Ok(transaction.commit()?)
}

/// Whether the tables are still this session's, for as long as the transaction lasts.
pub(super) fn check(
    transaction: &mut Transaction<'_>,
    table: &Table,
    token: &str,
) -> Result<(), Problem> {
    let own = transaction.query_one("SELECT pg_backend_pid()", &[])?;
    let own: i32 = own.try_get(0)?;
    let Some(claim) = read(transaction, table, true)? else {
        return Err(Problem::lost(format_args!(
            "the row that says whose the tables are is gone from {}",
            table.holder()
        )));
    };
    if claim.token != token {
        return Err(taken_over(&claim));
    }
    if claim.backend != own {
        return Err(Problem::lost(
            "another connection of this pair has taken the tables over (behind a pooler, sessions must not be shared)",
        ));
    }
    Ok(())
}

fn taken_over(claim: &Claim) -> Problem {
    StoreError::held(format_args!("{}, which has taken it over", claim.holder)).into()
}

fn read(
    client: &mut impl GenericClient,
    table: &Table,
    lock: bool,
) -> Result<Option<Claim>, Problem> {
    let query = format!(
        "SELECT format, token, holder, backend FROM {} WHERE id = 1{}",
        table.holder(),
        if lock { " FOR UPDATE" } else { "" }
    );
    let Some(row) = client.query_opt(&query, &[])? else {
        return Ok(None);
    };
    Ok(Some(Claim {
        format: row.try_get(0)?,
        token: row.try_get(1)?,
        holder: row.try_get(2)?,
        backend: row.try_get(3)?,
    }))
}

/// Takes the lock of the session.
fn lock(client: &mut Client, table: &Table, token: &str) -> Result<(), Problem> {
    // Of all names of a table, this one says which it is.
    let row = client.query_one("SELECT to_regclass($1)::oid", &[&table.holder()])?;
    let Some(id) = row.try_get::<_, Option<u32>>(0)? else {
        return Err(Problem::lost(format_args!(
            "the table {} is gone",
            table.holder()
        )));
    };
    let id = i32::from_ne_bytes(id.to_ne_bytes());
    let until = Instant::now() + PATIENCE;
    loop {
        let row = client.query_one("SELECT pg_try_advisory_lock($1, $2)", &[&LOCK, &id])?;
        if row.try_get(0)? {
            return Ok(());
        }
        if let Some((backend, client_is)) = locker(client, id)? {
            let claim = read(client, table, false)?.filter(|claim| claim.backend == backend);
            // This pair's own, whose end has not reached the server yet.
            let is_ours = claim.as_ref().is_some_and(|claim| claim.token == token);
            if !is_ours || Instant::now() > until {
                let who = claim.map_or(client_is, |claim| claim.holder);
                return Err(StoreError::held(format_args!("{who} (backend {backend})")).into());
            }
            client.execute("SELECT pg_terminate_backend($1)", &[&backend])?;
        } else if Instant::now() > until {
            let unknown = StoreError::held("a connection that the server does not show");
            return Err(unknown.into());
        }
        thread::sleep(PAUSE);
    }
}

/// The backend that has the lock, and what the server knows of its client.
fn locker(client: &mut Client, id: i32) -> Result<Option<(i32, String)>, Problem> {
    let query = "SELECT l.pid, a.application_name, host(a.client_addr) \
         FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND l.classid = $1::bigint::oid AND l.objid = $2::bigint::oid";
    let half = |half: i32| i64::from(u32::from_ne_bytes(half.to_ne_bytes()));
    let Some(row) = client.query_opt(query, &[&half(LOCK), &half(id)])? else {
        return Ok(None);
    };
    let program: Option<String> = row.try_get(1)?;
    let machine: Option<String> = row.try_get(2)?;
    let of = |text: String| text.strip_prefix("ppair:").and_then(process);
    let mut who = program.and_then(of).unwrap_or("a client".to_owned());
    if let Some(machine) = machine {
        who = format!("{who}, at {machine}");
    }
    Ok(Some((row.try_get(0)?, who)))
}

/// `4711@host`, for a message.
fn process(name: &str) -> Option<String> {
    let (process, host) = name.split_once('@')?;
    Some(format!("process {process} on host {host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_connection_says_whose_it_is() {
        assert_eq!(
            process("4711@some.host").as_deref(),
            Some("process 4711 on host some.host")
        );
        assert_eq!(process("psql"), None);
    }
}
