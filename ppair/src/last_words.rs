//! What a dying worker leaves in the black box: hooks and handlers that are installed once, before the first fork, and that every
//! worker inherits.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
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

/// Lets a panic leave its text, place and backtrace in `segment` for the watch dog, if there is
/// one. `worker` is not 0 in the process that runs the user's `main`.
///
/// The hook that was there still runs, afterwards. Before that no system call is made, so that a
/// program behind a filter of system calls says what it would say without a pair.
pub(crate) fn leave_of_panics(
    segment: Option<&'static Segment>,
    thread_panic: ThreadPanic,
    worker: Unforked,
) {
    if segment.is_none() && thread_panic == ThreadPanic::Continue {
        return;
    }
    Hook {
        black_box: segment.map(|segment| (segment, Code::of_this_program())),
        thread_panic,
        worker,
    }
    .install();
}

/// Panic hook of ppair, with all that it needs to know.
#[derive(Clone, Copy)]
struct Hook {
    /// Where the worker leaves its note, and how it finds its callers; `None` where there is no
    /// watch dog.
    black_box: Option<(&'static Segment, Option<Code>)>,
    thread_panic: ThreadPanic,
    worker: Unforked,
}

impl Hook {
    /// Installs it in front of the hook that is there.
    fn install(self) {
        let next = panic::take_hook();
        let installed = Installed(self);
        panic::set_hook(Box::new(move |info| installed.on_panic(info, &*next)));
    }

    fn on_panic(&self, info: &PanicHookInfo<'_>, next: &dyn Fn(&PanicHookInfo<'_>)) {
        let worker = self.worker.pid();
        let black_box = self.black_box.zip(worker).filter(|_| !is_silent());
        if let Some(((segment, code), pid)) = &black_box {
            self.record(segment, code.as_ref(), info, *pid);
        }
        next(info);
        if let Some(((segment, _), _)) = black_box {
            // The other hooks have returned. To read the clock may be a system call.
            let _ = segment.black_box().record_panic_time(clock::now());
        }
        let is_crash = self.thread_panic == ThreadPanic::Crash && worker.is_some();
        if is_crash && !self.worker.is_main_thread() {
            // Without unwinding: what other threads do meanwhile, and who catches it, must not matter.
            process::exit_now(PANICKED);
        }
    }

    /// In a frame of its own, as a panic may come on the last pages of a stack, and the hooks after
    /// this one need some too.
    #[inline(never)]
    fn record(&self, segment: &Segment, code: Option<&Code>, info: &PanicHookInfo<'_>, pid: i32) {
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        // The handle of the main thread may not have been made yet, and memory for it is more than
        // a panic without a pair asks for.
        let other = (!self.worker.is_main_thread()).then(thread::current);
        let thread = other.as_ref().map_or(Some("main"), thread::Thread::name);
        let mut frames = [0; FRAMES];
        let depth = code.map_or(0, |code| backtrace::capture(code, &mut frames));
        // There is no other place to report a failure to.
        let _ = segment.black_box().record_panic(&Panic {
            text: text.unwrap_or("(a payload that is not text)"),
            place: info.location(),
            thread: thread.unwrap_or(""),
            backtrace: &frames[..depth],
            pid,
            at: Duration::ZERO,
        });
    }
}

/// A [`Hook`] that is installed. A program that sets a hook of its own in `main` drops this one,
/// and it is installed again at once, in front of the program's. One that the program has taken, to
/// call it from its own, is not dropped.
struct Installed(Hook);

impl Installed {
    fn on_panic(&self, info: &PanicHookInfo<'_>, next: &dyn Fn(&PanicHookInfo<'_>)) {
        self.0.on_panic(info, next);
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        // A panicking thread may not set hooks.
        if !thread::panicking() {
            self.0.install();
        }
    }
}

/// Lets a fault leave its address and thread for the watch dog. What would have happened without
/// that happens afterwards. `worker` is as for [`leave_of_panics`].
pub(crate) fn leave_of_faults(segment: &'static Segment, worker: Unforked) {
    let record = move |fault: &crash::Fault| {
        if is_silent() {
            return;
        }
        // There is no other place to report a failure to.
        let _ = segment.black_box().record_fault(&FaultNote {
            signal: fault.signal,
            code: fault.code,
            pid: fault.pid,
            address: fault.address,
            instruction: fault.instruction,
            thread: Text::until_zero(fault.thread),
            is_overflow: fault.is_overflow,
            is_end: fault.is_end,
            at: fault.at,
        });
    };
    if let Err(errno) = crash::record(Box::new(record), worker) {
        say(&Say::Failed {
            call: "sigaction",
            errno: errno as i32,
        });
    }
}
