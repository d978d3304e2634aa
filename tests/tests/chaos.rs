//! Random signals, stops and continuations for both processes of a pair: it never hangs, it never has two workers, and no commit is
//! lost.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::kill;
use nix::sys::socket::{setsockopt, sockopt};
use ppair_tests::{Fixture, Pid, Random, Running, Signal, children, is_alive};

/// It goes on for so many seconds by default; `PPAIR_CHAOS_SECONDS` says another number.
const SECONDS: u64 = 5;
/// Nothing is stopped for longer.
const LONGEST_STOP: Duration = Duration::from_millis(40);
/// Between two signals there is less than this.
const LONGEST_PAUSE: Duration = Duration::from_millis(2);
/// A service that answers nobody for so long hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// What the service is told by signals.
const MESSAGES: [Signal; 4] = [
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGHUP,
    Signal::SIGWINCH,
];
/// What its workers die of.
const DEADLY: [Signal; 3] = [Signal::SIGKILL, Signal::SIGSEGV, Signal::SIGABRT];

/// What client and chaos know of each other.
#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    answers: AtomicU64,
    /// The worker of the last answer: it has committed.
    worker: AtomicI32,
}

/// Asks again and again. Each answer is greater than the one before, and comes in time.
fn client(address: SocketAddr, shared: &Shared) {
    let mut last = 0;
    let mut since = Instant::now();
    while !shared.ended.load(Ordering::Relaxed) {
        match ask(address) {
            Ok((answer, worker)) => {
                assert!(answer > last, "{answer} came after {last}");
                last = answer;
                since = Instant::now();
                shared.worker.store(worker, Ordering::Relaxed);
                shared.answers.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => assert!(
                error.kind() != io::ErrorKind::ConnectionRefused && since.elapsed() < DEADLINE,
                "no answer in time: {error}"
            ),
        }
    }
}

fn ask(address: SocketAddr) -> io::Result<(u64, i32)> {
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    // Closing resets the connection, so that no port is kept busy for a minute.
    let reset = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    setsockopt(&stream, sockopt::Linger, &reset)?;
    stream.write_all(b"?")?;
    let (mut answers, mut worker) = ([0; 8], [0; 4]);
    stream.read_exact(&mut answers)?;
    stream.read_exact(&mut worker)?;
    Ok((u64::from_be_bytes(answers), i32::from_be_bytes(worker)))
}

/// The source of signals.
struct Chaos<'a> {
    watchdog: Pid,
    random: Random,
    shared: &'a Shared,
    /// Who was stopped, and when he goes on.
    stopped: Vec<(Pid, Instant)>,
    sent: usize,
    killed: usize,
}

impl Chaos<'_> {
    /// The worker, if there is one. There are never two.
    fn worker(&self) -> Option<Pid> {
        let children = children(self.watchdog);
        // The list is not of one moment: two are too many only if the older one lives while the younger one is seen.
        let alive: Vec<_> = children.into_iter().filter(|&pid| is_alive(pid)).collect();
        let still = alive.iter().filter(|&&pid| is_alive(pid)).count();
        assert!(alive.len() < 2 || still < 2, "two workers: {alive:?}");
        alive.last().copied()
    }

    fn send(&mut self, pid: Pid, signal: Signal) {
        match kill(pid, signal) {
            // It has died meanwhile.
            Ok(()) | Err(Errno::ESRCH) => self.sent += 1,
            Err(errno) => panic!("cannot send {signal} to {pid}: {errno}"),
        }
    }

    /// Lets go on whose time has come, or all.
    fn go_on(&mut self, all: bool) {
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut self.stopped)
            .into_iter()
            .partition(|&(_, until)| all || until <= now);
        self.stopped = later;
        for (pid, _) in due {
            self.send(pid, Signal::SIGCONT);
        }
    }

    fn choose(&mut self, signals: &[Signal]) -> Signal {
        let index = self.random.below(signals.len() as u64);
        signals[usize::try_from(index).expect("a small number")]
    }

    /// One signal for one of the two.
    fn step(&mut self) {
        self.go_on(false);
        let target = match self.worker() {
            Some(worker) if self.random.below(2) == 0 => worker,
            _ => self.watchdog,
        };
        match self.random.below(8) {
            0..2 => {
                let stop = self.random.duration_below(LONGEST_STOP);
                self.stopped.push((target, Instant::now() + stop));
                self.send(target, Signal::SIGSTOP);
            }
            2 => self.send(target, Signal::SIGCONT),
            3..6 => {
                let signal = self.choose(&MESSAGES);
                self.send(target, signal);
            }
            _ => {
                let signal = self.choose(&DEADLY);
                // Two that die of themselves before they have committed are taken for poisoned by their checkpoint.
                let committed = Pid::from_raw(self.shared.worker.load(Ordering::Relaxed));
                if target != self.watchdog && (signal == Signal::SIGKILL || target == committed) {
                    self.send(target, signal);
                    self.killed += 1;
                }
            }
        }
        // The pace of the stimulus, not a wait.
        thread::sleep(self.random.duration_below(LONGEST_PAUSE));
    }
}

/// Sends signals for the time that is asked for, then lets both go on, and waits until the service answers again.
fn rage(watchdog: Pid, shared: &Shared) -> (usize, usize) {
    let seconds = std::env::var("PPAIR_CHAOS_SECONDS")
        .map_or(SECONDS, |seconds| seconds.parse().expect("a number"));
    let mut chaos = Chaos {
        watchdog,
        random: Random::seeded("chaos"),
        shared,
        stopped: Vec::new(),
        sent: 0,
        killed: 0,
    };
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        chaos.step();
    }
    chaos.go_on(true);
    let answers = shared.answers.load(Ordering::Relaxed);
    ppair_tests::eventually("it answers again", DEADLINE, || {
        (shared.answers.load(Ordering::Relaxed) > answers + 10).then_some(())
    });
    chaos.worker().expect("there is a worker");
    (chaos.sent, chaos.killed)
}

fn start(lock: &std::path::Path) -> Running {
    // A worker that has no handlers yet is not to die of what the watch dog passes on to it.
    let script = r#"trap '' USR1 USR2; exec "$0" "$1""#;
    Fixture::new("/bin/sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_chaos")])
        .arg(lock)
        .env("PPAIR_MAX_RESTARTS", "unlimited")
        .env("PPAIR_RESTART_DELAY", "1ms")
        .env("PPAIR_RESTART_DELAY_MAX", "10ms")
        .deadline(Duration::from_secs(400))
        .spawn()
}

#[test]
fn signals_stops_and_kills_at_random_neither_hang_nor_double_a_worker() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut pair = start(&folder.path().join("lock"));
    let address = pair.stdout_line().parse().expect("an address");
    let shared = Shared::default();
    let (sent, killed) = thread::scope(|scope| {
        let client = scope.spawn(|| client(address, &shared));
        let chaos = scope.spawn(|| rage(pair.pid(), &shared));
        // Whatever comes of it, the client ends.
        let chaos = chaos.join();
        shared.ended.store(true, Ordering::Relaxed);
        client.join().expect("each answer comes, and none is lost");
        chaos.expect("it answers when all is over, and there was never a second worker")
    });
    pair.signal(Signal::SIGTERM);
    let end = pair.finish();
    end.expect_code(128 + Signal::SIGTERM as i32);
    assert_eq!(end.stdout.len(), 1, "a lock was taken: {:?}", end.stdout);
    assert_eq!(end.events("rolled_back").len(), 0);
    assert_eq!(end.events("stopping").len(), 1);
    println!(
        "{sent} signals, {killed} of them deadly; {} workers, {} answers, {} hangs",
        end.events("started").len(),
        shared.answers.load(Ordering::Relaxed),
        end.events("hung").len(),
    );
}
