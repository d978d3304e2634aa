//! The store `postgres:URL`, on a server that the tests start.

use std::fmt::Debug;
use std::fs;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use ppair::__private::{Choice, open_store};
use ppair::{HardState, Store, StoreError, Stored};
use ppair_tests::postgres::Server;
use ppair_tests::{Signal, SmallDisk, patience};

/// The store at an address, for the first keeper of a pair or a later one.
fn open(address: &str, pair: &str, is_first: bool) -> Box<dyn Store> {
    let name = if address.contains("://") {
        address.to_owned()
    } else {
        format!("postgres:{address}")
    };
    open_store(Choice::named(name.leak()), pair, is_first).expect("there is such a store")
}

/// An address of the server's, of this table.
fn at(server: &Server, table: &str) -> String {
    format!("{}?ppair_table={table}", server.url())
}

/// The store of a pair that has just begun, and is ready.
fn ready(server: &Server, table: &str, pair: &str) -> Box<dyn Store> {
    let mut store = open(&at(server, table), pair, true);
    store.load().unwrap();
    store
}

/// Another program's connection.
fn connect(server: &Server) -> Client {
    Client::connect(&server.url(), NoTls).unwrap()
}

fn texts(server: &Server, query: &str) -> Vec<String> {
    let rows = connect(server).query(query, &[]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn unusable<T: Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Unusable { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

fn failed<T: Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Failed { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

fn held<T: Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Held { holder }) => holder,
        other => panic!("{other:?}"),
    }
}

/// What a holder of this process is called.
fn own_name() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    format!("process {} on host {}", std::process::id(), host.trim())
}

/// A hard state of `N` bytes.
fn big<const N: usize>(generation: u64) -> Stored
where
    [u8; N]: HardState,
{
    // Not what compresses well.
    let mut random = 1_u64;
    let bytes = vec![0_u8; N].into_iter().map(|_| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.to_le_bytes()[7]
    });
    let boxed: Box<[u8; N]> = bytes.collect::<Box<[u8]>>().try_into().unwrap();
    Stored::of(&*boxed, generation)
}

#[test]
fn what_is_saved_is_loaded_by_the_next_pair() {
    let Some(server) = Server::shared() else {
        return;
    };
    let (one, other) = (Stored::of(&7_u64, 3), Stored::of(&8_u32, 5));
    let mut store = open(&at(&server, "trip"), "a", true);
    assert_eq!(store.load(), Ok(vec![]));
    assert_eq!(store.load(), Ok(vec![]), "once more");
    store.save(&[one.clone(), other.clone()]).unwrap();
    assert_eq!(store.load(), Ok(vec![other.clone(), one]));
    let newer = Stored::of(&9_u64, 4);
    store.save(&[newer.clone(), other.clone()]).unwrap();
    drop(store);

    let mut store = open(&at(&server, "trip"), "b", true);
    assert_eq!(store.load(), Ok(vec![other, newer]));
}

#[test]
fn an_address_may_be_a_list_of_settings_and_shows_no_password() {
    let Some(server) = Server::shared() else {
        return;
    };
    let address = format!(
        "host={} user=ppair password=secret dbname=postgres ppair_table=list",
        server.host()
    );
    let mut store = open(&address, "a", true);
    assert_eq!(store.load(), Ok(vec![]));
    assert_eq!(store.name(), address.replace("secret", "***"));
}

#[test]
fn what_has_not_changed_is_not_written_again() {
    let Some(server) = Server::shared() else {
        return;
    };
    let mut store = ready(&server, "changed", "a");
    let both = [Stored::of(&7_u64, 3), Stored::of(&8_u32, 5)];
    store.save(&both).unwrap();
    let forget = "UPDATE changed SET saved_at = '2001-01-01'";
    connect(&server).batch_execute(forget).unwrap();
    store.save(&both).unwrap();
    store
        .save(&[Stored::of(&7_u64, 4), both[1].clone()])
        .unwrap();
    let written = "SELECT name FROM changed WHERE saved_at > '2001-01-01'";
    assert_eq!(texts(&server, written), ["u64"]);
}

#[test]
fn a_checkpoint_is_set_aside_once_and_kept() {
    let Some(server) = Server::shared() else {
        return;
    };
    let (old, same_generation) = (Stored::of(&7_u64, 3), Stored::of(&8_u64, 3));
    let mut store = ready(&server, "aside", "a");
    store.save(std::slice::from_ref(&old)).unwrap();
    for stored in [&old, &old, &same_generation] {
        store.set_aside(stored).unwrap();
    }
    store.save(&[Stored::of(&9_u64, 4)]).unwrap();
    let rows = connect(&server)
        .query("SELECT checkpoint FROM aside_set_aside", &[])
        .unwrap();
    let mut found: Vec<Vec<u8>> = rows.iter().map(|row| row.get(0)).collect();
    let mut expected = [old.to_bytes(), same_generation.to_bytes()];
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn sixty_four_mebibytes_fit() {
    let Some(server) = Server::shared() else {
        return;
    };
    let big = big::<{ 64 << 20 }>(3);
    let mut store = ready(&server, "large", "a");
    store.save(std::slice::from_ref(&big)).unwrap();
    assert!(store.load() == Ok(vec![big]));
}

#[test]
fn a_second_pair_is_refused_by_name_until_the_first_is_gone() {
    let Some(server) = Server::shared() else {
        return;
    };
    let mut first = ready(&server, "pairs", "a");
    let mut second = open(&at(&server, "pairs"), "b", true);
    // Another name of the same table.
    let mut third = open(&at(&server, "public.pairs"), "c", true);
    for other in [&mut second, &mut third] {
        let holder = held(other.load());
        let expected = format!("{} (backend ", own_name());
        assert!(holder.starts_with(&expected), "{holder}");
        held(other.save(&[Stored::of(&7_u64, 3)]));
    }
    first.save(&[Stored::of(&1_u64, 1)]).unwrap();
    drop(first);
    assert_eq!(second.load(), Ok(vec![Stored::of(&1_u64, 1)]));
}

#[test]
fn a_connection_that_has_the_lock_without_the_row_is_named_by_what_the_server_knows() {
    let Some(server) = Server::shared() else {
        return;
    };
    drop(ready(&server, "lock", "a"));
    let mut other = connect(&server);
    let take = "SET application_name = 'ppair:4711@elsewhere'; \
                SELECT pg_advisory_lock(x'70706169'::int, 'lock_holder'::regclass::oid::int)";
    other.batch_execute(take).unwrap();
    let holder = held(open(&at(&server, "lock"), "b", true).load());
    assert!(
        holder.starts_with("process 4711 on host elsewhere (backend "),
        "{holder}"
    );
}

#[test]
fn pairs_with_tables_of_their_own_share_a_database() {
    let Some(server) = Server::shared() else {
        return;
    };
    let schema = "CREATE SCHEMA apart";
    connect(&server).batch_execute(schema).unwrap();
    let tables = ["user", "ppair_checkpoint", "apart.user"];
    let mut stores = tables.map(|table| ready(&server, table, table));
    for (store, number) in stores.iter_mut().zip(1_u64..) {
        store.save(&[Stored::of(&number, 3)]).unwrap();
    }
    for (store, number) in stores.iter_mut().zip(1_u64..) {
        assert_eq!(store.load(), Ok(vec![Stored::of(&number, 3)]));
    }
}

#[test]
fn of_many_that_come_at_once_one_gets_it() {
    let Some(server) = Server::shared() else {
        return;
    };
    for table in ["race_a", "race_b", "race_c"] {
        let address = at(&server, table);
        let taken = std::sync::Barrier::new(4);
        let got = std::thread::scope(|scope| {
            let come = |number: u32| {
                let mut store = open(&address, &number.to_string(), true);
                taken.wait();
                let loaded = store.load();
                taken.wait();
                match loaded {
                    Ok(found) => usize::from(found.is_empty()),
                    Err(StoreError::Held { .. }) => 0,
                    Err(other) => panic!("{other:?}"),
                }
            };
            let threads = [0, 1, 2, 3].map(|number| scope.spawn(move || come(number)));
            threads.map(|thread| thread.join().unwrap())
        });
        assert_eq!(got.iter().sum::<usize>(), 1, "{got:?}");
    }
}

#[test]
fn the_next_keeper_of_a_pair_takes_over_from_one_that_hangs() {
    let Some(server) = Server::shared() else {
        return;
    };
    let mut hangs = ready(&server, "keeper", "a");
    hangs.save(&[Stored::of(&7_u64, 3)]).unwrap();
    let mut next = open(&at(&server, "keeper"), "a", false);
    assert_eq!(next.load(), Ok(vec![Stored::of(&7_u64, 3)]));
    next.save(&[Stored::of(&7_u64, 4)]).unwrap();
}

#[test]
fn a_later_keeper_takes_nothing_over_from_another_pair() {
    let Some(server) = Server::shared() else {
        return;
    };
    drop(ready(&server, "later", "a"));
    let holder = held(open(&at(&server, "later"), "b", false).load());
    assert_eq!(holder, format!("{}, which has taken it over", own_name()));
}

#[test]
fn who_has_lost_the_tables_to_another_pair_writes_nothing_more() {
    let Some(server) = Server::shared() else {
        return;
    };
    let mut loses = ready(&server, "fence", "a");
    loses.save(&[Stored::of(&7_u64, 3)]).unwrap();
    let end = "SELECT pg_terminate_backend(backend) FROM fence_holder";
    connect(&server).query(end, &[]).unwrap();
    let mut takes = loop {
        let mut takes = open(&at(&server, "fence"), "b", true);
        match takes.load() {
            Ok(_) => break takes,
            // The end of the session takes a moment.
            Err(StoreError::Held { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    };
    takes.save(&[Stored::of(&8_u64, 4)]).unwrap();
    for _ in 0..2 {
        held(loses.save(&[Stored::of(&9_u64, 5)]));
        held(loses.set_aside(&Stored::of(&9_u64, 5)));
    }
    drop(takes);
    for _ in 0..2 {
        let holder = held(loses.save(&[Stored::of(&9_u64, 5)]));
        assert!(holder.ends_with("which has taken it over"), "{holder}");
    }
    let mut next = ready(&server, "fence", "c");
    assert_eq!(next.load(), Ok(vec![Stored::of(&8_u64, 4)]));

    // With the session in place, the row alone decides.
    let take = "UPDATE fence_holder SET token = 'd', holder = 'process 1 on host x'";
    connect(&server).batch_execute(take).unwrap();
    let holder = held(next.save(&[Stored::of(&9_u64, 5)]));
    assert_eq!(holder, "process 1 on host x, which has taken it over");
}

#[test]
fn a_connection_that_was_closed_is_made_anew() {
    let Some(server) = Server::shared() else {
        return;
    };
    let mut store = ready(&server, "closed", "a");
    store.save(&[Stored::of(&7_u64, 3)]).unwrap();
    let end = "SELECT pg_terminate_backend(backend) FROM closed_holder";
    for generation in 4..7 {
        connect(&server).query(end, &[]).unwrap();
        store.save(&[Stored::of(&7_u64, generation)]).unwrap();
    }
    let gone = "DROP TABLE closed, closed_holder, closed_set_aside";
    connect(&server).batch_execute(gone).unwrap();
    store.save(&[Stored::of(&7_u64, 7)]).unwrap();
    assert_eq!(store.load(), Ok(vec![Stored::of(&7_u64, 7)]));
}

#[test]
fn a_server_that_is_gone_fails_and_works_when_it_is_back() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let mut store = ready(&server, "gone", "a");
    store.save(&[Stored::of(&7_u64, 3)]).unwrap();
    server.stop();
    for _ in 0..2 {
        let reason = failed(store.save(&[Stored::of(&7_u64, 4)]));
        assert!(reason.starts_with("error connecting"), "{reason}");
    }
    failed(open(&at(&server, "gone"), "b", true).load());
    server.start_again();
    store.save(&[Stored::of(&7_u64, 4)]).unwrap();
    server.kill();
    failed(store.save(&[Stored::of(&7_u64, 5)]));
    server.start_again();
    assert_eq!(store.load(), Ok(vec![Stored::of(&7_u64, 4)]));
    store.save(&[Stored::of(&7_u64, 5)]).unwrap();
}

#[test]
fn a_server_that_hangs_is_not_waited_for_without_end() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut store = ready(&server, "hangs", "a");
    server.signal(Signal::SIGSTOP);
    let start = Instant::now();
    let reason = failed(store.save(&[Stored::of(&7_u64, 4)]));
    assert_eq!(reason, "the server does not answer");
    // Without a time-out of the pair's own it would be that of the kernel: a quarter of an hour.
    assert!(start.elapsed() < patience(Duration::from_secs(25)));
    server.signal(Signal::SIGCONT);
    store.save(&[Stored::of(&7_u64, 5)]).unwrap();
    assert_eq!(store.load(), Ok(vec![Stored::of(&7_u64, 5)]));
}

#[test]
fn a_locked_table_fails_soon_and_works_later() {
    let Some(server) = Server::shared() else {
        return;
    };
    let mut store = ready(&server, "locked", "a");
    store.save(&[Stored::of(&7_u64, 3)]).unwrap();
    let mut other = connect(&server);
    for table in ["locked", "locked_holder"] {
        let mut locks = other.transaction().unwrap();
        let lock = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        locks.batch_execute(&lock).unwrap();
        let start = Instant::now();
        let reason = failed(store.save(&[Stored::of(&7_u64, 4)]));
        assert!(reason.contains("lock timeout"), "{reason}");
        // Without one it would wait for as long as the other has the lock.
        assert!(start.elapsed() < patience(Duration::from_secs(14)));
        locks.rollback().unwrap();
    }
    // It has not let go of the tables for that.
    held(open(&at(&server, "locked"), "b", true).load());
    store.save(&[Stored::of(&7_u64, 4)]).unwrap();
    assert_eq!(store.load(), Ok(vec![Stored::of(&7_u64, 4)]));
}

#[test]
fn a_full_disk_fails_and_what_was_saved_stays() {
    let test = "a_full_disk_fails_and_what_was_saved_stays";
    let Some(server) = Server::shared() else {
        return;
    };
    let small = server.room("small");
    let Some(_disk) = SmallDisk::mount(test, &small, 1) else {
        return;
    };
    let space = format!("CREATE TABLESPACE small LOCATION '{}'", small.display());
    connect(&server).batch_execute(&space).unwrap();
    let mut store = ready(&server, "disk", "a");
    let move_there = "ALTER TABLE disk SET TABLESPACE small";
    connect(&server).batch_execute(move_there).unwrap();
    store.save(&[Stored::of(&7_u64, 3)]).unwrap();
    let newest = [Stored::of(&8_u64, 4), big::<{ 4 << 20 }>(4)];
    for _ in 0..2 {
        let reason = failed(store.save(&newest));
        assert!(reason.contains("SQLSTATE 53100"), "{reason}");
        assert_eq!(store.load(), Ok(vec![Stored::of(&7_u64, 3)]));
    }
    let move_back = "ALTER TABLE disk SET TABLESPACE pg_default";
    connect(&server).batch_execute(move_back).unwrap();
    store.save(&newest).unwrap();
    assert_eq!(store.load().unwrap().len(), 2);
    drop(store);
    for drop in ["DROP TABLE disk", "DROP TABLESPACE small"] {
        connect(&server).batch_execute(drop).unwrap();
    }
}

#[test]
fn who_may_not_is_told_why() {
    let Some(server) = Server::shared() else {
        return;
    };
    connect(&server)
        .batch_execute(
            "CREATE ROLE locked LOGIN PASSWORD 'right'; CREATE ROLE guest LOGIN; CREATE TABLE theirs (name text)",
        )
        .unwrap();
    let refused = |address: String, expected: &str| {
        let reason = unusable(open(&address, "a", true).load());
        assert!(reason.contains(expected), "{address}: {reason}");
        assert!(!reason.contains("wrong"), "{reason}");
    };
    let of = |user: &str| server.url_of(user, "postgres");
    refused(of("locked:wrong"), "password authentication failed");
    refused(of("locked:wrong"), "give another user or password");
    refused(of("locked"), "password missing");
    refused(of("nobody_here"), "give another user or password");
    refused(
        server.url_of("ppair", "no_such"),
        "name a database that is there",
    );
    refused(of("guest"), "give the user the right to create tables");
    let theirs = format!("{}?ppair_table=theirs", of("guest"));
    refused(theirs, "give the user the right to create tables");
    refused(at(&server, "no_such.table"), "name a schema that is there");
    refused(
        format!("{}?sslmode=require", server.url()),
        "an encrypted connection",
    );
    let nowhere = "postgres://u@%2Fno%2Fsuch%2Ffolder/db";
    let reason = failed(open(nowhere, "a", true).load());
    assert!(reason.starts_with("error connecting to server"), "{reason}");
}

#[test]
fn who_may_only_read_and_write_needs_no_more() {
    let Some(server) = Server::shared() else {
        return;
    };
    drop(ready(&server, "granted", "a"));
    connect(&server)
        .batch_execute(
            "CREATE ROLE writer LOGIN; \
             GRANT SELECT, INSERT, UPDATE ON granted, granted_holder, granted_set_aside TO writer",
        )
        .unwrap();
    let address = format!(
        "{}?ppair_table=granted",
        server.url_of("writer", "postgres")
    );
    let mut store = open(&address, "b", true);
    assert_eq!(store.load(), Ok(vec![]));
    store.save(&[Stored::of(&7_u64, 3)]).unwrap();
    store.set_aside(&Stored::of(&7_u64, 3)).unwrap();
    // One who sees less of the others is told as much.
    let holder = held(open(&at(&server, "granted"), "c", true).load());
    assert!(holder.starts_with(&own_name()), "{holder}");
}

#[test]
fn tables_of_another_shape_are_refused() {
    let Some(server) = Server::shared() else {
        return;
    };
    for (number, (made, expected)) in [
        ("CREATE TABLE $ (id int)", r#"column "name" does not exist"#),
        (
            "CREATE TABLE $ (name text, generation bigint, checkpoint text, saved_at timestamptz)",
            "the column checkpoint has the type text, and not bytea",
        ),
        (
            "CREATE TABLE $ (name text, generation bigint, checkpoint bytea, saved_at timestamptz)",
            "ON CONFLICT specification",
        ),
        ("CREATE VIEW $ AS SELECT 1 AS id", "is not as ppair makes it"),
        ("CREATE SEQUENCE $", "is not as ppair makes it"),
        (
            "CREATE TABLE $_holder (token text)",
            "is not as ppair makes it",
        ),
        (
            "CREATE TABLE $_holder (id int, format int, token text, holder text, backend int, taken_at timestamptz)",
            "ON CONFLICT specification",
        ),
        ("CREATE TABLE $_set_aside (x int)", "is not as ppair makes it"),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("shape_{number}");
        let made = made.replace('$', &table);
        connect(&server).batch_execute(&made).unwrap();
        let reason = unusable(open(&at(&server, &table), "a", true).load());
        assert!(
            reason.contains(expected) && reason.contains("ppair_table=NAME"),
            "{made}: {reason}"
        );
    }
}

#[test]
fn what_is_unknown_or_damaged_is_refused() {
    let Some(server) = Server::shared() else {
        return;
    };
    let mut store = ready(&server, "odd", "a");
    store.save(&[Stored::of(&7_u64, 3)]).unwrap();
    drop(store);
    for (change, expected) in [
        (
            "UPDATE odd SET checkpoint = '\\x00112233'",
            "the row `u64` of the table \"odd\": these bytes are no stored checkpoint",
        ),
        (
            "UPDATE odd_holder SET format = 9",
            "have format 9, which this version of ppair does not know",
        ),
    ] {
        connect(&server).batch_execute(change).unwrap();
        let reason = unusable(open(&at(&server, "odd"), "a", true).load());
        assert!(reason.contains(expected), "{reason}");
    }
}
