//! Closes all descriptors at some moment, opens files and sockets of its own up to a number above
//! the highest that was closed, and goes on: nothing of ppair's may come into them. The arguments
//! are the moment, the first number that is closed, a folder, and `ready` if the worker is to say
//! that it is.
//!
//! In the folder there is a listening `socket`. The program makes the files `stray-N` there, and
//! `committed` with the commits that it was told are done, the errors, and the descriptors that
//! something was done to. The second worker makes `found`.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{abort, exit};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc;
use ppair::{Checkpoint, CommitError, Config, HardState, Pair, Worker};
use ppair_tests::stray::{MARK, MOMENTS};

/// So many more than there were are opened, and at least so many.
const MORE: RawFd = 8;

static STRAYS: Mutex<Vec<OwnedFd>> = Mutex::new(Vec::new());
static ERRORS: AtomicU64 = AtomicU64::new(0);

#[derive(Clone)]
struct Plan {
    moment: String,
    first: RawFd,
    folder: PathBuf,
    is_ready: bool,
}

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Big {
    words: [u64; 9_000],
}

impl Default for Big {
    #[allow(
        clippy::large_stack_arrays,
        reason = "a big state is what this is about"
    )]
    fn default() -> Self {
        Self { words: [0; 9_000] }
    }
}

impl Plan {
    fn of_arguments() -> Self {
        let mut arguments = std::env::args().skip(1);
        let mut next = || arguments.next().expect("an argument");
        Self {
            moment: next(),
            first: next().parse().expect("a number"),
            folder: next().into(),
            is_ready: arguments.next().as_deref() == Some("ready"),
        }
    }

    fn at(&self, moment: &str) {
        assert!(MOMENTS.contains(&moment));
        if self.moment == moment {
            self.close_and_open();
        }
    }

    fn close_and_open(&self) {
        let numbers = fs::read_dir("/proc/self/fd").expect("/proc");
        let numbers = numbers.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let highest: RawFd = numbers.max().expect("some are open");
        // SAFETY: the call takes integers only. Nothing of this program's is open that it uses
        // afterwards.
        let closed = unsafe { libc::syscall(libc::SYS_close_range, self.first, u32::MAX, 0) };
        assert_eq!(closed, 0);
        let mut strays = STRAYS.lock().expect("no panic");
        loop {
            let name = self.folder.join(format!("stray-{}", strays.len() / 2));
            let mut file = File::options();
            let mut file = file
                .read(true)
                .write(true)
                .create_new(true)
                .open(name)
                .expect("a file");
            file.write_all(MARK).expect("a file takes it");
            strays.push(file.into());
            let mut socket = UnixStream::connect(self.folder.join("socket")).expect("a listener");
            socket.write_all(MARK).expect("a socket takes it");
            let number = socket.as_raw_fd();
            strays.push(socket.into());
            if number > highest + MORE {
                return;
            }
        }
    }
}

/// Descriptors of the program's that are not as it has opened them.
fn changed() -> usize {
    let strays = STRAYS.lock().expect("no panic");
    let is_changed = |fd: &&OwnedFd| {
        let flags = fcntl(fd, FcntlArg::F_GETFL).map(OFlag::from_bits_retain);
        let is_bare =
            flags.is_ok_and(|flags| !flags.intersects(OFlag::O_ASYNC | OFlag::O_NONBLOCK));
        let inherited = fcntl(fd, FcntlArg::F_GETFD).map(FdFlag::from_bits_retain);
        !is_bare || inherited != Ok(FdFlag::FD_CLOEXEC)
    };
    strays.iter().filter(is_changed).count()
}

fn count<R>(what: &Result<R, CommitError>) {
    if what.is_err() {
        ERRORS.fetch_add(1, Ordering::Relaxed);
    }
}

fn commit(small: &Checkpoint<u64>, big: &Checkpoint<Big>) {
    count(&small.try_update(|count| *count += 1));
    count(&big.try_patch(|big| &big.words[17], |word| *word += 1));
    ppair::alive();
}

fn live(plan: &Plan, worker: &Worker, small: &Checkpoint<u64>, big: &Checkpoint<Big>) {
    let commit = || commit(small, big);
    plan.at("start");
    commit();
    plan.at("commit");
    if plan.is_ready {
        worker.ready();
    }
    plan.at("ready");
    commit();
    plan.at("between");
    commit();
    let has_store = worker.store().is_some();
    thread::scope(|scope| {
        scope.spawn(|| plan.at("durable"));
        for _ in 0..5 {
            commit();
            if has_store && !worker.is_degraded() {
                small.sync().expect("the keeper looks also if nobody rings");
            }
        }
    });
    let there = plan.clone();
    thread::spawn(move || there.at("thread"))
        .join()
        .expect("no panic");
    plan.at("panic");
    plan.at("exit");
    if plan.moment == "degraded" {
        assert!(worker.is_degraded());
        plan.at("degraded");
        // From here on `fork` works: see `Shortage`.
        let switch = std::env::var_os("FORK_FAILS_WHILE").expect("the switch of a shortage");
        fs::remove_file(switch).expect("it is there");
        for _ in 0..60 {
            commit();
            thread::sleep(std::time::Duration::from_millis(2));
        }
    }
    for _ in 0..10 {
        commit();
    }
    count(&worker.mark_healthy());
    // The healthy checkpoint of a big state is a whole one.
    commit();
    count(&big.try_update(|big| big.words[18] = 1));
    if worker.has_watchdog() == worker.is_degraded() {
        ERRORS.fetch_add(1000, Ordering::Relaxed);
    }
}

fn main() {
    let plan = Plan::of_arguments();
    // What the test was started with is none of its business, and would make it open a lot.
    // SAFETY: the call takes integers only, and this program has opened nothing yet.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
    assert_eq!(closed, 0);
    // Otherwise the message of a panic would be in a file that has the number of standard error by
    // then.
    std::panic::set_hook(Box::new(|_| {}));
    let in_setup = plan.clone();
    let mut pair = Pair::new(Config::new()).setup(move || in_setup.at("setup"));
    let small = pair.prepare::<Checkpoint<u64>>();
    let big = pair.prepare::<Checkpoint<Big>>();
    let worker = pair.start();
    let (small, big) = (small.enter(&worker), big.enter(&worker));
    let say = |name: &str, errors| {
        let sum = format!(
            "{} {} {errors} {}",
            small.load(),
            big.load().words[17],
            changed()
        );
        fs::write(plan.folder.join(name), sum).expect("a file");
    };
    if plan.folder.join("committed").exists() {
        say("found", 0);
        exit(0);
    }
    live(&plan, &worker, &small, &big);
    say("committed", ERRORS.load(Ordering::Relaxed));
    match plan.moment.as_str() {
        "panic" => panic!("on purpose"),
        "exit" => exit(3),
        _ => abort(),
    }
}
