//! Its first worker dies as the first argument says; the second one prints what it knows of that, and ends.
//!
//! The other arguments may be
//! - `handled`: setup installs a handler for SIGSEGV that says so, mends the fault if it is the one
//!   of `mended`, and leaves all others to the default action;
//! - `crash`: a panic of any thread ends the worker;
//! - `filtered`: the thread that dies is behind a filter of system calls, which kills for any but
//!   those that a plain program makes then;
//! - `plain`: there is no pair, nor anything else of ppair's;
//! - `color-eyre`, `own-hook`, `restored-hook`, `chained-hook`, `lost-hook`: what the worker does
//!   with the panic hook before.

use std::arch::asm;
use std::ffi::c_int;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::process::{abort, exit};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::{panic, ptr, thread};

use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, mprotect};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, ftruncate, write};
use ppair::{Config, Pair, ThreadPanic};

fn main() {
    let how = std::env::args().nth(1).unwrap_or_default();
    if has("plain") {
        die(&how);
        return;
    }
    let config = if has("crash") {
        Config::new().thread_panic(ThreadPanic::Crash)
    } else {
        Config::new()
    };
    let worker = Pair::new(config)
        .setup(|| {
            if has("handled") {
                handle(SigHandler::SigAction(say_and_mend));
            }
        })
        .start();
    if let Some(death) = worker.last_death() {
        println!("backtrace {:x?}", death.backtrace());
        println!("up after: {death}");
        return;
    }
    println!("begin");
    change_hook();
    die(&how);
}

/// Whether an argument after the first is this one.
fn has(option: &str) -> bool {
    std::env::args().skip(2).any(|argument| argument == option)
}

fn own_hook(_: &panic::PanicHookInfo<'_>) {
    eprintln!("own hook");
}

/// As programs do at the start of their `main`.
fn change_hook() {
    if has("color-eyre") {
        color_eyre::install().expect("it is the first time");
    }
    if has("own-hook") {
        // Several times: each replaces the one before.
        for _ in 0..3 {
            panic::set_hook(Box::new(own_hook));
        }
    }
    if has("restored-hook") {
        panic::set_hook(Box::new(own_hook));
        drop(panic::take_hook());
    }
    if has("chained-hook") {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            own_hook(info);
            before(info);
        }));
    }
    if has("lost-hook") {
        std::mem::forget(panic::take_hook());
        panic::set_hook(Box::new(own_hook));
    }
}

fn die(how: &str) {
    // Threads that die are started before, and are filtered themselves.
    if has("filtered") && !how.contains("thread") && !how.contains("unnamed") {
        filter();
    }
    match how {
        "filter" => filter(),
        "abort" => abort(),
        "bus" => access_beyond_the_end(),
        "exit" => exit(3),
        "fpe" => divide_by_zero(),
        "illegal" => illegal(),
        "kill" => raise(Signal::SIGKILL).expect("it can be sent"),
        "memory" => fill_memory(),
        "overflow" => overflow(),
        "overflow-thread" => in_thread(overflow),
        "panic" => panic!("in main"),
        "panic-thread" => {
            in_thread(|| panic!("in the helper"));
            println!("went on");
        }
        "panic-caught" => {
            in_thread(|| drop(panic::catch_unwind(|| panic!("caught"))));
            println!("went on");
        }
        "panic-caught-main" => {
            drop(panic::catch_unwind(|| panic!("caught in main")));
            println!("went on");
        }
        "segv" => write_to(8),
        "segv-thread" => in_thread(|| write_to(8)),
        "panic-unnamed" => drop(thread::spawn(|| panic!("in no name")).join()),
        "segv-unnamed" => drop(thread::spawn(|| write_to(8)).join()),
        "segv-without-segment" => {
            lose_segment();
            write_to(8);
        }
        "abort-without-segment" => {
            lose_segment();
            abort();
        }
        "trap" => trap(),
        "wait" => {
            println!("ready");
            loop {
                thread::park();
            }
        }
        "raised" => raise(Signal::SIGSEGV).expect("it can be sent"),
        "mended" => {
            mend_a_fault();
            println!("mended");
            exit(3);
        }
        "own-handler" => {
            handle(SigHandler::Handler(leave));
            write_to(8);
        }
        "of-a-child" => {
            die_in_a_child();
            handle(SigHandler::SigDfl);
            raise(Signal::SIGSEGV).expect("it can be sent");
        }
        "panic-of-a-child" => {
            panic_in_a_child();
            exit(101);
        }
        number => {
            let signal = number.parse::<c_int>().expect("a way to die");
            raise(Signal::try_from(signal).expect("a signal")).expect("it can be sent");
        }
    }
}

fn in_thread(work: impl FnOnce() + Send + 'static) {
    let helper = thread::Builder::new().name("helper".to_owned());
    let work = move || {
        if has("filtered") {
            filter();
        }
        work();
    };
    drop(helper.spawn(work).expect("a thread").join());
}

/// Kills this thread's process for any system call from here on but those that a Rust program makes
/// to say that it dies.
fn filter() {
    const CALLS: [libc::c_long; 11] = [
        libc::SYS_write,
        libc::SYS_exit_group,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_tgkill,
        libc::SYS_munmap,
        libc::SYS_sigaltstack,
        libc::SYS_futex,
    ];
    let [load, compare, back] = [
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
        libc::BPF_RET | libc::BPF_K,
    ]
    .map(|code| u16::try_from(code).expect("a code"));
    let step = |code, jt, k| libc::sock_filter { code, jt, jf: 0, k };
    // The number of the call lies first.
    let mut steps = vec![step(load, 0, 0)];
    for (before, call) in CALLS.into_iter().enumerate() {
        let to_the_end = u8::try_from(CALLS.len() - before).expect("a short program");
        let call = u32::try_from(call).expect("a number of a call");
        steps.push(step(compare, to_the_end, call));
    }
    steps.push(step(back, 0, libc::SECCOMP_RET_KILL_PROCESS));
    steps.push(step(back, 0, libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog {
        len: u16::try_from(steps.len()).expect("a short program"),
        filter: steps.as_mut_ptr(),
    };
    let (yes, no, mode) = (
        1 as libc::c_ulong,
        0 as libc::c_ulong,
        libc::SECCOMP_MODE_FILTER,
    );
    // SAFETY: takes integers only.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, yes, no, no, no) };
    assert_eq!(result, 0, "no_new_privs");
    // SAFETY: `program` leads to `len` steps, and the kernel copies them.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    assert_eq!(result, 0, "seccomp");
    // Nothing is freed here, where that may be a call.
    std::mem::forget(steps);
}

fn write_to(address: usize) {
    let nowhere = ptr::without_provenance_mut::<u8>(address);
    // SAFETY: none, this is the crash. Linux maps nothing into the first page.
    unsafe { nowhere.write_volatile(1) };
}

fn access_beyond_the_end() {
    let page = NonZeroUsize::new(4096).expect("it is not 0");
    let file = memfd_create(c"short", MFdFlags::MFD_CLOEXEC).expect("a memory file");
    ftruncate(&file, 4096).expect("it can grow");
    let (read, flags) = (ProtFlags::PROT_READ, MapFlags::MAP_SHARED);
    // SAFETY: a new mapping at an address of the kernel's choice.
    let start =
        unsafe { mmap(None, page, read, flags, file.as_fd(), 0) }.expect("it can be mapped");
    ftruncate(&file, 0).expect("it can shrink");
    // SAFETY: none, this is the crash.
    black_box(unsafe { start.cast::<u8>().read_volatile() });
}

#[cfg(target_arch = "x86_64")]
fn divide_by_zero() {
    // SAFETY: none, this is the crash.
    unsafe { asm!("xor edx, edx", "mov eax, 1", "div edx", out("eax") _, out("edx") _) };
}

#[cfg(target_arch = "aarch64")]
fn divide_by_zero() {
    // Its division by zero is zero.
    raise(Signal::SIGFPE).expect("it can be sent");
}

fn illegal() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: none, this is the crash.
    unsafe {
        asm!("ud2");
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: none, this is the crash.
    unsafe {
        asm!("udf #0");
    }
}

fn trap() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: none, this is the crash.
    unsafe {
        asm!("int3");
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: none, this is the crash.
    unsafe {
        asm!("brk #0");
    }
}

fn fill_memory() {
    let mut kept = Vec::new();
    loop {
        kept.push(black_box(vec![1_u8; 1 << 20]));
    }
}

fn overflow() {
    black_box(deeper(0));
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

/// The page that [`say_and_mend`] makes writable.
static MENDED: AtomicPtr<libc::c_void> = AtomicPtr::new(ptr::null_mut());

fn handle(handler: SigHandler) {
    let action = SigAction::new(handler, SaFlags::SA_ONSTACK, SigSet::empty());
    // SAFETY: the handlers of this file make system calls and use atomics only.
    unsafe { sigaction(Signal::SIGSEGV, &action) }.expect("it can be installed");
}

extern "C" fn say_and_mend(_: c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let _ = write(std::io::stderr(), b"handled\n");
    let mended = MENDED.load(Ordering::Relaxed);
    // SAFETY: the kernel hands over a valid one, through ppair's own handler.
    let info = unsafe { &*info };
    // SAFETY: a signal that somebody sent has other bytes in its place, and they are only compared.
    let address = unsafe { info.si_addr() };
    if let Some(page) = ptr::NonNull::new(mended).filter(|_| address == mended) {
        let both = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: nothing but `mend_a_fault` knows of this page.
        let _ = unsafe { mprotect(page, 4096, both) };
        return;
    }
    handle(SigHandler::SigDfl);
}

fn mend_a_fault() {
    let page = NonZeroUsize::new(4096).expect("it is not 0");
    let (none, flags) = (ProtFlags::PROT_READ, MapFlags::MAP_PRIVATE);
    // SAFETY: a new mapping at an address of the kernel's choice.
    let start = unsafe { mmap_anonymous(None, page, none, flags) }.expect("a page");
    MENDED.store(start.as_ptr(), Ordering::Relaxed);
    // SAFETY: the page is this function's own; the handler makes it writable.
    unsafe { start.cast::<u8>().write_volatile(1) };
}

/// Takes from this process what it shares with its watch dog.
fn lose_segment() {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("/proc tells");
    for line in maps.lines().filter(|line| line.contains("/memfd:ppair")) {
        let (start, end) = line
            .split_once(' ')
            .and_then(|line| line.0.split_once('-'))
            .expect("a range");
        let [start, end] =
            [start, end].map(|text| usize::from_str_radix(text, 16).expect("an address"));
        let address =
            ptr::NonNull::new(ptr::with_exposed_provenance_mut(start)).expect("an address");
        // SAFETY: none, this is a crash as well.
        unsafe { mprotect(address, end - start, ProtFlags::PROT_NONE) }.expect("it is mapped");
    }
}

extern "C" fn leave(_: c_int) {
    // SAFETY: `_exit` may be called in any state.
    unsafe { libc::_exit(9) };
}

fn die_in_a_child() {
    // SAFETY: there is one thread.
    match unsafe { fork() }.expect("a child") {
        ForkResult::Child => {
            write_to(24);
            exit(0);
        }
        ForkResult::Parent { child } => drop(waitpid(child, None)),
    }
}

fn panic_in_a_child() {
    // SAFETY: there is one thread.
    match unsafe { fork() }.expect("a child") {
        ForkResult::Child => panic!("in the child"),
        ForkResult::Parent { child } => drop(waitpid(child, None)),
    }
}
