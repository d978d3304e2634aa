//! The command `ppair`: what it shows of running pairs, their stores and their logs is what is there, and nobody notices that it looks.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{Pid, ftruncate};
use ppair_tests::{End, Fixture, Running, eventually, is_stopped};
use ppair_tests::{Event, Signal};
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
fn a_hard_state_is_shown_field_by_field() {
    let mut pair = pair(|fixture| fixture);
    let pid = pair.pid().to_string();
    let end = run(["inspect", &pid]);
    assert!(end.stdout[0].starts_with("Kinds: nothing committed, incarnation 1, in /proc/"));
    commit(&mut pair, 301);
    let end = run(["inspect", &pid]);
    let lines: Vec<_> = end.stdout.iter().map(String::as_str).collect();
    assert!(lines[0].starts_with("Kinds version 7: generation 301, incarnation 1, in /proc/"));
    let huge = format!("  huge: {}", u128::MAX - 301);
    let expected = [
        "  small: 45",
        "  count: 301",
        "  negative: -301",
        &huge,
        "  half: 150.5",
        "  flag: true",
        "  letter: 'β'",
        "  mode: Odd",
        "  point:",
        "    x: 301.5",
        "    y: 301.0",
    ];
    assert_eq!(lines[1..12], expected);
    let behind = [
        "  points: … 2 more",
        "  list: [301, 302, 303, 304, 305, 306, 307, 308, 309, 310, 311, 312, 313, 314, 315, 316, … 24 more]",
        "  text: \"commit \\\"301\\\"\"",
        "  vector: [301, 302, 303, 304, 305]",
        "  there: 301",
        "  missing: none",
        "  elapsed: 75.25s",
        "  time: 1970-01-01T00:05:01Z",
        "  never_zero: 4397",
        "  empty: ()",
        "",
    ];
    assert_eq!(lines[24..35], behind);
    assert!(lines[35].starts_with("Big: generation 301, incarnation 1, in /proc/"));
    let all = run(["inspect", "--all", &pid]);
    assert!(all.stdout.len() > 1_100);
    assert!(all.stdout.iter().all(|line| !line.contains('…')));
    let line = run(["inspect", "--json", &pid]).stdout.remove(0);
    assert!(line.contains(&format!("\"huge\":{}", u128::MAX - 301)));
    let found: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(check(&found["states"]), [301, 301]);
    pair.close_stdin();
    pair.finish().expect_code(0);
}

/// Looks again and again at a pair that commits as fast as it can.
fn look_at_busy(change: impl FnOnce(Fixture) -> Fixture) {
    let mut pair = pair(change);
    let started = pair.event("started");
    let pids = ["watchdog", "worker"].map(|key| started.value(key).to_owned());
    commit(&mut pair, 2);
    pair.write_line("run");
    assert_eq!(pair.stdout_line(), "runs");
    let mut before = [0, 0];
    for pid in pids.iter().cycle().take(60) {
        let found = json_of(["inspect", "--json", pid]);
        for state in found["states"].as_array().unwrap() {
            assert_eq!(
                (&state["checkpoint"], &state["incarnation"]),
                (&json!("current"), &json!(1)),
                "{state}"
            );
            assert_eq!(state["committed"], state["generation"]);
        }
        let now = check(&found["states"]);
        assert!(now[0] >= before[0] && now[1] >= before[1]);
        before = now;
        let _ = json_of(["status", "--json", pid]);
    }
    assert!(before[0] > 100 && before[1] > 100, "{before:?}");
    pair.close_stdin();
    let end = pair.finish();
    end.expect_code(0);
    let events: Vec<_> = end.all_events();
    let names: Vec<_> = events.iter().map(Event::name).collect();
    assert_eq!(names, ["started", "stopped"]);
}

#[test]
fn a_busy_pair_is_seen_at_one_commit_and_does_not_notice() {
    look_at_busy(|fixture| fixture);
}

#[test]
fn so_is_one_that_commits_a_big_state_as_a_whole() {
    look_at_busy(|fixture| fixture.arg("wide"));
}

#[test]
fn so_is_one_with_a_guard() {
    look_at_busy(|fixture| fixture.env("PPAIR_GUARD", "on"));
}

#[test]
fn so_is_one_whose_worker_is_stopped_anywhere() {
    let mut pair = pair(|fixture| fixture);
    let worker = pair.event("started").pid("worker");
    commit(&mut pair, 2);
    pair.write_line("run");
    assert_eq!(pair.stdout_line(), "runs");
    for _ in 0..20 {
        pair.kill(worker, Signal::SIGSTOP);
        eventually("a stopped worker", Duration::from_secs(10), || {
            is_stopped(worker).then_some(())
        });
        let found = json_of(["inspect", "--json", &worker.to_string()]);
        check(&found["states"]);
        assert_eq!(found["states"][0]["checkpoint"], "current");
        assert_eq!(found["states"][1]["checkpoint"], "current");
        pair.kill(worker, Signal::SIGCONT);
    }
    pair.close_stdin();
    pair.finish().expect_code(0);
}

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
        assert!(
            what.starts_with("worker 5 exited with code 4 after "),
            "{what}"
        );
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
    has("last death  worker 5 exited with code 4 after ");
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
    assert!(what.starts_with("worker 2 panicked at ") && what.contains(": as \"told\" after "));
    let lines = run(["status", &pid]).stdout;
    assert!(
        lines[1].starts_with("worker      none just now"),
        "{lines:?}"
    );
}

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
        lines[0].contains("exited with code 3 after ") && lines[2].contains("as \"told\""),
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

#[test]
fn a_backup_is_a_store_and_goes_into_any() {
    let mut pair = pair(|fixture| fixture);
    commit(&mut pair, 20);
    let pid = pair.pid().to_string();
    let (backup, later) = (fresh("backup"), fresh("later"));
    run(["export", &pid, text(&backup)]);
    commit(&mut pair, 20);
    let written = run(["export", &pid, text(&later)]).stdout;
    assert_eq!(written, ["Kinds: generation 40", "Big: generation 40"]);
    let refusal = refused(["export", &pid, text(&backup)], 1);
    assert!(refusal.contains("which is not overwritten"), "{refusal}");
    pair.close_stdin();
    pair.finish().expect_code(0);

    let states = |name: &str| {
        let mut states = json_of(["inspect", "--json", name])["states"].take();
        let list = states.as_array_mut().expect("a list");
        // Not all keep the order.
        list.sort_by_key(|state| core::cmp::Reverse(state["name"].as_str().map(str::to_owned)));
        states
    };
    assert_eq!(check(&states(text(&backup))), [20, 20]);
    let file = format!("file:{}", fresh("store").display());
    let database = format!("sqlite:{}", fresh("database").display());
    let object = format!("ppair-tests-{}", std::process::id());
    let shared = format!("shm:{object}");
    for store in [&file, &database, &shared] {
        let path = store.split_once(':').expect("a scheme").1;
        let dry = run(["import", "--dry-run", text(&backup), store]).stdout;
        assert_eq!(dry[0], "Kinds: generation 20 would be imported", "{store}");
        assert!(store == &shared || !Path::new(path).exists());
        let done = run(["import", text(&backup), store]).stdout;
        assert_eq!(
            done,
            [
                "Kinds: generation 20 imported",
                "Big: generation 20 imported"
            ]
        );
        assert_eq!(check(&states(store)), [20, 20]);
        // Without its scheme too.
        assert_eq!(check(&states(path)), [20, 20]);
        let done = run(["import", text(&backup), store]).stdout;
        assert_eq!(done[0], "Kinds: generation 20 is there already");
        let done = run(["import", text(&later), store]).stdout;
        assert_eq!(
            done[0],
            "Kinds: generation 40 imported; generation 20, which was there, set aside"
        );
        assert_eq!(check(&states(store)), [40, 40]);
        // Also what is older, if that is what somebody wants.
        run(["import", text(&backup), store]);
        assert_eq!(check(&states(store)), [20, 20]);
    }
    for entry in fs::read_dir("/dev/shm").expect("it is there").flatten() {
        if entry.file_name().to_string_lossy().starts_with(&object) {
            fs::remove_file(entry.path()).expect("it is this test's");
        }
    }
}

#[test]
fn a_store_that_is_held_is_not_imported_into() {
    use nix::fcntl::{Flock, FlockArg};
    let mut pair = pair(|fixture| fixture);
    commit(&mut pair, 1);
    let (backup, store) = (fresh("held-backup"), fresh("held"));
    run(["export", &pair.pid().to_string(), text(&backup)]);
    let store = format!("file:{}", store.display());
    run(["import", text(&backup), &store]);
    let lock = fs::File::open(fresh_lock(&store)).expect("there was a lock");
    let held = Flock::lock(lock, FlockArg::LockExclusiveNonblock).expect("nobody has it");
    let refusal = refused(["import", text(&backup), &store], 1);
    assert!(
        refusal.contains(" is held by process ") && refusal.contains("stop that pair first"),
        "{refusal}"
    );
    drop(held);
    run(["import", text(&backup), &store]);
    pair.close_stdin();
    pair.finish().expect_code(0);
}

fn fresh_lock(store: &str) -> String {
    format!("{}.lock", store.trim_start_matches("file:"))
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

/// The file descriptor is this process's, which is looked into.
#[test]
fn a_segment_of_another_version_is_told_to_be_one() {
    let file = memfd_create(c"ppair", MFdFlags::MFD_ALLOW_SEALING).expect("a memory file");
    ftruncate(&file, 1 << 16).expect("it grows");
    let mut head = u64::from_be_bytes(*b"ppairseg").to_ne_bytes().to_vec();
    head.extend(999_u64.to_ne_bytes());
    nix::sys::uio::pwrite(&file, &head, 0).expect("it is written");
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).expect("it is sealed");
    let refusal = refused(["inspect", &std::process::id().to_string()], 1);
    assert!(
        refusal.contains("was written by another version of ppair (format 999)"),
        "{refusal}"
    );
}

#[test]
fn wrong_arguments_are_told_with_exit_status_two() {
    for (arguments, reason) in [
        (&[][..], "a command is missing; `ppair help` tells"),
        (&["watch"], "there is no command \"watch\""),
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
