//! Version 1 of a program stores its hard state, and version 2, with another one, starts from it: two executables, one file.

use std::fs;
use std::path::PathBuf;

use ppair_tests::{End, Event, Fixture, stdout_lines};

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    /// With what version 1 stores in it.
    fn with_version_1(test: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("upgrade-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder for the test");
        let folder = Self(path);
        let end = Fixture::new(env!("CARGO_BIN_EXE_upgrade_1"))
            .arg(folder.file())
            .run();
        end.expect_code(0);
        assert_eq!(
            stdout_lines(&end),
            [
                r#"worker 1 starts from Initial 0: Progress { next: 0, on: false, hits: 0, mode: Idle, name: "" }"#,
                r#"stored Progress { next: 7, on: true, hits: 9, mode: Busy, name: "köln" } as 1"#,
            ]
        );
        folder
    }

    fn file(&self) -> PathBuf {
        self.0.join("state")
    }

    /// Version 2 in this variety.
    fn version_2(&self, case: &str) -> Fixture {
        Fixture::new(env!("CARGO_BIN_EXE_upgrade_2"))
            .arg(case)
            .arg(self.file())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Version 2 after version 1, and then version 2 once more, for which nothing has changed.
fn upgrade(case: &str) -> End {
    let folder = Folder::with_version_1(case);
    let end = folder.version_2(case).run();
    end.expect_code(0);
    let again = folder.version_2(case).run();
    again.expect_code(0);
    let stored = stdout_lines(&end)
        .last()
        .copied()
        .expect("it says what it stored")
        .to_owned();
    let (value, generation) = stored
        .strip_prefix("stored ")
        .and_then(|stored| stored.rsplit_once(" as "))
        .expect("both");
    assert_eq!(
        stdout_lines(&again)[..2],
        [
            format!("worker 1 starts from Stored {generation}: {value}"),
            "taken over: unchanged true, 0 migrations, added [], dropped []".to_owned(),
        ]
    );
    end
}

#[track_caller]
fn expect(end: &End, from: &str, what: &str, stored: &str) {
    let lines = stdout_lines(end);
    assert_eq!(lines[0], format!("worker 1 starts from {from}"));
    assert_eq!(lines[1..lines.len() - 1].join("\n"), what);
    assert_eq!(lines[lines.len() - 1], format!("stored {stored} as 2"));
}

#[track_caller]
fn only(end: &End, name: &str) -> Event {
    let mut events = end.events(name);
    assert_eq!(events.len(), 1, "{:?}", end.stderr);
    events.remove(0)
}

#[test]
fn the_same_hard_state_is_taken_over_as_it_is() {
    let end = upgrade("exact");
    expect(
        &end,
        r#"Stored 1: Progress { next: 7, on: true, hits: 9, mode: Busy, name: "köln" }"#,
        "taken over: unchanged true, 0 migrations, added [], dropped []",
        r#"Progress { next: 8, on: true, hits: 9, mode: Busy, name: "köln" }"#,
    );
    assert_eq!(only(&end, "started").value("generation"), "1");
    assert!(end.events("state_migrated").is_empty() && end.events("state_rejected").is_empty());
}

#[test]
fn types_fields_and_variants_may_say_what_they_were_called() {
    let end = upgrade("renamed");
    expect(
        &end,
        r#"Stored 1: Position { following: 7, on: true, visits: 9, mode: Working, name: "köln" }"#,
        "taken over: unchanged true, 0 migrations, added [], dropped []",
        r#"Position { following: 8, on: true, visits: 9, mode: Working, name: "köln" }"#,
    );
}

#[test]
fn added_fields_have_their_default() {
    let end = upgrade("added");
    expect(
        &end,
        r#"Stored 1: Progress { next: 7, on: true, errors: 3, hits: 9, limit: 500, mode: Busy, name: "köln" }"#,
        r#"taken over: unchanged false, 0 migrations, added ["errors", "limit"], dropped []"#,
        r#"Progress { next: 8, on: true, errors: 3, hits: 9, limit: 500, mode: Busy, name: "köln" }"#,
    );
    let event = only(&end, "state_migrated");
    assert_eq!(
        (event.value("state"), event.value("added")),
        ("Progress", "errors, limit")
    );
}

#[test]
fn renamed_fields_and_variants_are_told() {
    let end = upgrade("evolved");
    expect(
        &end,
        r#"Stored 1: Progress { following: 7, limit: 500, visits: 9, mode: Working, name: "köln" }"#,
        r#"taken over: unchanged false, 0 migrations, added ["limit"], dropped ["on (bool)"], renamed ["next -> following", "hits -> visits", "mode.Busy -> mode.Working"]"#,
        r#"Progress { following: 8, limit: 500, visits: 9, mode: Working, name: "köln" }"#,
    );
    let event = only(&end, "state_migrated");
    assert_eq!(
        ["added", "dropped", "renamed"].map(|key| event.value(key)),
        [
            "limit",
            "on (bool)",
            "next -> following, hits -> visits, mode.Busy -> mode.Working"
        ]
    );
}

#[test]
fn dropped_fields_are_told() {
    let end = upgrade("dropped");
    expect(
        &end,
        r#"Stored 1: Progress { next: 7, name: "köln" }"#,
        r#"taken over: unchanged false, 0 migrations, added [], dropped ["on (bool)", "hits (u64)", "mode (Mode (Idle = 0, Busy = 7))"]"#,
        r#"Progress { next: 8, name: "köln" }"#,
    );
    assert_eq!(
        only(&end, "state_migrated").value("dropped"),
        "on (bool), hits (u64), mode (Mode (Idle = 0, Busy = 7))"
    );
}

#[test]
fn reordered_fields_are_found_by_their_names() {
    let end = upgrade("reordered");
    expect(
        &end,
        r#"Stored 1: Progress { name: "köln", mode: Busy, hits: 9, on: true, next: 7 }"#,
        "taken over: unchanged false, 0 migrations, added [], dropped []",
        r#"Progress { name: "köln", mode: Busy, hits: 9, on: true, next: 8 }"#,
    );
}

#[test]
fn a_field_of_another_type_is_never_read_as_that_type() {
    let end = upgrade("retyped");
    expect(
        &end,
        r#"Stored 1: Progress { next: 0, on: true, hits: 1.5, mode: Busy, name: "köln" }"#,
        r#"taken over: unchanged false, 0 migrations, added [], dropped ["next (u32)", "hits (u64)"]"#,
        r#"Progress { next: 1, on: true, hits: 1.5, mode: Busy, name: "köln" }"#,
    );
}

#[test]
fn a_migration_goes_step_by_step() {
    let end = upgrade("migrated");
    expect(
        &end,
        r#"Stored 1: Progress { next: 7000, total: 7010, name: "köln" }"#,
        "taken over: unchanged false, 2 migrations, added [], dropped []",
        r#"Progress { next: 7001, total: 7010, name: "köln" }"#,
    );
    assert_eq!(only(&end, "state_migrated").value("migrations"), "2");
}

#[test]
fn a_worker_that_dies_before_its_first_commit_leaves_the_migration_to_the_next() {
    let folder = Folder::with_version_1("crash");
    let before = fs::read(folder.file()).expect("it was stored");
    let end = folder.version_2("migrated").env("CRASH", "1").run();
    end.expect_code(0);
    let lines: Vec<_> = stdout_lines(&end)
        .into_iter()
        .filter(|line| line.starts_with("worker"))
        .collect();
    assert_eq!(
        lines,
        [
            r#"worker 1 starts from Stored 1: Progress { next: 7000, total: 7010, name: "köln" }"#,
            r#"worker 2 starts from Stored 1: Progress { next: 7000, total: 7010, name: "köln" }"#,
            r#"worker 3 starts from Current 2: Progress { next: 7001, total: 7010, name: "köln" }"#,
        ]
    );
    assert_ne!(
        fs::read(folder.file()).expect("it was stored again"),
        before
    );
}

#[test]
fn without_a_watch_dog_it_is_taken_over_as_well() {
    let folder = Folder::with_version_1("off");
    let end = folder.version_2("migrated").env("PPAIR", "off").run();
    expect(
        &end,
        r#"Stored 1: Progress { next: 7000, total: 7010, name: "köln" }"#,
        "taken over: unchanged false, 2 migrations, added [], dropped []",
        r#"Progress { next: 7001, total: 7010, name: "köln" }"#,
    );
}

#[test]
fn another_layout_is_refused_with_a_table_and_set_aside() {
    let folder = Folder::with_version_1("refused");
    let end = folder.version_2("refused").run();
    expect(
        &end,
        r#"Initial 1: Progress { next: 0, on: false, hits: 0, mode: Idle, name: "" }"#,
        "\
rejected: the stored checkpoint cannot be taken over: its fields are others; say `#[hard(evolve)]` to take over those that are the \
same, or keep the earlier type and say `#[hard(migrate_from = ..)]`
  field   was                              is
  (type)  Progress, size 32, align 8       Progress, size 40, align 8
  next    u32 at 0                         u64 at 0
  on      bool at 4                        bool at 8
  hits    u64 at 8                         u64 at 16
  mode    Mode (Idle = 0, Busy = 7) at 16  Mode (Idle = 0, Busy = 7) at 24
  name    Text<8> at 20                    Text<8> at 28",
        r#"Progress { next: 1, on: false, hits: 0, mode: Idle, name: "" }"#,
    );
    let event = only(&end, "state_rejected");
    assert!(event.value("reason").starts_with("its fields are others"));
    assert!(event.value("expected").starts_with("Progress: size 40"));
    assert!(event.value("found").starts_with("Progress: size 32"));
    assert!(
        event
            .value("differences")
            .starts_with("next: u32 at 0 -> u64 at 0; ")
    );
    assert!(end.events("rolled_back").is_empty());
}

#[test]
fn another_version_is_refused_even_if_all_fields_are_equal() {
    let folder = Folder::with_version_1("version");
    let end = folder.version_2("version").run();
    end.expect_code(0);
    let reason = "version 0 is stored, and this program has version 2";
    assert!(
        only(&end, "state_rejected")
            .value("reason")
            .starts_with(reason)
    );
    assert!(
        stdout_lines(&end)[0].starts_with("worker 1 starts from Initial 1: Progress { next: 0")
    );
}

#[test]
fn a_variant_that_is_no_more_is_refused_by_its_name() {
    let folder = Folder::with_version_1("variant");
    let end = folder.version_2("variant").run();
    end.expect_code(0);
    assert_eq!(
        only(&end, "state_rejected").value("reason"),
        "a stored value is none of its type: `mode`: expected one of the enum's variants, found `Busy`, which is none any more"
    );
}

#[test]
fn a_hard_state_that_nothing_takes_is_told_once() {
    let folder = Folder::with_version_1("unknown");
    let end = folder.version_2("unknown").env("CRASH", "1").run();
    end.expect_code(0);
    let reason = only(&end, "state_rejected").value("reason").to_owned();
    assert!(
        reason.starts_with("nothing in this program is called `Progress`"),
        "{reason}"
    );
    let lines = stdout_lines(&end);
    assert_eq!(
        lines[0],
        "worker 1 starts from Initial 0: Other { next: 0 }"
    );
    assert!(lines[1].starts_with("rejected: "), "{lines:?}");
}

#[test]
fn a_damaged_file_is_an_error_and_stays_as_it_is() {
    let folder = Folder::with_version_1("damaged");
    let mut bytes = fs::read(folder.file()).expect("it was stored");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(folder.file(), &bytes).expect("it can be damaged");
    let end = folder.version_2("exact").env("CRASH", "1").run();
    assert_eq!(
        stdout_lines(&end)[0],
        "unreadable: the stored checkpoint is damaged: its checksum does not hold"
    );
}
