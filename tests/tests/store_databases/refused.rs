//! Nothing is started without what is stored.

use postgres::{Client, NoTls};
use ppair_tests::Scratch;
use ppair_tests::postgres::Server;
use rusqlite::Connection;

use crate::{count, start, stop, stored, tell};

/// Nothing is started, with this exit code. Returns why.
fn reason(store: &str, code: i32) -> String {
    let end = stored(store).run();
    end.expect_code(code);
    assert!(end.events("started").is_empty() && end.stdout.is_empty());
    assert!(!end.stderr.concat().contains("secret"), "{:?}", end.stderr);
    end.events("refused")[0].value("reason").to_owned()
}

#[test]
fn a_server_that_is_down_is_named_without_the_password() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let address = server.url_of("ppair:secret", "postgres");
    let (mut pair, _) = start(&address);
    tell(&mut pair, "add");
    stop(pair);
    server.stop();
    let reason = reason(&address, 71);
    let shown = address.replace("secret", "***");
    assert!(
        reason.starts_with(&format!(
            "the store {shown} cannot be used: error connecting"
        )) && reason.contains("PPAIR_STORE=memory"),
        "{reason}"
    );
    server.start_again();
    let (pair, begin) = start(&address);
    assert_eq!(count(&begin), 1);
    stop(pair);
}

#[test]
fn a_wrong_password_is_a_matter_of_configuration() {
    let Some(server) = Server::shared() else {
        return;
    };
    let mut client = Client::connect(&server.url(), NoTls).expect("it runs");
    let role = "CREATE ROLE locked LOGIN PASSWORD 'right'";
    client.batch_execute(role).expect("a new role");
    let reason = reason(&server.url_of("locked:secret", "postgres"), 78);
    assert!(
        reason.contains("password authentication failed"),
        "{reason}"
    );
}

#[test]
fn a_database_that_another_program_has_locked_is_not_begun_without() {
    let folder = Scratch::new();
    let path = folder.join("state");
    let store = format!("sqlite:{}", path.display());
    let (mut pair, _) = start(&store);
    tell(&mut pair, "add");
    stop(pair);
    let other = Connection::open(&path).expect("an SQLite database");
    other.execute_batch("BEGIN EXCLUSIVE").expect("a lock");
    let reason = reason(&store, 71);
    assert!(
        reason.contains(&store) && reason.contains("another connection has locked the database"),
        "{reason}"
    );
    drop(other);
    let (pair, begin) = start(&store);
    assert_eq!(count(&begin), 1);
    stop(pair);
}
