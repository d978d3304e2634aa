//! Nothing that a pair needs for as long as its processes live is a leak to those who look for
//! leaks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ppair_tests::{End, Fixture, Power, lacks, stdout_lines};

const VALGRIND: [&str; 4] = [
    "--leak-check=full",
    // What a running thread of the keeper has of its own counts as possibly lost.
    "--errors-for-leak-kinds=definite",
    "--child-silent-after-fork=no",
    // Above all that a worker exits with.
    "--error-exitcode=99",
];

fn valgrind() -> Power {
    let probe = Command::new("valgrind")
        .args(["--error-exitcode=99", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    Power::new("valgrind", probe.is_ok_and(|status| status.success()))
}

/// The numbers of bytes that each process has lost.
fn lost(end: &End) -> Vec<u64> {
    let kinds = ["definitely lost: ", "indirectly lost: "];
    let lines = end.stderr.iter().filter_map(|line| {
        let bytes = kinds.iter().find_map(|kind| line.split_once(kind))?.1;
        let bytes = bytes.split_once(' ').expect("a number").0;
        Some(bytes.replace(',', "").parse().expect("a number"))
    });
    lines.collect()
}

#[test]
fn workers_and_their_watch_dog_lose_no_memory() {
    if lacks("workers_and_their_watch_dog_lose_no_memory", &valgrind()) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let store = format!("file:{}", folder.path().join("state").display());
    for (off, processes) in [("on", 3), ("off", 1)] {
        let mut pair = Fixture::new("valgrind")
            .args(VALGRIND)
            .args([env!("CARGO_BIN_EXE_service")])
            .stdin()
            .env("PPAIR", off)
            .env("PPAIR_STORE", &store)
            .env("PPAIR_HANG_TIMEOUT", "600s")
            .deadline(Duration::from_secs(200))
            .spawn();
        assert!(pair.stdout_line().starts_with("begin"));
        pair.write_line("add");
        pair.stdout_line();
        pair.close_stdin();
        let end = pair.finish();
        end.expect_code(0);
        let lost = lost(&end);
        // Two numbers of each process.
        assert!(lost.len() >= 2 * processes, "{:?}", end.stderr);
        assert!(lost.iter().all(|&bytes| bytes == 0), "{:?}", end.stderr);
    }
}

/// What `rustc` prints when it is asked so.
fn rustc(arguments: &[&str]) -> Option<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()
}

/// The host, and whether this compiler has what a program with `AddressSanitizer` is linked with.
fn sanitizer() -> (String, Power) {
    let host = rustc(&["-vV"]).and_then(|text| {
        let host = text.lines().find_map(|line| line.strip_prefix("host: "))?;
        Some(host.to_owned())
    });
    let libraries = rustc(&["--print", "target-libdir"]).unwrap_or_default();
    let has_runtime = fs::read_dir(libraries.trim()).is_ok_and(|files| {
        let name = |file: fs::DirEntry| file.file_name().to_string_lossy().into_owned();
        files
            .flatten()
            .map(name)
            .any(|name| name.ends_with("_rt.asan.a"))
    });
    let power = Power::new("address_sanitizer", host.is_some() && has_runtime);
    (host.unwrap_or_default(), power)
}

/// Builds a program with `AddressSanitizer`, which looks for leaks when a process ends.
fn sanitized(host: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("leaks");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let write =
        |name: &str, text: &str| fs::write(root.join(name), text).expect("a file can be written");
    fs::create_dir_all(root.join("src")).expect("a folder");
    write(
        "Cargo.toml",
        &format!(
            "[package]\nname = \"sanitized\"\nedition = \"2024\"\n\n[dependencies]\nppair = {{ path = \"{}\" }}\n\n[workspace]\n",
            workspace.join("ppair").display()
        ),
    );
    write(
        "src/main.rs",
        "#[ppair::main(setup = setup, hang_timeout = \"600s\")]\n\
         fn main(text: &String, counter: ppair::Checkpoint<u64>, worker: ppair::Worker) {\n    \
             ppair::alive();\n    \
             counter.update(|counter| *counter += 1);\n    \
             println!(\"{text} {}\", counter.load());\n    \
             if worker.incarnation() == 1 {\n        std::process::exit(3);\n    }\n\
         }\n\n\
         fn setup() -> String {\n    \"commit\".to_owned()\n}\n",
    );
    fs::copy(workspace.join("Cargo.lock"), root.join("Cargo.lock")).expect("a lock file");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Fixture::new(cargo)
        .args([
            "build",
            "--offline",
            "--quiet",
            "--color",
            "never",
            "--target",
            host,
        ])
        .env("CARGO_TARGET_DIR", root.join("target"))
        // A stable compiler takes the option, too, if it is told to.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .with(|command| {
            // It would count instead.
            command
                .current_dir(&root)
                .env_remove("CARGO_ENCODED_RUSTFLAGS");
        })
        .deadline(Duration::from_secs(500))
        .run();
    built.expect_code(0);
    let program = root.join("target").join(host).join("debug/sanitized");
    let bytes = fs::read(&program).expect("a program");
    assert!(bytes.windows(11).any(|found| found == b"__asan_init"));
    program
}

#[test]
fn a_program_with_address_sanitizer_ends_as_without_it() {
    let test = "a_program_with_address_sanitizer_ends_as_without_it";
    let (host, power) = sanitizer();
    if lacks(test, &power) {
        return;
    }
    let program = sanitized(&host);
    let run = |options: &str| {
        let fixture = Fixture::new(&program).env("ASAN_OPTIONS", options);
        fixture.deadline(Duration::from_secs(100)).run()
    };
    let end = run("detect_leaks=1");
    // It stops all threads by ptrace, which is not permitted everywhere.
    let cannot = "LeakSanitizer has encountered a fatal error";
    let can = !end.stderr.iter().any(|line| line.contains(cannot));
    if lacks(test, &Power::new("leak_sanitizer", can)) {
        return;
    }
    end.expect_code(0);
    assert_eq!(stdout_lines(&end), ["commit 1", "commit 2"]);
    assert_eq!(end.other_stderr(), [""; 0]);
    assert_eq!(end.events("died")[0].value("code"), "3");
}
