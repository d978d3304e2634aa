//! What a dying worker leaves in the black box: hooks and handlers that are installed once, before the first fork, and that every
//! worker inherits.

use core::sync::atomic::{AtomicBool, Ordering};
use std::panic::{self, PanicHookInfo};
use std::thread;

use crate::config::ThreadPanic;
use crate::event::Event as Say;
use crate::exit::PANICKED;
use crate::log::say;
use crate::state::black_box::{FRAMES, FaultNote, Panic, Text};
use crate::state::segment::Segment;
use crate::sys::backtrace::{self, Code};
use crate::sys::unforked::Unforked;
use crate::sys::{clock, crash, process};

/// Whether this process is one of whose end the black box does not tell.
static IS_SILENT: AtomicBool = AtomicBool::new(false);

/// From here on this process, which is no worker, leaves nothing.
pub(crate) fn leave_none() {
    IS_SILENT.store(true, Ordering::Relaxed);
}

fn is_silent() -> bool {
    IS_SILENT.load(Ordering::Relaxed)
}

/// Lets a panic leave its text, place and backtrace for the watch dog. The hook that was there still runs, afterwards. `worker` is not 0
/// in the process that runs the user's `main`.
pub(crate) fn leave_of_panics(
    segment: &'static Segment,
    thread_panic: ThreadPanic,
    worker: Unforked,
) {
    let (code, watchdog) = (Code::of_this_program(), process::pid());
    let next = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // Of a function that the watch dog calls, nobody wants to know here.
        if process::parent() == watchdog && !is_silent() {
            record_panic(segment, code.as_ref(), info);
        }
        next(info);
        let is_worker = worker.get() != 0;
        if thread_panic == ThreadPanic::Crash && is_worker && !process::is_main_thread() {
            // Without unwinding: what other threads do meanwhile, and who catches it, must not matter.
            process::exit_now(PANICKED);
        }
    }));
}

/// In a frame of its own, as a panic may come on the last pages of a stack, and the hooks behind this one need some too.
#[inline(never)]
fn record_panic(segment: &Segment, code: Option<&Code>, info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let thread = thread::current();
    let mut frames = [0; FRAMES];
    let depth = code.map_or(0, |code| backtrace::capture(code, &mut frames));
    // Nobody is left to be told if this fails.
    let _ = segment.black_box().record_panic(&Panic {
        text: text.unwrap_or("(a payload that is not text)"),
        place: info.location(),
        thread: thread.name().unwrap_or(""),
        backtrace: &frames[..depth],
        pid: process::pid(),
        at: clock::now(),
    });
}

/// Lets a fault leave its address and thread for the watch dog. What would have happened without that happens afterwards.
pub(crate) fn leave_of_faults(segment: &'static Segment) {
    let record = Box::leak(Box::new(move |fault: &crash::Fault| {
        if is_silent() {
            return;
        }
        // Nobody is left to be told if this fails.
        let _ = segment.black_box().record_fault(&FaultNote {
            signal: fault.signal,
            code: fault.code,
            pid: fault.pid,
            address: fault.address,
            instruction: fault.instruction,
            thread: Text::until_zero(fault.thread),
            is_overflow: fault.is_overflow,
            at: clock::now(),
        });
    }));
    if let Err(errno) = crash::record_in_children(record) {
        say(&Say::Failed {
            call: "sigaction",
            errno: errno as i32,
        });
    }
}
