//! The command `ppair`: what it shows of running pairs, their stores and their logs is what is there, and nobody notices that it looks.

mod backup;
mod inspect;
mod log;
mod status;

use std::fs;
use std::path::{Path, PathBuf};

use ppair_tests::{End, Fixture, Running};
use serde_json::{Value, json};

const COMMAND: &str = env!("CARGO_BIN_EXE_ppair-command");
const INSPECTED: &str = env!("CARGO_BIN_EXE_inspected");

/// Its end, if it has done what it should.
#[track_caller]
fn run<const N: usize>(arguments: [&str; N]) -> End {
    let end = Fixture::new(COMMAND).args(arguments).run();
    end.expect_code(0);
    assert_eq!(end.stderr, [""; 0]);
    end
}

#[track_caller]
fn json_of<const N: usize>(arguments: [&str; N]) -> Value {
    let end = run(arguments);
    assert_eq!(end.stdout.len(), 1, "one line");
    serde_json::from_str(&end.stdout[0]).expect("JSON")
}

/// What it says if it cannot.
#[track_caller]
fn refused<const N: usize>(arguments: [&str; N], code: i32) -> String {
    let end = Fixture::new(COMMAND).args(arguments).run();
    end.expect_code(code);
    assert_eq!(end.stdout, [""; 0]);
    assert_eq!(end.stderr.len(), 1, "{:?}", end.stderr);
    let text = end.stderr[0].strip_prefix("ppair: ");
    text.expect("it says who speaks").to_owned()
}

fn pair(change: impl FnOnce(Fixture) -> Fixture) -> Running {
    let mut pair = change(Fixture::new(INSPECTED).stdin()).spawn();
    assert_eq!(pair.stdout_line(), "begin 1");
    pair
}

fn commit(pair: &mut Running, count: u64) {
    pair.write_line(&format!("commit {count}"));
    assert!(pair.stdout_line().starts_with("done "));
}

/// A path of this test's own, where nothing is.
fn fresh(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("command-{name}"));
    for end in ["", ".lock", "-wal", "-shm"] {
        let mut path = path.clone().into_os_string();
        path.push(end);
        let _ = fs::remove_file(path);
    }
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// What the hard states are at this generation: see the fixture.
#[track_caller]
fn check(states: &Value) -> [u64; 2] {
    let [kinds, big] = &states.as_array().expect("a list")[..] else {
        panic!("two hard states: {states}");
    };
    assert_eq!(
        (&kinds["name"], &big["name"]),
        (&json!("Kinds"), &json!("Big"))
    );
    let generation = kinds["generation"].as_u64().expect("a number");
    let (value, low) = (&kinds["value"], generation & 0x00ff_ffff);
    let real = |number: u64| f64::from(u32::try_from(number).expect("24 bits"));
    if generation > 0 {
        let short = generation & 0xfff;
        assert_eq!(value["small"], generation & 0xff);
        assert_eq!(value["count"], generation);
        assert_eq!(value["negative"], -i64::try_from(low).unwrap());
        assert_eq!(value["half"], real(short) / 2.0);
        assert_eq!(value["flag"], generation % 2 == 1);
        assert_eq!(
            value["mode"],
            if generation % 2 == 1 { "Odd" } else { "Even" }
        );
        assert_eq!(
            value["points"][5],
            json!({ "x": real(low) + 0.5, "y": real(short + 5) })
        );
        let list: Vec<u64> = (short..short + 40).collect();
        assert_eq!(value["list"], json!(list));
        assert_eq!(value["text"], format!("commit \"{low}\""));
        let vector: Vec<u64> = (low..low + generation % 8).collect();
        assert_eq!(value["vector"], json!(vector));
        assert_eq!(
            (&value["there"], &value["missing"]),
            (&json!(low), &Value::Null)
        );
        assert_eq!(value["elapsed"], real(low) / 4.0);
        assert_eq!(value["never_zero"], short | 0x1000);
    }
    let commits = big["generation"].as_u64().expect("a number");
    if commits > 0 {
        let value = &big["value"];
        assert_eq!(
            (&value["first"], &value["last"]),
            (&json!(commits), &json!(commits))
        );
        let rows = value["rows"].as_array().expect("a list");
        assert_eq!(rows.len(), 1_100);
        for (row, words) in (0..).zip(rows) {
            let last = commits
                .checked_sub(row)
                .map_or(0, |behind| commits - behind % 1_100);
            assert_eq!(words, &json!(vec![last; 8]), "row {row} at {commits}");
        }
    }
    [generation, commits]
}

#[test]
fn what_is_no_pair_and_no_store_is_told_so() {
    let other = Fixture::new("sleep").arg("1000").spawn();
    let pid = other.pid().to_string();
    let file = fresh("nothing");
    fs::write(&file, "nothing of ppair's").expect("it is written");
    for (name, reason) in [
        ("4194304000", "no process id"),
        ("2147483647", "there is no process 2147483647"),
        ("1a", "there is no file 1a and no shared memory object 1a"),
        ("/no/such/file", "there is no file /no/such/file"),
        (text(&file), text(&file)),
        (&pid, "has no hard state of ppair open"),
    ] {
        let refusal = refused(["inspect", name], 1);
        assert!(refusal.contains(reason), "{name}: {refusal}");
    }
    let refusal = refused(["status", &pid], 1);
    assert!(
        refusal.contains("name the watch dog or the worker"),
        "{refusal}"
    );
}

#[test]
fn wrong_arguments_are_told_with_exit_status_two() {
    for (arguments, reason) in [
        (&[][..], "a command is missing; `ppair help` tells"),
        (&["watch"], "there is no command \"watch\", but inspect, "),
        (&["inspct"], "did you mean `ppair inspect`?"),
        (
            &["status", "file:jobs.state"],
            "is no process id; for a store use `ppair inspect file:jobs.state`",
        ),
        (
            &["inspect"],
            "SOURCE is missing; `ppair help inspect` tells",
        ),
        (&["inspect", "1", "2"], "\"2\" is one argument too many"),
        (&["inspect", "--summary", "1"], "'--summary'"),
        (&["status", "x"], "\"x\" is no process id"),
        (&["log", "--event"], "--event"),
        (&["export", "1"], "FILE is missing"),
    ] {
        let end = Fixture::new(COMMAND).args(arguments).run();
        end.expect_code(2);
        assert_eq!(end.stdout, [""; 0]);
        assert!(
            end.stderr[0].contains(reason),
            "{arguments:?}: {:?}",
            end.stderr
        );
    }
}

#[test]
fn help_and_version_are_printed() {
    assert_eq!(
        run(["--version"]).stdout,
        [format!("ppair {}", env!("CARGO_PKG_VERSION"))]
    );
    let help = run(["help"]).stdout;
    assert_eq!(run(["--help"]).stdout, help);
    for command in ["inspect", "status", "log", "export", "import"] {
        assert!(
            help.iter()
                .any(|line| line.contains(&format!("ppair {command} ")))
        );
        let usage = run(["help", command]).stdout;
        assert!(usage[0].starts_with(&format!("usage: ppair {command} ")));
        assert_eq!(run([command, "--help"]).stdout, usage);
    }
}
