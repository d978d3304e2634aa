//! The tables: their shape, and each statement on them.

use ::postgres::error::SqlState;
use ::postgres::types::Type;
use ::postgres::{Client, Transaction};

use super::address::Table;
use super::error::Problem;
use super::{PATIENCE, PATIENCE_FOR_LOCKS, more};
use crate::state::stored::Stored;
use crate::store::StoreError;
use crate::store::saved::{self, Row};

/// What holds of a new session. A server that knows no such keepalives, or a pooler that does not pass them on, has its own.
pub(super) fn begin_session(client: &mut Client) -> Result<(), Problem> {
    // The lock of a machine that is gone falls when the server notices.
    let _ = client.batch_execute(
        "SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3",
    );
    // Keepalives do not run while something is on its way to that machine: then this ends the wait,
    // and a server before version 12 does not know it.
    let _ = client.batch_execute("SET tcp_user_timeout = '15s'");
    Ok(client.batch_execute(&format!(
        "SET lock_timeout = {}; SET statement_timeout = {}",
        PATIENCE_FOR_LOCKS.as_millis(),
        PATIENCE.as_millis()
    ))?)
}

/// A transaction that is on stable storage once it is committed, in which so many bytes are moved.
pub(super) fn begin(client: &mut Client, bytes: usize) -> Result<Transaction<'_>, Problem> {
    let mut transaction = client.transaction()?;
    let patience = (PATIENCE + more(bytes)).as_millis();
    transaction.batch_execute(&format!(
        "SET LOCAL synchronous_commit TO on; SET LOCAL statement_timeout = {patience}"
    ))?;
    Ok(transaction)
}

/// Makes the tables if there are none, and looks whether they can be used.
pub(super) fn prepare(client: &mut Client, table: &Table) -> Result<(), Problem> {
    for (table, columns) in [
        (
            table.checkpoint(),
            "name text PRIMARY KEY, generation bigint NOT NULL, checkpoint bytea NOT NULL, \
             saved_at timestamptz NOT NULL",
        ),
        (
            table.set_aside(),
            "name text, generation bigint, hash bigint, checkpoint bytea NOT NULL, \
             set_aside_at timestamptz NOT NULL, PRIMARY KEY (name, generation, hash)",
        ),
        (
            table.holder(),
            "id integer PRIMARY KEY CHECK (id = 1), format integer NOT NULL, token text NOT NULL, holder text NOT NULL, \
             backend integer NOT NULL, taken_at timestamptz NOT NULL",
        ),
    ] {
        // Only who may create tables may say `IF NOT EXISTS`, even of those that exist.
        if !exists(client, &table)? {
            create(client, &table, columns)?;
        }
    }
    let (number, long) = (Type::INT4, Type::INT8);
    for (table, columns) in [
        (
            table.checkpoint(),
            &[
                ("name", Type::TEXT),
                ("generation", long.clone()),
                ("checkpoint", Type::BYTEA),
            ][..],
        ),
        (
            table.set_aside(),
            &[
                ("name", Type::TEXT),
                ("generation", long.clone()),
                ("hash", long),
                ("checkpoint", Type::BYTEA),
            ],
        ),
        (
            table.holder(),
            &[
                ("id", number.clone()),
                ("format", number.clone()),
                ("token", Type::TEXT),
                ("holder", Type::TEXT),
                ("backend", number),
            ],
        ),
    ] {
        check(client, &table, columns).map_err(|problem| foreign(&table, problem))?;
    }
    // Each is planned, with all of its rights and keys, and not done.
    for (table, statement) in [
        (table.checkpoint(), write_to(table, "'', 0, ''")),
        (table.set_aside(), set_aside_in(table, "'', 0, 0, ''")),
    ] {
        let planned = client.batch_execute(&format!("EXPLAIN {statement}"));
        planned.map_err(|error| foreign(&table, error.into()))?;
    }
    Ok(())
}

fn exists(client: &mut Client, table: &str) -> Result<bool, Problem> {
    let row = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table])?;
    Ok(row.try_get(0)?)
}

fn create(client: &mut Client, table: &str, columns: &str) -> Result<(), Problem> {
    let statement = format!("CREATE TABLE IF NOT EXISTS {table} ({columns})");
    let Err(error) = client.batch_execute(&statement) else {
        return Ok(());
    };
    // Somebody else has just made it: unique violation, duplicate table, duplicate object.
    let code = error.code().map(SqlState::code);
    if matches!(code, Some("23505" | "42P07" | "42710")) {
        return Ok(());
    }
    Err(error.into())
}

fn check(client: &mut Client, table: &str, columns: &[(&str, Type)]) -> Result<(), Problem> {
    let names: Vec<_> = columns.iter().map(|&(name, _)| name).collect();
    let statement = client.prepare(&format!("SELECT {} FROM {table}", names.join(", ")))?;
    for (found, (name, expected)) in statement.columns().iter().zip(columns) {
        if found.type_() != expected {
            let found = found.type_();
            let reason = format!("the column {name} has the type {found}, and not {expected}");
            return Err(StoreError::unusable(reason).into());
        }
    }
    Ok(())
}

/// That a table is not one that ppair has made, if that is what it is.
pub(super) fn foreign(table: &str, problem: Problem) -> Problem {
    match problem.error {
        StoreError::Unusable { reason } if !reason.contains("SQLSTATE 42501") => {
            StoreError::unusable(format_args!(
                "the table {table} is not as ppair makes it ({reason}): name another one in the address by `ppair_table=NAME`"
            ))
            .into()
        }
        _ => problem,
    }
}

/// How many bytes there are to read.
pub(super) fn size(client: &mut Client, table: &Table) -> Result<usize, Problem> {
    let from = table.checkpoint();
    let query = format!("SELECT coalesce(sum(octet_length(checkpoint)), 0)::bigint FROM {from}");
    let size: i64 = client.query_one(&query, &[])?.try_get(0)?;
    Ok(usize::try_from(size).unwrap_or(0))
}

/// Each checkpoint of the table.
pub(super) fn read(
    client: &mut Client,
    table: &Table,
    bytes: usize,
) -> Result<Vec<Stored>, Problem> {
    let mut transaction = begin(client, bytes)?;
    let from = table.checkpoint();
    let query = format!(r#"SELECT name, checkpoint FROM {from} ORDER BY name COLLATE "C""#);
    let rows = transaction.query(&query, &[])?;
    transaction.commit()?;
    let stored = rows.iter().map(|row| {
        let (name, bytes) = (row.try_get(0)?, row.try_get(1)?);
        Ok(saved::read(&from, name, bytes)?)
    });
    stored.collect()
}

pub(super) fn write(
    transaction: &mut Transaction<'_>,
    table: &Table,
    rows: &[Row],
) -> Result<(), Problem> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement = transaction.prepare(&write_to(table, "$1, $2, $3"))?;
    for row in rows {
        transaction.execute(&statement, &[&row.name, &row.generation, &row.bytes])?;
    }
    Ok(())
}

pub(super) fn set_aside(
    transaction: &mut Transaction<'_>,
    table: &Table,
    row: &Row,
) -> Result<(), Problem> {
    let statement = set_aside_in(table, "$1, $2, $3, $4");
    transaction.execute(
        &statement,
        &[&row.name, &row.generation, &row.hash(), &row.bytes],
    )?;
    Ok(())
}

fn write_to(table: &Table, values: &str) -> String {
    format!(
        "INSERT INTO {} (name, generation, checkpoint, saved_at) VALUES ({values}, now()) \
         ON CONFLICT (name) DO UPDATE SET generation = excluded.generation, checkpoint = excluded.checkpoint, \
         saved_at = excluded.saved_at",
        table.checkpoint()
    )
}

fn set_aside_in(table: &Table, values: &str) -> String {
    format!(
        "INSERT INTO {} (name, generation, hash, checkpoint, set_aside_at) VALUES ({values}, now()) \
         ON CONFLICT (name, generation, hash) DO NOTHING",
        table.set_aside()
    )
}
