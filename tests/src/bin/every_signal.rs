//! Prints the number of each signal that its worker gets, of whatever kind, once for each time.
//! `SIGUSR2` ends it.
//!
//! The argument says what `setup` leaves behind: `alarm` or `ticks` (`setitimer`), `timer`
//! (`timer_create`, with `SIGUSR1`), or `stops`, a handler for `SIGTSTP`. With `dies-first` the
//! first worker exits with 1 at once, with `dies` each does. With `durable` a `SIGUSR1` is a
//! durable commit.

use std::ffi::c_int;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::IntoRawFd as _;
use std::process::exit;
use std::sync::atomic::{AtomicI32, Ordering};
use std::{mem, ptr};

use nix::libc;
use ppair::{Checkpoint, Config, Pair};

/// Where the handler writes.
static PIPE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn tell(signal: c_int) {
    let number = signal.to_ne_bytes();
    let pipe = PIPE.load(Ordering::Relaxed);
    // SAFETY: `write` may be called in a handler, and the bytes are there.
    unsafe { libc::write(pipe, number.as_ptr().cast(), number.len()) };
}

/// All that may have a handler.
fn handle_all() -> File {
    let (reader, writer) = nix::unistd::pipe().expect("a pipe");
    PIPE.store(writer.into_raw_fd(), Ordering::Relaxed);
    for signal in 1..=64 {
        handle(signal);
    }
    reader.into()
}

fn handle(signal: c_int) {
    let action = mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: zero is a valid `sigaction`.
    let mut action = unsafe { action.assume_init() };
    action.sa_sigaction = tell as *const () as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: `tell` is a handler. What may have none is refused.
    unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
}

/// The worker has its handlers by then.
const LATER: libc::timeval = time(5, 0);
const TICK: libc::timeval = time(0, 20_000);

const fn time(seconds: i64, micros: i64) -> libc::timeval {
    libc::timeval {
        tv_sec: seconds,
        tv_usec: micros,
    }
}

fn set_alarm(it_value: libc::timeval, it_interval: libc::timeval) {
    let timer = libc::itimerval {
        it_interval,
        it_value,
    };
    // SAFETY: `timer` is valid.
    let set = unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, ptr::null_mut()) };
    assert_eq!(set, 0);
}

fn set_timer() {
    let event = mem::MaybeUninit::<libc::sigevent>::zeroed();
    // SAFETY: zero is a valid `sigevent`.
    let mut event = unsafe { event.assume_init() };
    event.sigev_notify = libc::SIGEV_SIGNAL;
    event.sigev_signo = libc::SIGUSR1;
    let mut timer = ptr::null_mut();
    // SAFETY: both are valid, and `timer` is writable.
    let made = unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
    assert_eq!(made, 0);
    let time = |tv_sec| libc::timespec { tv_sec, tv_nsec: 0 };
    let once = libc::itimerspec {
        it_interval: time(0),
        it_value: time(LATER.tv_sec),
    };
    // SAFETY: the timer was just made.
    let set = unsafe { libc::timer_settime(timer, 0, &raw const once, ptr::null_mut()) };
    assert_eq!(set, 0);
}

/// Returns the end of the pipe that the handlers of `setup` write to, if there are any for all
/// signals.
fn setup(argument: &str) -> Option<File> {
    match argument {
        // What comes before a worker of it is in `main` is not to end it.
        "dies-first" => return Some(handle_all()),
        "alarm" => set_alarm(LATER, time(0, 0)),
        "ticks" => {
            // The first one may come before the fork.
            handle(libc::SIGALRM);
            set_alarm(TICK, TICK);
        }
        "timer" => set_timer(),
        "stops" => handle(libc::SIGTSTP),
        _ => {}
    }
    None
}

fn main() {
    let argument = std::env::args().nth(1).unwrap_or_default();
    let mut pair = Pair::new(Config::new()).setup(|| setup(&argument));
    let count = pair.prepare::<Checkpoint<u64>>();
    let pipe = pair.prepare::<&Option<File>>();
    let worker = pair.start();
    let (count, pipe) = (count.enter(&worker), pipe.enter(&worker));
    if argument == "dies-first" && worker.incarnation() == 1 {
        println!("dying");
        exit(1);
    }
    if argument == "dies" {
        exit(1);
    }
    let own;
    let mut pipe = if let Some(pipe) = pipe {
        pipe
    } else {
        own = handle_all();
        &own
    };
    println!("ready");
    let mut number = [0; 4];
    loop {
        pipe.read_exact(&mut number).expect("the pipe is open");
        let signal = c_int::from_ne_bytes(number);
        if argument == "durable" && signal == libc::SIGUSR1 {
            println!("stored {:?}", count.update_durable(|count| *count += 1));
            continue;
        }
        println!("got {signal}");
        if signal == libc::SIGUSR2 {
            exit(0);
        }
    }
}
