//! `status`: how a running pair fares.

use ppair_tests::Pid;
use serde_json::{Value, json};

use super::{commit, json_of, pair, run};

#[test]
fn status_counts_deaths_by_their_causes() {
    let mut pair = pair(|fixture| fixture);
    let mut incarnation = 1;
    for line in ["exit 3", "abort", "panic", "kill", "exit 4"] {
        commit(&mut pair, 2);
        pair.write_line(line);
        incarnation += 1;
        assert_eq!(pair.stdout_line(), format!("begin {incarnation}"));
    }
    let mut worker = Pid::from_raw(0);
    for _ in 0..6 {
        worker = pair.event("started").pid("worker");
    }
    commit(&mut pair, 3);
    // From the worker's id as well.
    for pid in [pair.pid(), worker] {
        let status = json_of(["status", "--json", &pid.to_string()]);
        assert_eq!(status["watchdog"]["pid"], pair.pid().as_raw());
        assert_eq!(status["worker"]["pid"], worker.as_raw());
        assert_eq!(
            (&status["incarnation"], &status["restarts"]),
            (&json!(6), &json!(5))
        );
        let deaths = json!({ "exit": 2, "signal": 2, "panic": 1, "hang": 0, "oom": 0 });
        assert_eq!(status["deaths"], deaths);
        assert_eq!(
            (&status["generation"], &status["committed"]),
            (&json!(26), &json!(6))
        );
        let death = &status["last_death"];
        assert_eq!(death["incarnation"], 5);
        let what = death["what"].as_str().expect("a text");
        assert!(what.starts_with("worker 5 exited with code 4, "), "{what}");
        let seconds = |value: &Value| {
            value
                .as_f64()
                .unwrap_or_else(|| panic!("no time: {status}"))
        };
        let [last, mean, max] = ["last", "mean", "max"].map(|key| seconds(&status["outage"][key]));
        assert!(last <= max && mean <= max && max < 10.0 && mean > 0.0);
        let uptime = |key: &str| seconds(&status[key]["uptime"]);
        assert!(uptime("worker") <= uptime("watchdog") && uptime("watchdog") < 30.0);
        assert!(seconds(&death["ago"]) <= uptime("watchdog"));
    }
    let lines = run(["status", &pair.pid().to_string()]).stdout;
    let has = |start: &str| {
        assert!(
            lines.iter().any(|line| line.starts_with(start)),
            "{lines:?}"
        );
    };
    has(&format!("watch dog   process {}, since 20", pair.pid()));
    has(&format!(
        "worker      incarnation 6, process {worker}, since 20"
    ));
    has("generation  26, of which this worker has committed 6");
    has("restarts    5, ");
    has("deaths      5: exit 2, signal 2, panic 1");
    has("last death  worker 5 exited with code 4, ");
    has("outage      last ");
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn status_tells_that_there_is_no_worker_just_now() {
    let mut pair = pair(|fixture| fixture.env("PPAIR_RESTART_DELAY", "60s"));
    pair.write_line("exit 3");
    assert_eq!(pair.stdout_line(), "begin 2");
    pair.write_line("panic");
    assert_eq!(pair.event("died").value("incarnation"), "1");
    assert_eq!(pair.event("died").value("incarnation"), "2");
    let pid = pair.pid().to_string();
    let status = json_of(["status", "--json", &pid]);
    assert_eq!(
        (&status["worker"], &status["incarnation"]),
        (&Value::Null, &json!(2))
    );
    let what = status["last_death"]["what"].as_str().expect("a text");
    assert!(
        what.starts_with("worker 2 panicked at ") && what.contains(" s after its start: \"as ")
    );
    let lines = run(["status", &pid]).stdout;
    assert!(
        lines[1].starts_with("worker      none just now"),
        "{lines:?}"
    );
}
