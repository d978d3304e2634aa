//! Crashes under load: a socket from `setup` refuses nobody, and only what a worker was answering when it died is lost.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};
use ppair_tests::{Fixture, Running, Signal, eventually};

/// So many crashes by default; `PPAIR_LISTENER_CRASHES` says another number.
const CRASHES: u64 = 100;
/// Connections that the worker answers at a time.
const AT_A_TIME: u64 = 4;
/// Threads of the client: more than the worker answers at a time, so that there is always somebody in the queue.
const CLIENTS: u32 = 16;
/// Connections that the client opens in a second, if the machine gets on.
const RATE: u32 = 2000;
/// A connection that takes longer hangs.
const TIMEOUT: Duration = Duration::from_secs(120);
/// A worker lives for at least so many answers before it crashes.
const ANSWERS: u64 = 50;

/// What became of the client's connections.
#[derive(Default)]
struct Tally {
    opened: AtomicU64,
    answered: AtomicU64,
    /// Accepted, and closed without an answer.
    cut_off: AtomicU64,
    ended: AtomicBool,
}

/// Opens connections at its share of the rate until it is told to end. Returns the answers, in the order in which they came.
fn client(address: SocketAddr, number: u32, begin: Instant, tally: &Tally) -> Vec<u64> {
    let mut answers = Vec::new();
    for turn in 0_u32.. {
        let due = begin + Duration::from_secs(1) * (turn * CLIENTS + number) / RATE;
        // The pace, not a wait: who is late goes on at once.
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if tally.ended.load(Ordering::Relaxed) {
            break;
        }
        tally.opened.fetch_add(1, Ordering::Relaxed);
        let stream = TcpStream::connect_timeout(&address, TIMEOUT);
        let stream = stream.unwrap_or_else(|error| panic!("a connection was refused: {error}"));
        match ask(&stream, b'?') {
            Ok(answer) => {
                answers.push(answer);
                tally.answered.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                assert!(is_cut_off(&error), "a connection hangs: {error}");
                tally.cut_off.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    answers
}

fn ask(mut stream: &TcpStream, request: u8) -> io::Result<u64> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    // Closing resets the connection, so that no port is kept busy for a minute.
    let reset = libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    setsockopt(&stream, sockopt::Linger, &reset)?;
    stream.write_all(&[request])?;
    let mut answer = [0; 8];
    stream.read_exact(&mut answer)?;
    Ok(u64::from_be_bytes(answer))
}

/// The worker died with it.
fn is_cut_off(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::NotConnected
    )
}

/// Ends one worker after the other, in turn from outside and by a fault of its own.
fn crash(pair: &mut Running, address: SocketAddr, crashes: u64, tally: &Tally) {
    for crash in 0..crashes {
        let worker = pair.event("started").pid("worker");
        let before = tally.answered.load(Ordering::Relaxed);
        eventually("it answers", TIMEOUT, || {
            let answered = tally.answered.load(Ordering::Relaxed) - before;
            (answered >= ANSWERS).then_some(())
        });
        let signal = if crash % 2 == 0 {
            pair.kill(worker, Signal::SIGKILL);
            "SIGKILL"
        } else {
            let stream = TcpStream::connect_timeout(&address, TIMEOUT).expect("the port is open");
            let error = ask(&stream, b'!').expect_err("it crashes");
            assert!(is_cut_off(&error), "{error}");
            "SIGSEGV"
        };
        let died = pair.event("died");
        assert_eq!(died.pid("worker"), worker);
        assert_eq!(died.value("signal"), signal, "{died}");
    }
    pair.event("started");
}

#[test]
fn nobody_is_refused_while_workers_crash() {
    let crashes = std::env::var("PPAIR_LISTENER_CRASHES")
        .map_or(CRASHES, |crashes| crashes.parse().expect("a number"));
    let mut pair = Fixture::new(env!("CARGO_BIN_EXE_listener"))
        .arg(AT_A_TIME.to_string())
        // It is this test that crashes each worker in the same way and soon: nothing here is to be
        // delayed for that, or given up.
        .env("PPAIR_MAX_RESTARTS", "unlimited")
        .env("PPAIR_RESTART_DELAY", "0s")
        .deadline(Duration::from_secs(300))
        .spawn();
    let address = pair.stdout_line().parse().expect("an address");
    let tally = Tally::default();
    let begin = Instant::now();
    let answers: Vec<Vec<u64>> = thread::scope(|scope| {
        let client = |number| {
            let tally = &tally;
            scope.spawn(move || client(address, number, begin, tally))
        };
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        // Whatever comes of it, the clients end.
        let crashing = scope.spawn(|| crash(&mut pair, address, crashes, &tally));
        let outcome = crashing.join();
        tally.ended.store(true, Ordering::Relaxed);
        let answers = clients.into_iter().map(thread::ScopedJoinHandle::join);
        let answers: Result<_, _> = answers.collect();
        outcome.expect("every worker crashed as it should");
        answers.expect("nobody was refused, and nobody waited for ever")
    });
    let seconds = begin.elapsed().as_secs_f64();
    pair.signal(Signal::SIGTERM);
    pair.finish().expect_code(128 + Signal::SIGTERM as i32);

    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let [opened, answered, cut_off] = [&tally.opened, &tally.answered, &tally.cut_off].map(count);
    println!(
        "{crashes} crashes, {opened} connections in {seconds:.1} s, {answered} answered, 0 refused, {cut_off} cut off"
    );
    assert_eq!(opened, answered + cut_off);
    assert!(
        cut_off <= crashes * AT_A_TIME,
        "{cut_off} were cut off, and the workers were answering {} at the most",
        crashes * AT_A_TIME
    );
    for answers in &answers {
        assert!(answers.is_sorted_by(|one, next| one < next));
    }
    let mut all = answers.concat();
    all.sort_unstable();
    assert!(
        all.is_sorted_by(|one, next| one < next),
        "a number was told twice"
    );
}
