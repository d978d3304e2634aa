//! Each kind of death gives its own `died` line, and the next worker is up and knows the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ppair_tests::{End, Event, Fixture, Power, Signal, lacks, stdout_lines};

const DEATHS: &str = env!("CARGO_BIN_EXE_deaths");

/// The first worker dies so, and the second one is up.
fn dies(arguments: &str) -> (Event, End) {
    of(Fixture::new(DEATHS).args(arguments.split(' ')).run())
}

fn of(end: End) -> (Event, End) {
    end.expect_code(0);
    let mut deaths = end.events("died");
    assert_eq!(deaths.len(), 1, "{:?}", end.stderr);
    assert_eq!(end.events("started").len(), 2);
    let died = deaths.remove(0);
    assert_eq!(died.get("next"), Some("restart"), "{died}");
    (died, end)
}

/// What the second worker says of the death of the first.
fn sentence(end: &End) -> &str {
    let lines = stdout_lines(end);
    let last = lines.last().expect("it printed");
    let said = last.strip_prefix("up after: worker 1 ");
    let said = said.unwrap_or_else(|| panic!("{lines:?}"));
    said.split_once(" s after its start")
        .expect("a time")
        .0
        .rsplit_once(", ")
        .expect("a time")
        .0
}

/// Checks the keys of a line: `None` for one that must not be there, and `Some("*")` for one that may have any value.
#[track_caller]
fn has(died: &Event, keys: &[(&str, Option<&str>)]) {
    for &(key, expected) in keys {
        match expected {
            Some("*") => assert!(died.get(key).is_some(), "{key}: {died}"),
            expected => assert_eq!(died.get(key), expected, "{key}: {died}"),
        }
    }
}

/// A death by a signal that came from the program itself, in this thread.
#[track_caller]
fn by_signal(died: &Event, signal: &str, thread: &str, address: Option<&str>) {
    has(
        died,
        &[
            ("cause", Some("signal")),
            ("signal", Some(signal)),
            ("core", Some("no")),
            ("thread", Some(thread)),
            ("address", address),
            ("fault", None),
        ],
    );
}

/// The lines of the fixture's source that a backtrace names.
fn places(died: &Event) -> Option<String> {
    let addresses = died.value("backtrace").split(' ');
    let mut looker = Command::new("addr2line");
    let output = looker
        .args(["-f", "-C", "-e", DEATHS])
        .args(addresses)
        .output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[track_caller]
fn names(test: &str, died: &Event, functions: &[&str]) {
    let found = places(died);
    if !lacks(test, &Power::new("addr2line", found.is_some())) {
        let found = found.unwrap_or_default();
        let is_named = functions.iter().any(|function| found.contains(function));
        assert!(is_named, "{died}: {found}");
    }
}

#[test]
fn a_wild_write_has_its_address_thread_and_place() {
    let (died, end) = dies("segv");
    by_signal(&died, "SIGSEGV", "main", Some("0x8"));
    assert_eq!(
        sentence(&end),
        "was killed by SIGSEGV at address 0x8 in thread \"main\""
    );
    names(
        "a_wild_write_has_its_address_thread_and_place",
        &died,
        &["write"],
    );
}

#[test]
fn a_wild_write_of_another_thread_names_that_thread() {
    let (died, _) = dies("segv-thread");
    by_signal(&died, "SIGSEGV", "helper", Some("0x8"));
    let (died, end) = dies("segv-unnamed");
    by_signal(&died, "SIGSEGV", "<unnamed>", Some("0x8"));
    assert_eq!(
        sentence(&end),
        "was killed by SIGSEGV at address 0x8 in an unnamed thread"
    );
}

#[test]
fn an_access_beyond_the_end_of_a_file_is_a_bus_error_with_its_address() {
    let (died, _) = dies("bus");
    by_signal(&died, "SIGBUS", "main", died.get("address"));
    has(&died, &[("address", Some("*"))]);
    assert!(died.value("address").ends_with("000"), "{died}");
}

#[test]
fn a_division_by_zero_and_an_illegal_instruction_have_their_place() {
    let (died, _) = dies("illegal");
    by_signal(&died, "SIGILL", "main", died.get("address"));
    has(&died, &[("address", Some("*")), ("backtrace", Some("*"))]);
    let (died, _) = dies("fpe");
    by_signal(&died, "SIGFPE", "main", died.get("address"));
    let known = cfg!(target_arch = "x86_64").then_some("*");
    has(&died, &[("address", known), ("backtrace", known)]);
}

#[test]
fn a_trap_ends_the_worker_at_once() {
    let (died, end) = dies("trap");
    by_signal(&died, "SIGTRAP", "main", died.get("address"));
    has(&died, &[("backtrace", Some("*"))]);
    assert_eq!(stdout_lines(&end)[0], "begin");
}

#[test]
fn an_abort_names_its_thread_and_has_no_address() {
    let (died, end) = dies("abort");
    by_signal(&died, "SIGABRT", "main", None);
    assert_eq!(sentence(&end), "was killed by SIGABRT in thread \"main\"");
}

#[test]
fn a_stack_overflow_is_told_apart_from_other_aborts() {
    for (how, thread) in [("overflow", "main"), ("overflow-thread", "helper")] {
        let (died, end) = dies(how);
        has(
            &died,
            &[
                ("cause", Some("signal")),
                ("signal", Some("SIGABRT")),
                ("fault", Some("stack_overflow")),
                ("thread", Some(thread)),
                ("address", Some("*")),
            ],
        );
        assert_eq!(
            sentence(&end),
            format!("overflowed the stack of thread \"{thread}\"")
        );
        // The handler of the standard library had its say.
        let said = end.stderr.join(" ");
        assert!(said.contains("has overflowed its stack"), "{said}");
        names(
            "a_stack_overflow_is_told_apart_from_other_aborts",
            &died,
            // Where the stack ends is at random: in the function, or in what it calls.
            &["deeper", "black_box"],
        );
    }
}

#[test]
fn a_kill_says_nothing_of_itself() {
    let (died, end) = dies("kill");
    has(
        &died,
        &[
            ("cause", Some("signal")),
            ("signal", Some("SIGKILL")),
            ("thread", None),
            ("address", None),
            ("backtrace", None),
        ],
    );
    assert_eq!(sentence(&end), "was killed by SIGKILL");
}

#[test]
fn an_exit_has_its_code_and_no_backtrace() {
    let (died, end) = dies("exit");
    has(
        &died,
        &[
            ("cause", Some("exit")),
            ("code", Some("3")),
            ("backtrace", None),
        ],
    );
    assert_eq!(sentence(&end), "exited with code 3");
}

#[test]
fn a_panic_has_a_backtrace_of_the_program() {
    let (died, end) = dies("panic");
    has(
        &died,
        &[
            ("cause", Some("panic")),
            ("code", Some("101")),
            ("panic", Some("in main")),
            ("thread", Some("main")),
        ],
    );
    let depth = died.value("backtrace").split(' ').count();
    assert!((3..=32).contains(&depth), "{died}");
    names(
        "a_panic_has_a_backtrace_of_the_program",
        &died,
        &["deaths::die"],
    );
    // The line of the call, and not of what follows it.
    let place = died.value("at").rsplit_once(':').expect("a column").0;
    let place = place.rsplit_once('/').expect("a folder").1;
    names("a_panic_has_a_backtrace_of_the_program", &died, &[place]);
    // The next worker has the same.
    let line = stdout_lines(&end)[1];
    let list = died.value("backtrace").replace("0x", "").replace(' ', ", ");
    assert_eq!(line, format!("backtrace [{list}]"));
}

#[test]
fn a_panic_of_another_thread_ends_only_that_one_unless_it_is_to_crash() {
    for how in ["panic-thread", "panic-caught"] {
        let end = Fixture::new(DEATHS).arg(how).run();
        end.expect_code(0);
        assert_eq!(stdout_lines(&end), ["begin", "went on"]);

        let (died, end) = dies(&format!("{how} crash"));
        has(
            &died,
            &[
                ("cause", Some("panic")),
                ("code", Some("101")),
                ("thread", Some("helper")),
                ("backtrace", Some("*")),
            ],
        );
        assert!(!stdout_lines(&end).contains(&"went on"));
        // The hook that was there before has run, too.
        assert!(
            end.stderr.join(" ").contains("'helper'"),
            "{:?}",
            end.stderr
        );
    }
}

#[test]
fn a_panic_that_main_catches_ends_nothing_though_threads_are_to_crash() {
    let end = Fixture::new(DEATHS)
        .args(["panic-caught-main", "crash"])
        .run();
    end.expect_code(0);
    assert_eq!(stdout_lines(&end), ["begin", "went on"]);
}

#[test]
fn a_raised_signal_ends_the_worker_at_once() {
    for (number, name) in [
        (4, "SIGILL"),
        (5, "SIGTRAP"),
        (6, "SIGABRT"),
        (7, "SIGBUS"),
        (8, "SIGFPE"),
        (11, "SIGSEGV"),
        (31, "SIGSYS"),
    ] {
        let (died, _) = dies(&number.to_string());
        by_signal(&died, name, "main", None);
    }
}

#[test]
fn a_signal_from_outside_ends_the_worker_at_the_first_time() {
    for signal in [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGABRT] {
        let mut pair = Fixture::new(DEATHS).arg("wait").spawn();
        let worker = pair.event("started").pid("worker");
        assert_eq!(pair.stdout_line(), "begin");
        assert_eq!(pair.stdout_line(), "ready");
        pair.kill(worker, signal);
        let (died, _) = of(pair.finish());
        by_signal(&died, signal.as_str(), "main", None);
    }
}

#[test]
fn under_the_guard_a_dying_worker_still_has_its_say() {
    let guarded = |how: &str| {
        let fixture = Fixture::new(DEATHS).arg(how).env("PPAIR_GUARD", "on");
        of(fixture.run())
    };
    by_signal(&guarded("segv").0, "SIGSEGV", "main", Some("0x8"));
    by_signal(&guarded("11").0, "SIGSEGV", "main", None);
    by_signal(&guarded("abort").0, "SIGABRT", "main", None);
    for how in ["overflow", "overflow-thread"] {
        has(
            &guarded(how).0,
            &[
                ("signal", Some("SIGABRT")),
                ("fault", Some("stack_overflow")),
            ],
        );
    }
    has(
        &guarded("panic").0,
        &[("cause", Some("panic")), ("backtrace", Some("*"))],
    );
}

#[test]
fn a_handler_installed_in_setup_still_runs() {
    let (died, end) = dies("segv handled");
    by_signal(&died, "SIGSEGV", "main", Some("0x8"));
    assert_eq!(end.other_stderr(), ["handled"]);
    let (died, end) = dies("raised handled");
    by_signal(&died, "SIGSEGV", "main", None);
    assert_eq!(end.other_stderr(), ["handled"]);
}

#[test]
fn a_fault_that_a_handler_mends_kills_nobody() {
    let (died, end) = dies("mended handled");
    assert_eq!(stdout_lines(&end)[1], "mended");
    has(
        &died,
        &[
            ("cause", Some("exit")),
            ("code", Some("3")),
            ("address", None),
        ],
    );
}

#[test]
fn a_fault_in_ppairs_own_handler_ends_the_worker() {
    for how in ["segv-without-segment", "abort-without-segment"] {
        let (died, _) = dies(how);
        has(
            &died,
            &[
                ("cause", Some("signal")),
                ("signal", Some("SIGSEGV")),
                ("address", None),
            ],
        );
    }
}

#[test]
fn a_handler_installed_in_main_replaces_the_one_of_ppair() {
    let (died, _) = dies("own-handler");
    has(&died, &[("cause", Some("exit")), ("code", Some("9"))]);
}

#[test]
fn what_a_process_of_the_worker_dies_of_is_not_taken_for_the_workers_death() {
    let (died, _) = dies("of-a-child");
    has(
        &died,
        &[
            ("cause", Some("signal")),
            ("signal", Some("SIGSEGV")),
            ("address", None),
            ("thread", None),
        ],
    );
    let (died, _) = dies("panic-of-a-child");
    has(&died, &[("cause", Some("exit")), ("code", Some("101"))]);
}

#[test]
fn a_worker_that_gives_no_sign_of_life_hung_though_it_ends_by_an_abort() {
    let fixture = Fixture::new(DEATHS).arg("wait");
    let (died, end) = of(fixture.env("PPAIR_HANG_TIMEOUT", "100ms").run());
    has(
        &died,
        &[
            ("cause", Some("hang")),
            ("signal", Some("SIGABRT")),
            ("heart", None),
            ("thread", None),
        ],
    );
    assert_eq!(sentence(&end), "hung and was killed");
    let last = stdout_lines(&end).pop().expect("it printed");
    assert!(
        last.contains(": it never sent a heartbeat; call `ppair::alive()`"),
        "{last}"
    );
}

#[test]
fn without_a_pair_nothing_is_written_and_the_signal_is_the_same() {
    let end = Fixture::new(DEATHS).arg("segv").env("PPAIR", "off").run();
    assert_eq!(end.code(), None);
    assert!(end.status.to_string().contains("SIGSEGV"), "{}", end.status);
    assert!(end.all_events().is_empty(), "{:?}", end.stderr);
}

/// A core file is written where the program is, under this name or with a number behind it.
fn core_files() -> Power {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    let unlimited = Command::new("sh")
        .args(["-c", "ulimit -c unlimited"])
        .status();
    let may = unlimited.is_ok_and(|status| status.success());
    Power::new("core_files", may && pattern.trim() == "core")
}

#[test]
fn a_core_is_still_written() {
    if lacks("a_core_is_still_written", &core_files()) {
        return;
    }
    for (how, signal) in [
        ("segv", "SIGSEGV"),
        ("trap", "SIGTRAP"),
        ("overflow", "SIGABRT"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let end = Fixture::new("sh")
            .args(["-c", r#"ulimit -c unlimited; exec "$0" "$1""#, DEATHS, how])
            .with(|command| {
                command.current_dir(folder.path());
            })
            .run();
        let (died, _) = of(end);
        has(&died, &[("signal", Some(signal)), ("core", Some("yes"))]);
        let cores = fs::read_dir(folder.path()).expect("the folder can be listed");
        assert_eq!(cores.count(), 1, "{died}");
    }
}

/// A memory cgroup of 64 MiB.
struct Group {
    folder: PathBuf,
}

impl Group {
    fn new(test: &str) -> Option<Self> {
        let name = format!("ppair-{test}-{}", std::process::id());
        let first = Path::new("/sys/fs/cgroup/memory").join(&name);
        let second = Path::new("/sys/fs/cgroup").join(&name);
        [
            (first, "memory.limit_in_bytes", "memory.swappiness"),
            (second, "memory.max", "memory.swap.max"),
        ]
        .into_iter()
        .find_map(|(folder, limit, swap)| {
            let _ = fs::create_dir(&folder);
            let group = Self { folder };
            // Without swap it may be that there is no file for it.
            let _ = fs::write(group.folder.join(swap), "0");
            fs::write(group.folder.join(limit), "67108864").ok()?;
            Some(group)
        })
    }

    /// The fixture in this group.
    fn run(&self, how: &str) -> End {
        Fixture::new("sh")
            .args([
                "-c",
                r#"echo $$ >"$1/cgroup.procs" && exec "$0" "$2""#,
                DEATHS,
            ])
            .arg(&self.folder)
            .arg(how)
            .deadline(Duration::from_secs(60))
            .run()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

#[test]
fn a_worker_that_the_out_of_memory_killer_ends_is_told_apart_from_one_that_was_killed() {
    let group = Group::new("oom");
    let power = Power::new("memory_cgroup", group.is_some());
    let test = "a_worker_that_the_out_of_memory_killer_ends_is_told_apart_from_one_that_was_killed";
    if lacks(test, &power) {
        return;
    }
    let group = group.expect("the power is there");
    let (died, end) = of(group.run("memory"));
    has(
        &died,
        &[("cause", Some("oom")), ("signal", Some("SIGKILL"))],
    );
    assert_eq!(sentence(&end), "was killed by the out-of-memory killer");
    // Though there was such a kill in this group.
    let (died, _) = of(group.run("kill"));
    has(
        &died,
        &[("cause", Some("signal")), ("signal", Some("SIGKILL"))],
    );
}

#[test]
fn the_watch_dog_is_the_last_that_the_out_of_memory_killer_picks() {
    let probe = Command::new("sh")
        .args(["-c", "echo -1000 >/proc/self/oom_score_adj"])
        .stderr(std::process::Stdio::null())
        .status();
    let power = Power::new("oom_score", probe.is_ok_and(|status| status.success()));
    if lacks(
        "the_watch_dog_is_the_last_that_the_out_of_memory_killer_picks",
        &power,
    ) {
        return;
    }
    let mut pair = Fixture::new(DEATHS).arg("wait").spawn();
    let worker = pair.event("started").pid("worker");
    assert_eq!(pair.stdout_line(), "begin");
    let score = |pid| fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).expect("it runs");
    let own = fs::read_to_string("/proc/self/oom_score_adj").expect("it can be read");
    ppair_tests::eventually("a lower score", Duration::from_secs(10), || {
        (score(pair.pid()).trim() == "-1000").then_some(())
    });
    assert_eq!(score(worker), own);
    pair.kill(worker, Signal::SIGKILL);
    let _ = of(pair.finish());
}

/// Builds a program in which panics abort.
fn abort_on_panic() -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deaths");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::create_dir_all(root.join("src")).expect("a folder");
    let manifest = format!(
        "[package]\nname = \"aborts\"\nedition = \"2024\"\n\n[dependencies]\nppair = {{ path = \"{}\" }}\n\n\
         [profile.dev]\npanic = \"abort\"\n\n[workspace]\n",
        workspace.join("ppair").display()
    );
    let main = "#[ppair::main]\nfn main(worker: ppair::Worker) {\n    \
        match worker.last_death() {\n        \
        None => deeper(),\n        \
        Some(death) => println!(\"up after: {death}\"),\n    }\n}\n\n\
        #[inline(never)]\nfn deeper() {\n    panic!(\"it aborts\");\n}\n";
    fs::write(root.join("Cargo.toml"), manifest).expect("the package can be written");
    fs::write(root.join("src/main.rs"), main).expect("the package can be written");
    fs::copy(workspace.join("Cargo.lock"), root.join("Cargo.lock")).expect("a lock file");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Fixture::new(cargo)
        .args(["build", "--offline", "--quiet", "--color", "never"])
        .env("CARGO_TARGET_DIR", root.join("target"))
        .with(|command| {
            command.current_dir(&root);
        })
        .deadline(Duration::from_secs(400))
        .run();
    built.expect_code(0);
    root.join("target/debug/aborts")
}

#[test]
fn a_panic_that_aborts_is_a_panic_with_its_text_and_backtrace() {
    let program = abort_on_panic();
    for guard in ["off", "on"] {
        let (died, end) = of(Fixture::new(&program).env("PPAIR_GUARD", guard).run());
        has(
            &died,
            &[
                ("cause", Some("panic")),
                ("signal", Some("SIGABRT")),
                ("panic", Some("it aborts")),
                ("thread", Some("main")),
                ("backtrace", Some("*")),
            ],
        );
        assert!(sentence(&end).starts_with("panicked at src/main.rs:"));
    }
}
