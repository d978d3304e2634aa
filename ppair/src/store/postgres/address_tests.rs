use ::postgres::config::Host;

use super::*;

fn parsed(text: &str) -> Address {
    Address::parse(text, 4711).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    match Address::parse(text, 4711) {
        Err(StoreError::Unusable { reason }) => reason,
        Err(other) => panic!("{text}: {other:?}"),
        Ok(_) => panic!("{text}: it is taken"),
    }
}

#[test]
fn the_table_is_taken_out_of_the_address() {
    for (text, database, table) in [
        ("postgres://u:p@h/db", "db", r#""ppair_checkpoint""#),
        ("postgres://u:p@h/db?ppair_table=t", "db", r#""t""#),
        (
            "postgresql://h/db?connect_timeout=3&ppair_table=a.b_2&keepalives=0",
            "db",
            r#""a"."b_2""#,
        ),
        (
            "postgres://h/db?ppair_table=x&ppair_table=user",
            "db",
            r#""user""#,
        ),
        ("host=h dbname=db", "db", r#""ppair_checkpoint""#),
        ("host=h ppair_table=t dbname=db", "db", r#""t""#),
        ("ppair_table='t' host=h dbname=db", "db", r#""t""#),
        (
            r"host=h password='a \' ppair_table=no' dbname = db ppair_table = yes",
            "db",
            r#""yes""#,
        ),
        (
            r"host=h password=a://b dbname=d\ b ppair_table=yes",
            "d b",
            r#""yes""#,
        ),
    ] {
        let address = parsed(text);
        assert_eq!(address.config.get_dbname(), Some(database), "{text}");
        assert_eq!(address.table.checkpoint(), table, "{text}");
    }
    let password = parsed(r"host=h password='a \' ppair_table=no' ppair_table=t");
    assert_eq!(
        password.config.get_password(),
        Some(&b"a ' ppair_table=no"[..])
    );
    let (table, long) = (parsed("host=h ppair_table=s.t").table, "x".repeat(LONGEST));
    assert_eq!(table.holder(), r#""s"."t_holder""#);
    assert_eq!(table.set_aside(), r#""s"."t_set_aside""#);
    parsed(&format!("host=h ppair_table={long}"));
    refused(&format!("host=h ppair_table={long}x"));
}

#[test]
fn what_is_no_name_of_a_table_is_refused() {
    for name in [
        "", "A", "a.b.c", ".a", "a.", "1a", "a-b", "a%20b", "ä", "a;b", "a\"b",
    ] {
        let reason = refused(&format!("postgres://h/db?ppair_table={name}"));
        let expected = format!("the address has ppair_table={name}: expected the name of a table");
        assert!(reason.starts_with(&expected), "{reason}");
    }
}

#[test]
fn what_is_given_goes_before_what_ppair_would_choose() {
    let config = parsed("postgres://h/db").config;
    assert_eq!(config.get_connect_timeout(), Some(&PATIENCE));
    assert_eq!(config.get_keepalives_idle(), Duration::from_secs(15));
    let name = config.get_application_name().unwrap();
    assert_eq!(name, application_name(4711, &process::host_name()));
    let config = parsed("host=h connect_timeout=9 keepalives_idle=99").config;
    let nine = Duration::from_secs(9);
    assert_eq!(config.get_connect_timeout(), Some(&nine));
    assert_eq!(config.get_keepalives_idle(), Duration::from_secs(99));
}

#[test]
fn sockets_in_folders_are_hosts() {
    for text in [
        "host=/run/postgresql user=u",
        "postgres://u@%2Frun%2Fpostgresql/db",
        "postgres:///db?host=/run/postgresql&ppair_table=t",
    ] {
        let expected = [Host::Unix("/run/postgresql".into())];
        assert_eq!(parsed(text).config.get_hosts(), expected, "{text}");
    }
}

#[test]
fn encryption_is_refused_clearly() {
    for mode in ["require", "verify-ca", "verify-full"] {
        for text in [
            format!("postgres://h/db?sslmode={mode}"),
            format!("host=h sslmode={mode}"),
        ] {
            let reason = refused(&text);
            assert!(reason.contains("an encrypted connection"), "{reason}");
        }
    }
    for mode in ["prefer", "disable"] {
        parsed(&format!("postgres://h/db?sslmode={mode}"));
    }
}

#[test]
fn an_address_that_is_none_says_why_without_the_password() {
    for (text, expected) in [
        ("host=h frob=1 password=secret", "unknown option `frob`"),
        (
            "host=h port=x password=secret",
            "invalid value for option `port`",
        ),
        ("host=h password='secret", "unterminated quoted"),
        ("postgres://u:secret@h/db?x=y", "unknown option `x`"),
    ] {
        let reason = refused(text);
        assert!(reason.starts_with("the address is none: "), "{reason}");
        assert!(reason.contains(expected), "{reason}");
        assert!(!reason.contains("secret"), "{reason}");
    }
}

#[test]
fn the_name_of_a_connection_fits() {
    assert_eq!(application_name(4711, "host"), "ppair:4711@host");
    assert_eq!(application_name(4711, &"ä".repeat(60)).len(), 63);
    assert_eq!(application_name(471, &"ä".repeat(60)).len(), 62);
}
