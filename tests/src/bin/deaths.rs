//! Its first worker dies as the first argument says; the second one prints what it knows of that, and ends.
//!
//! The second argument may be `handled`: then setup installs a handler for SIGSEGV that says so, mends the fault if it is the one of
//! `mended`, and leaves all others to the default action. With `crash`, a panic of any thread ends the worker.

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
    let mut arguments = std::env::args().skip(1);
    let how = arguments.next().unwrap_or_default();
    let option = arguments.next().unwrap_or_default();
    let config = match option.as_str() {
        "crash" => Config::new().thread_panic(ThreadPanic::Crash),
        _ => Config::new(),
    };
    let worker = Pair::new(config)
        .setup(|| {
            if option == "handled" {
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
    die(&how);
}

fn die(how: &str) {
    match how {
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
    drop(helper.spawn(work).expect("a thread").join());
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
