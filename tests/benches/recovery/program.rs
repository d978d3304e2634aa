//! A watch dog that is compared: how it is built, started, and asked for one recovery.

use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ppair_tests::recovery::{REPORT_SIZE, Report, now};

/// How long a report may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// One watch dog and its worker.
pub(crate) struct Program {
    watchdog: Child,
    pipe: ChildStdout,
    worker: Pid,
    /// What was found at the last recovery.
    pub(crate) found: Found,
}

/// Where the time of a recovery goes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Found {
    /// Page faults of the worker from its fork to its first line.
    pub(crate) worker_faults: u64,
    /// Page faults of the watch dog since its start.
    pub(crate) watchdog_faults: u64,
    /// Mappings that a fork has to copy.
    pub(crate) mappings: usize,
    /// Pages of the watch dog, in KiB: as many page table entries may have to be copied.
    pub(crate) resident: u64,
}

impl Program {
    /// Starts it with so many MiB of worker memory.
    pub(crate) fn start(path: &Path, mib: usize) -> Self {
        let mut command = Command::new(path);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PPAIR") {
                command.env_remove(name);
            }
        }
        command.arg(mib.to_string());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut watchdog = command.spawn().expect("the program starts");
        let pipe = watchdog.stdout.take().expect("stdout is piped");
        let none = Pid::from_raw(0);
        let mut program = Self {
            watchdog,
            pipe,
            worker: none,
            found: Found::default(),
        };
        program.settle();
        program
    }

    /// Kills the worker; the time until the first line of the next one.
    pub(crate) fn recover(&mut self) -> Duration {
        let killed = now();
        kill(self.worker, Signal::SIGKILL).expect("the worker can be killed");
        let started = self.settle();
        Duration::from_nanos(started.nanoseconds - killed)
    }

    /// Waits until the worker has started and has filled its memory; the first of its reports.
    fn settle(&mut self) -> Report {
        let started = self.report();
        let ready = self.report();
        assert_eq!(started.pid, ready.pid, "no other worker came between");
        self.worker = Pid::from_raw(started.pid);
        let pid = self.watchdog.id();
        self.found = Found {
            worker_faults: started.faults,
            watchdog_faults: faults(pid),
            mappings: read(pid, "maps").lines().count(),
            resident: ppair_tests::Memory::of(Pid::from_raw(pid.try_into().unwrap_or(0))).resident,
        };
        started
    }

    fn report(&mut self) -> Report {
        let mut bytes = [0; REPORT_SIZE];
        let timeout = PollTimeout::try_from(DEADLINE).expect("the deadline is short enough");
        let mut ready = [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)];
        assert_eq!(
            poll(&mut ready, timeout),
            Ok(1),
            "a report comes within {DEADLINE:?}"
        );
        self.pipe
            .read_exact(&mut bytes)
            .expect("a report comes whole");
        Report::from_bytes(bytes)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The watch dog first, or there would be another worker.
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
        // Whoever its worker is now ends with it, or is ended here.
        let _ = kill(self.worker, Signal::SIGKILL);
    }
}

fn read(pid: u32, name: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{name}")).expect("the watch dog runs")
}

fn faults(pid: u32) -> u64 {
    let stat = read(pid, "stat");
    // Field 10 of proc_pid_stat(5), counted from the state, which is field 3.
    let field = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.split_whitespace().nth(7));
    field
        .and_then(|field| field.parse().ok())
        .expect("stat counts faults")
}

/// Compiles the loop in C.
pub(crate) fn compile_c_loop() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/recovery/loop.c");
    let program = directory.join("recovery_c_loop");
    let environment = if cfg!(target_env = "musl") {
        "musl"
    } else {
        "gnu"
    };
    let triple = format!("{}-unknown-linux-{environment}", std::env::consts::ARCH);
    let compiler = cc::Build::new()
        .cargo_metadata(false)
        .cargo_warnings(false)
        .target(&triple)
        .host(&triple)
        .opt_level(2)
        .out_dir(directory)
        .get_compiler();
    let ended = compiler
        .to_command()
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .status();
    assert!(
        ended.expect("there is a C compiler").success(),
        "loop.c compiles"
    );
    program
}
