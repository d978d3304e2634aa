//! The ways in which the examples can crash: one of each kind of death that a watch dog sees.

use std::hint::black_box;
use std::str::FromStr;
use std::{panic, process, ptr, thread};

use nix::sys::signal::{Signal, raise};

/// A way to crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    /// A write to memory that is not there: SIGSEGV.
    Segv,
    /// `abort`, as a C assertion ends: SIGABRT.
    Abort,
    /// A panic of the main thread.
    Panic,
    /// An exit with a code that is not 0.
    Exit,
    /// A recursion that overflows its thread's stack; Rust makes it a SIGABRT.
    Overflow,
    /// SIGKILL, as the kernel's out-of-memory killer sends it.
    Kill,
    /// A panic of another thread, with which the worker ends where `thread_panic = "crash"` says so. Elsewhere the main thread
    /// leaves then, as by `Exit`.
    ThreadPanic,
    /// Each of the others in turn.
    Mix,
}

impl Crash {
    /// The kinds by their names on a command line.
    const NAMES: [(&str, Self); 8] = [
        ("segv", Self::Segv),
        ("abort", Self::Abort),
        ("panic", Self::Panic),
        ("exit", Self::Exit),
        ("overflow", Self::Overflow),
        ("kill", Self::Kill),
        ("thread-panic", Self::ThreadPanic),
        ("mix", Self::Mix),
    ];
    /// What `Mix` goes through.
    const TURNS: [Self; 7] = [
        Self::Segv,
        Self::Abort,
        Self::Panic,
        Self::Exit,
        Self::Overflow,
        Self::Kill,
        Self::ThreadPanic,
    ];

    /// Ends this process. `turn` counts the crashes: it is what `Mix` chooses by.
    pub(crate) fn now(self, turn: u64) -> ! {
        match self {
            Self::Segv => write_nowhere(),
            Self::Abort => process::abort(),
            Self::Panic => panic!("the crash that was asked for"),
            Self::Exit => process::exit(3),
            Self::Overflow => overflow(),
            Self::Kill => {
                let sent = raise(Signal::SIGKILL);
                unreachable!("nothing follows a SIGKILL: {sent:?}")
            }
            Self::ThreadPanic => panic_in_a_thread(),
            Self::Mix => {
                let turns = Self::TURNS.iter().cycle();
                let turn = usize::try_from(turn % Self::TURNS.len() as u64).unwrap_or_default();
                match turns.clone().nth(turn) {
                    Some(&crash) => crash.now(0),
                    None => process::abort(),
                }
            }
        }
    }
}

impl FromStr for Crash {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::NAMES.iter().find(|(known, _)| *known == name);
        known.map(|&(_, crash)| crash).ok_or_else(|| {
            let names = Self::NAMES.map(|(name, _)| format!("`{name}`")).join(", ");
            format!("expected one of {names}, found `{name}`")
        })
    }
}

fn write_nowhere() -> ! {
    // Signals that are merely raised would not do: Rust's own handler for SIGSEGV lets the first
    // one pass, since only a fault comes again by itself.
    let nowhere = ptr::without_provenance_mut::<u8>(8);
    // SAFETY: none, this is the crash. Linux maps nothing into the first page (`vm.mmap_min_addr`),
    // so this write is a fault; it is volatile, so the compiler leaves it where it stands.
    unsafe { nowhere.write_volatile(1) };
    process::abort()
}

fn overflow() -> ! {
    // In a thread of its own: with `ulimit -s unlimited` the main thread's stack has no end.
    let small = thread::Builder::new()
        .name("overflow".to_owned())
        .stack_size(256 * 1024);
    match small
        .spawn(|| black_box(deeper(0)))
        .map(thread::JoinHandle::join)
    {
        Ok(Err(cause)) => panic::resume_unwind(cause),
        other => unreachable!("the stack had an end: {other:?}"),
    }
}

fn panic_in_a_thread() -> ! {
    let helper = thread::Builder::new().name("helper".to_owned());
    let helper = helper.spawn(|| panic!("the crash that was asked for"));
    // It is caught here, which helps the worker only where panics of threads end nothing else.
    drop(helper.map(thread::JoinHandle::join));
    process::exit(3)
}

fn deeper(level: u64) -> u64 {
    let frame = black_box([level; 64]);
    // The sum after the call keeps the compiler from making a loop of this.
    if frame[0] == u64::MAX {
        0
    } else {
        deeper(level + 1) + black_box(frame)[63]
    }
}
