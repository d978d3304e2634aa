//! Handlers for the signals of a crash: each looks at what happened, hands it to a recorder, and then lets happen what would
//! have happened without it.
//!
//! A handler runs at any instruction of any thread, perhaps on the last bytes of a stack. So it calls only what
//! signal-safety(7) allows: no allocation, no lock, no wait. It cannot recur either: its own signal is blocked while it runs,
//! so the kernel ends a process whose handler faults; and if another signal of these comes meanwhile, nothing is recorded again.
//!
//! The program may run behind a filter of system calls that kills for one that the program itself
//! does not make. So a handler makes none as long as the program may still say something of the
//! fault, or mend it. Where it makes some afterwards, the recorder knows that the process ends of
//! this fault, whatever the kernel calls that. The exception is a stack overflow: see
//! [`Handlers::finish`].

use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::OnceLock;

use nix::libc;

use super::backtrace::Code;
use super::unforked::Unforked;
use super::{Errno, clock, process};

/// The signals that an instruction brings about, or an `abort`.
const SIGNALS: [c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGABRT,
    libc::SIGTRAP,
    libc::SIGSYS,
];

/// Bytes of a thread's name, with the zero at its end (`PR_GET_NAME`).
const NAME: usize = 16;

/// What a handler found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) signal: i32,
    /// `si_code`.
    pub(crate) code: i32,
    /// The process.
    pub(crate) pid: i32,
    /// The address that was accessed, or that of the instruction, as the kernel says it. `None` if somebody sent the signal.
    pub(crate) address: Option<u64>,
    /// The instruction that ran, as the program's file has it; `None` if it is not in there.
    pub(crate) instruction: Option<u64>,
    /// The name of the thread, up to the first zero; empty if it has none of its own, or it has not
    /// been asked for.
    pub(crate) thread: [u8; NAME],
    /// Whether the thread's stack was too small.
    pub(crate) is_overflow: bool,
    /// True if the process ends of this for certain.
    pub(crate) is_end: bool,
    /// When, on the clock of [`clock::now`]; 0 if that has not been asked.
    pub(crate) at: Duration,
}

/// Records a [`Fault`], perhaps several times, each time with more. It is called in a signal's
/// handler, and by one thread at a time.
pub(crate) type Record = Box<dyn Fn(&Fault) + Send + Sync>;

/// All that a handler has to know, put together before there are any.
struct Handlers {
    record: Record,
    /// Not 0 in the process whose faults are recorded.
    own: Unforked,
    code: Option<Code>,
    /// The name of a thread that was given none.
    unnamed: [u8; NAME],
    /// What was there before, for each of [`SIGNALS`]; `None` where no handler was installed.
    previous: [Option<libc::sigaction>; SIGNALS.len()],
}

static HANDLERS: OnceLock<Handlers> = OnceLock::new();

/// The handler of SIGSEGV before any code of the user's has run: that of the standard library.
static FIRST: OnceLock<libc::sighandler_t> = OnceLock::new();

/// Whether some thread is recording. A second one is not waited for: it would be a wait in a handler.
static RECORDING: AtomicBool = AtomicBool::new(false);

/// Records which handler the standard library has. Called before any code of the user's runs, which
/// may install others.
pub(crate) fn look_at_handlers() {
    FIRST.get_or_init(|| action(libc::SIGSEGV).map_or(libc::SIG_DFL, |action| action.sa_sigaction));
}

/// Installs the handlers, once in a process; the children that it forks inherit them, and `exec` takes them away. A signal that is
/// ignored stays so. Faults are recorded where `own` is not 0.
///
/// # Errors
///
/// The last failure of `sigaction`. All other signals have their handlers then.
pub(crate) fn record(record: Record, own: Unforked) -> Result<(), Errno> {
    let handlers = HANDLERS.get_or_init(|| Handlers {
        record,
        own,
        code: Code::of_this_program(),
        unnamed: thread_name(),
        previous: SIGNALS
            .map(|signal| action(signal).filter(|action| action.sa_sigaction != libc::SIG_IGN)),
    });
    let mut result = Ok(());
    for (signal, previous) in SIGNALS.into_iter().zip(&handlers.previous) {
        let Some(previous) = previous else { continue };
        // The mask, and what may interrupt it, are those that the handler behind this one has asked for.
        let mut action = *previous;
        action.sa_sigaction = on_crash as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO
            | libc::SA_ONSTACK
            | previous.sa_flags & (libc::SA_NODEFER | libc::SA_RESTART);
        if previous.sa_sigaction == libc::SIG_DFL {
            // Then no system call is needed to let it happen.
            action.sa_flags |= libc::SA_RESETHAND;
        }
        // SAFETY: `on_crash` has the type that `SA_SIGINFO` asks for, and does only what a handler may.
        result = unsafe { set_action(signal, &action) }.and(result);
    }
    result
}

/// The action of a signal.
fn action(signal: c_int) -> Option<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null action only reads; `action` is valid and writable.
    let result = unsafe { libc::sigaction(signal, core::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: zeroed above, which is a valid `sigaction`, and overwritten if the call succeeded.
    let action = unsafe { action.assume_init() };
    (result == 0).then_some(action)
}

/// Sets the action of a signal.
///
/// # Safety
///
/// Its handler is default, ignore, or a function that may be called on this signal.
unsafe fn set_action(signal: c_int, action: &libc::sigaction) -> Result<(), Errno> {
    // SAFETY: `action` is initialised; the caller promises the rest.
    let result = unsafe { libc::sigaction(signal, action, core::ptr::null_mut()) };
    Errno::result(result).map(drop)
}

extern "C" fn on_crash(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // If a handler behind this one mends the fault, the code that is gone back to must not find another `errno`.
    let errno = Errno::last_raw();
    if let Some(handlers) = HANDLERS.get() {
        let arrived = Arrived {
            signal,
            info,
            context,
        };
        let fault = handlers.own.pid().map(|pid| handlers.fault(&arrived, pid));
        if let Some(fault) = fault {
            handlers.take_down(&arrived, fault);
        }
        handlers.pass_on(&arrived, fault);
    }
    Errno::set_raw(errno);
}

/// What the kernel hands to a handler.
struct Arrived {
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
}

impl Handlers {
    /// Describes a fault of this process as far as that takes no system call.
    fn fault(&self, arrived: &Arrived, pid: i32) -> Fault {
        let mut thread = [0; NAME];
        if self.own.is_main_thread() {
            thread[..4].copy_from_slice(b"main");
        }
        Fault {
            signal: arrived.signal,
            code: arrived.code(),
            pid,
            address: arrived.address(),
            instruction: self
                .code
                .and_then(|code| code.in_file(arrived.instruction())),
            thread,
            is_overflow: arrived.is_overflow(),
            is_end: false,
            at: Duration::ZERO,
        }
    }

    fn take_down(&self, arrived: &Arrived, fault: Fault) {
        if RECORDING.swap(true, Ordering::Acquire) {
            return;
        }
        (self.record)(&fault);
        let is_last = |previous: &libc::sigaction| previous.sa_sigaction == libc::SIG_DFL;
        let is_last = self.previous(arrived.signal).is_some_and(is_last);
        if is_last || fault.is_overflow && self.is_first(arrived.signal) {
            self.finish(fault);
        }
        RECORDING.store(false, Ordering::Release);
    }

    /// Records the rest: the process ends of this fault.
    ///
    /// After a stack overflow that is before the standard library says so, as it does not come
    /// back. A second frame above the one that this handler is in may not fit on the alternate
    /// stack, so what is to happen at its abort has to be changed now.
    fn finish(&self, mut fault: Fault) {
        fault.is_end = true;
        (self.record)(&fault);
        fault.at = clock::now();
        if !self.own.is_main_thread() {
            let name = thread_name();
            if name != self.unnamed {
                fault.thread = name;
            }
        }
        (self.record)(&fault);
        if fault.is_overflow {
            self.give_back(libc::SIGABRT);
        }
    }

    /// Returns true if the handler before this one is that of the standard library, which mends
    /// nothing.
    fn is_first(&self, signal: c_int) -> bool {
        let previous = self.previous(signal).map(|previous| previous.sa_sigaction);
        matches!(signal, libc::SIGSEGV | libc::SIGBUS)
            && previous.is_some_and(|previous| FIRST.get() == Some(&previous))
    }

    /// What was there before the handler of this signal.
    fn previous(&self, signal: c_int) -> Option<&libc::sigaction> {
        let at = SIGNALS.iter().position(|known| *known == signal)?;
        self.previous[at].as_ref()
    }

    fn give_back(&self, signal: c_int) {
        if let Some(previous) = self.previous(signal) {
            // SAFETY: whoever installed it promised that it may be called on this signal.
            let _ = unsafe { set_action(signal, previous) };
        }
    }

    /// Lets happen what would have happened without this handler. `fault` is what was taken down of
    /// it, in the process where that is done.
    fn pass_on(&self, arrived: &Arrived, fault: Option<Fault>) {
        let signal = arrived.signal;
        let Some(previous) = self.previous(signal) else {
            return;
        };
        if previous.sa_sigaction == libc::SIG_DFL {
            // The kernel has set it again already (`SA_RESETHAND`).
            if !arrived.comes_again() {
                arrived.send_again();
            }
            return;
        }
        let only_once = previous.sa_flags & libc::SA_RESETHAND != 0;
        if only_once {
            set_default(signal);
        }
        // SAFETY: all that it takes is what the kernel has handed to this handler of the same signal.
        unsafe { arrived.call(previous) };
        let Some(fault) = fault else { return };
        if self.is_first(signal) && !RECORDING.swap(true, Ordering::Acquire) {
            self.finish(fault);
            RECORDING.store(false, Ordering::Release);
        }
        // The handler of the standard library leaves what is not a stack overflow to the default action and returns, for the
        // fault to come again. One that somebody sent does not: the process would survive it, but only once.
        let is_hers = matches!(signal, libc::SIGSEGV | libc::SIGBUS) && !only_once;
        let is_left = || action(signal).is_some_and(|now| now.sa_sigaction == libc::SIG_DFL);
        if is_hers && !arrived.comes_again() && is_left() {
            arrived.send_again();
        }
    }
}

fn set_default(signal: c_int) {
    let action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: zero is a valid `sigaction`: no flags, an empty mask, and the default action.
    let action = unsafe { action.assume_init() };
    // SAFETY: the default action runs no code.
    let _ = unsafe { set_action(signal, &action) };
}

impl Arrived {
    fn info(&self) -> &libc::siginfo_t {
        // SAFETY: the kernel hands a valid `siginfo_t` to a handler with `SA_SIGINFO`, and nobody writes to it meanwhile.
        unsafe { &*self.info }
    }

    fn code(&self) -> i32 {
        self.info().si_code
    }

    /// Whether the kernel says where it happened. Zero and less: somebody sent it. `SI_KERNEL`: the kernel does not say.
    fn has_address(&self) -> bool {
        (1..libc::SI_KERNEL).contains(&self.code())
            && matches!(
                self.signal,
                libc::SIGSEGV
                    | libc::SIGBUS
                    | libc::SIGILL
                    | libc::SIGFPE
                    | libc::SIGTRAP
                    | libc::SIGSYS
            )
    }

    fn address(&self) -> Option<u64> {
        // SAFETY: for this signal with such a code, as just seen where it is called, this is the member of the union that is set. For
        // SIGSYS it is the address of the system call, which stands in the same place (sigaction(2), "The siginfo_t argument").
        let address = || unsafe { self.info().si_addr() };
        self.has_address().then(|| address() as u64)
    }

    /// Whether the instruction, when it is returned to, brings about the signal again. It does not if somebody sent the signal, or if
    /// the kernel sent it for another reason; and a trap or a system call is over.
    fn comes_again(&self) -> bool {
        /// Of memory that nobody has accessed yet.
        const BUS_MCEERR_AO: i32 = 5;
        /// Of an access that has happened some time ago.
        const SEGV_MTEAERR: i32 = 8;
        let code = self.code();
        (1..libc::SI_KERNEL).contains(&code)
            && match self.signal {
                libc::SIGSEGV => code != SEGV_MTEAERR,
                libc::SIGBUS => code != BUS_MCEERR_AO,
                signal => matches!(signal, libc::SIGILL | libc::SIGFPE),
            }
    }

    /// Sends the signal to this thread once more, as it came. It is blocked while its handler runs, so it arrives where the handler
    /// returns to: that is what a core then shows.
    fn send_again(&self) {
        let (pid, thread) = (process::pid(), process::thread_id());
        let (call, signal) = (libc::SYS_rt_tgsigqueueinfo, self.signal);
        // SAFETY: `info` is the valid one that the kernel handed over. A process may send itself one with any code.
        let sent = unsafe { libc::syscall(call, pid, thread, signal, self.info) };
        if sent == 0 {
            return;
        }
        // SAFETY: takes integers only.
        let sent = unsafe { libc::syscall(libc::SYS_tgkill, pid, thread, signal) };
        if sent != 0 {
            process::exit_now(128 | self.signal.to_le_bytes()[0]);
        }
    }

    /// The machine's state where the signal came.
    fn machine(&self) -> &libc::mcontext_t {
        let context = self.context.cast::<libc::ucontext_t>();
        // SAFETY: the kernel hands a valid `ucontext_t` to a handler with `SA_SIGINFO`, and nobody writes to it meanwhile.
        let context = unsafe { &*context };
        &context.uc_mcontext
    }

    #[cfg(target_arch = "x86_64")]
    fn instruction(&self) -> u64 {
        register(self.machine(), libc::REG_RIP)
    }

    #[cfg(target_arch = "x86_64")]
    fn stack_pointer(&self) -> u64 {
        register(self.machine(), libc::REG_RSP)
    }

    #[cfg(target_arch = "aarch64")]
    fn instruction(&self) -> u64 {
        self.machine().pc
    }

    #[cfg(target_arch = "aarch64")]
    fn stack_pointer(&self) -> u64 {
        self.machine().sp
    }

    /// Whether the access was near the end of the stack. Compilers touch a large frame page by page, so an access that there is no
    /// room for is at most a page below the stack pointer, or above it within the frame that is being entered.
    fn is_overflow(&self) -> bool {
        const BELOW: u64 = 4096;
        const ABOVE: u64 = 64 * 1024;
        let is_access = matches!(self.signal, libc::SIGSEGV | libc::SIGBUS);
        let stack = self.stack_pointer();
        let near = stack.saturating_sub(BELOW)..stack.saturating_add(ABOVE);
        is_access
            && self
                .address()
                .is_some_and(|address| near.contains(&address))
    }

    /// Calls a handler.
    ///
    /// # Safety
    ///
    /// `action` is a handler of this signal, and this is what the kernel hands to it.
    unsafe fn call(&self, action: &libc::sigaction) {
        type Full = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
        type Short = extern "C" fn(c_int);
        let handler = action.sa_sigaction as *const ();
        if action.sa_flags & libc::SA_SIGINFO == 0 {
            // SAFETY: without `SA_SIGINFO` a handler has this type (sigaction(2)).
            let handler = unsafe { core::mem::transmute::<*const (), Short>(handler) };
            handler(self.signal);
        } else {
            // SAFETY: with `SA_SIGINFO` a handler has this type (sigaction(2)).
            let handler = unsafe { core::mem::transmute::<*const (), Full>(handler) };
            handler(self.signal, self.info, self.context);
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn register(machine: &libc::mcontext_t, number: c_int) -> u64 {
    let at = usize::try_from(number).unwrap_or_default();
    let value = machine.gregs.get(at).copied().unwrap_or_default();
    u64::from_ne_bytes(value.to_ne_bytes())
}

/// The name of this thread. One that was given none has the name of the thread that started it, which is the program's.
fn thread_name() -> [u8; NAME] {
    let mut name = [0; NAME];
    // SAFETY: `PR_GET_NAME` writes at most 16 bytes with the zero, and there is room for so many (prctl(2)).
    let result = unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    if result == 0 { name } else { [0; NAME] }
}
