//! `log`: what a pair has said.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{COMMAND, commit, fresh, json_of, pair, run, text};

#[test]
fn a_log_is_told_again() {
    let mut pair = pair(|fixture| fixture);
    for line in ["exit 3", "abort", "panic", "kill"] {
        commit(&mut pair, 1);
        pair.write_line(line);
        assert!(pair.stdout_line().starts_with("begin "));
    }
    pair.close_stdin();
    let end = pair.finish();
    let file = fresh("log");
    fs::write(&file, end.stderr.join("\n")).expect("the log is written");
    let events = end.all_events();
    let told = run(["log", "--json", text(&file)]);
    assert_eq!(told.stdout.len(), events.len());
    for (line, event) in told.stdout.iter().zip(&events) {
        let found: Value = serde_json::from_str(line).expect("JSON");
        for key in event.keys() {
            let text = match &found[key] {
                Value::String(text) => text.clone(),
                Value::Number(number) if number.is_f64() => {
                    format!("{:.3}s", number.as_f64().unwrap())
                }
                Value::Number(number) if key == "maxrss" => format!("{number}KiB"),
                Value::Number(number) => number.to_string(),
                other => panic!("{key} is {other} in {line}"),
            };
            assert_eq!(text, event.value(key), "{key}");
        }
    }
    // From standard input, with what a logger puts in front.
    let mut command = Command::new(COMMAND);
    let mut command = command
        .args(["log", "--event", "died", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = command.stdin.take().expect("a pipe");
    for line in &end.stderr {
        writeln!(stdin, "Nov 25 12:00:00 host web[12]: <4>{line}").expect("it reads");
    }
    drop(stdin);
    let out = command.wait_with_output().expect("it ends");
    let out = String::from_utf8(out.stdout).expect("UTF-8");
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines.len(), 4, "{out}");
    assert!(
        lines
            .iter()
            .all(|line| line.starts_with("Nov 25 12:00:00 host web[12]:  died "))
    );
    assert!(
        lines[0].contains("exited with code 3, ") && lines[2].contains("as \"told\""),
        "{out}"
    );
}

#[test]
fn a_summary_of_a_log_has_the_longest_outage() {
    let file = fresh("summary");
    let log = "\
2026-11-25T12:00:00.000Z ppair event=started watchdog=10 worker=11 incarnation=1 generation=0
2026-11-25T12:00:01.000Z something else
2026-11-25T12:00:01.000Z ppair event=died worker=11 incarnation=1 cause=signal signal=SIGSEGV core=no next=restart delay=0.100s
2026-11-25T12:00:01.250Z ppair event=started watchdog=10 worker=12 incarnation=2 generation=0
2026-11-25T12:00:02.000Z ppair event=died worker=12 incarnation=2 cause=exit code=3 next=restart delay=0.100s
2026-11-25T12:00:02.100Z ppair event=started watchdog=10 worker=13 incarnation=3 generation=0
2026-11-25T12:00:03.000Z ppair event=stopping signal=SIGTERM
";
    fs::write(&file, log).expect("the log is written");
    let found = json_of(["log", "--summary", "--json", text(&file)]);
    assert_eq!(found["deaths"], json!({ "exit": 1, "signal": 1 }));
    assert_eq!(found["signals"], json!({ "SIGSEGV": 1 }));
    assert_eq!(
        (&found["workers"], &found["watchdogs"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(found["longest_outage"], 0.25);
    let lines = run(["log", "--summary", text(&file)]).stdout;
    assert_eq!(
        lines,
        [
            "watch dogs      1",
            "workers         3",
            "deaths          2: exit 1, signal 1",
            "signals         SIGSEGV 1",
            "other events    stopping 1",
            "longest outage  250.0ms, of 2",
        ]
    );
}
