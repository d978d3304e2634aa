//! What a process knows and says about itself.

use core::ffi::CStr;
use std::ffi::OsString;

use nix::libc;
use nix::unistd;

use super::Errno;

/// `getpid`.
pub(crate) fn pid() -> i32 {
    unistd::getpid().as_raw()
}

/// `getppid`.
pub(crate) fn parent() -> i32 {
    // SAFETY: the call takes nothing, touches nothing and cannot fail.
    let parent = unsafe { libc::syscall(libc::SYS_getppid) };
    i32::try_from(parent).unwrap_or(0)
}

/// `geteuid`: whom files that this process makes belong to.
#[cfg(feature = "sqlite")]
pub(crate) fn user() -> u32 {
    unistd::geteuid().as_raw()
}

/// `gettid`.
pub(crate) fn thread_id() -> i32 {
    // SAFETY: the call takes nothing, touches nothing and cannot fail.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    i32::try_from(thread).unwrap_or(0)
}

/// Whether this process leads its session: then a terminal that hangs up tells it alone.
pub(crate) fn leads_session() -> bool {
    unistd::getsid(None) == Ok(unistd::getpid())
}

/// Whether `other` is in the process group of this process: then a terminal's signals reach both.
pub(crate) fn shares_group_with(other: i32) -> bool {
    unistd::getpgid(Some(unistd::Pid::from_raw(other))) == Ok(unistd::getpgrp())
}

/// Asks the kernel to send `SIGTERM` to this process when its parent dies.
pub(crate) fn die_with_parent() -> Result<(), Errno> {
    // By `syscall`, as in `signal::change_mask`, for the sake of the pages that a new worker has to fault in.
    // SAFETY: `PR_SET_PDEATHSIG` takes an integer only.
    let result = unsafe { libc::syscall(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGTERM) };
    Errno::result(result).map(drop)
}

/// Whether this process is the parent of what its children leave behind, from here on.
pub(crate) fn adopt_orphans(adopts: bool) -> Result<(), Errno> {
    let adopts = libc::c_ulong::from(adopts);
    // SAFETY: `PR_SET_CHILD_SUBREAPER` takes an integer only.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, adopts) }).map(drop)
}

/// Lets others run that wait for this processor, for a moment.
pub(crate) fn give_way() {
    // SAFETY: the call takes nothing and touches nothing. On Linux it cannot fail (sched_yield(2)).
    let _ = unsafe { libc::syscall(libc::SYS_sched_yield) };
}

/// What this machine is called.
pub(crate) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "unknown".to_owned(),
        name => name.to_owned(),
    }
}

/// What this thread is called, in `ps` and `/proc`.
pub(crate) fn set_name(name: &CStr) {
    // SAFETY: the call reads the text up to its zero, and copies it. Whether it works is of no importance.
    let _ = unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// Closes the sockets of this process that connections may come to: another process than this one is to take them.
pub(crate) fn close_listeners() {
    const LENGTH: libc::socklen_t = 4;
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    let number = |entry: std::io::Result<std::fs::DirEntry>| -> Option<i32> {
        entry.ok()?.file_name().to_str()?.parse().ok()
    };
    let numbers: Vec<i32> = open.filter_map(number).filter(|fd| *fd > 2).collect();
    for fd in numbers {
        let (mut accepts, mut length) = (0_i32, LENGTH);
        // SAFETY: both are writable, and as long as said; what is no socket, or closed by now, is an error.
        let asked = unsafe {
            libc::getsockopt(
                fd,
                libc::SOL_SOCKET,
                libc::SO_ACCEPTCONN,
                (&raw mut accepts).cast(),
                &raw mut length,
            )
        };
        if asked == 0 && accepts != 0 {
            // SAFETY: this process was just forked, and runs nothing that has opened it: whoever owns it is in memory that nothing here uses.
            let _ = unsafe { libc::close(fd) };
        }
    }
}

/// Writes what this process has printed and buffered: with Rust's `print!` and with C's stdio. A
/// process that is forked afterwards would print it once more.
pub(crate) fn flush_streams() {
    use std::io::Write as _;
    // What nobody takes is lost, as at the end of any program.
    let _ = std::io::stdout().flush();
    // SAFETY: with a null pointer it writes the buffers of all output streams (fflush(3)), each
    // under its own lock.
    let _ = unsafe { libc::fflush(core::ptr::null_mut()) };
}

/// Ends this process at once: no destructor, no `atexit` handler and no buffer of the user's runs.
pub(crate) fn exit_now(code: u8) -> ! {
    // SAFETY: `_exit` may be called at any time, in any state of the process (signal-safety(7)).
    unsafe { libc::_exit(i32::from(code)) }
}

/// Shows that this process has one thread. Whoever holds one starts no thread and runs no code that might.
#[derive(Debug)]
pub(crate) struct Alone(());

impl Alone {
    /// Looks; `None` if there is another thread, or `/proc` does not tell.
    pub(crate) fn look() -> Option<Self> {
        (thread_count() == Some(1)).then_some(Self(()))
    }

    /// Looks before any code of the user's but `setup` has run; `None` if there is another thread. Where `/proc` does not
    /// tell, the process is taken to be alone: ppair has started no thread, and the documentation of `Pair::start` asks the
    /// same of its caller.
    pub(crate) fn look_at_start() -> Option<Self> {
        // A thread that was joined is counted for a moment longer, until the kernel has taken it off its list.
        let settled = (0..50).any(|_| {
            let alone = thread_count().is_none_or(|threads| threads == 1);
            if !alone {
                std::thread::sleep(core::time::Duration::from_millis(1));
            }
            alone
        });
        settled.then_some(Self(()))
    }
}

/// The number of threads of this process, or `None` where `/proc` does not tell.
fn thread_count() -> Option<u64> {
    // The link count of this folder is two (itself and its name above) and one for each thread: one call, no allocation.
    let stat = nix::sys::stat::stat("/proc/self/task").ok()?;
    #[allow(clippy::useless_conversion, reason = "it has 32 bits on aarch64")]
    let links = u64::from(stat.st_nlink);
    links.checked_sub(2).filter(|&threads| threads > 0)
}

/// Takes a variable out of the environment, so that neither the user's code nor its children see it. `None` if it is not
/// there, is not text, or there is another thread that may be reading the environment. Called before any code of the user's has run.
pub(crate) fn take_variable(name: &str) -> Option<String> {
    let value = variable(name)?;
    // Also where `/proc` does not tell: without the variable there would be a fresh start beside a worker that runs.
    let _alone = Alone::look_at_start()?;
    // SAFETY: there is one thread, this one, as just seen, so nobody reads the environment meanwhile.
    unsafe { std::env::remove_var(name) };
    value.into_string().ok()
}

/// Whether the program runs with rights that its caller does not have: set-user-ID, set-group-ID,
/// or capabilities of its file (`getauxval(3)`, `AT_SECURE`). Then its environment is the caller's
/// to write, and not to be believed.
pub(crate) fn is_secure() -> bool {
    // SAFETY: the call takes a number, and reads what the kernel has put down for this process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// A variable of the environment, as `secure_getenv(3)` has it: none if the program [is
/// secure](is_secure).
pub(crate) fn variable(name: &str) -> Option<OsString> {
    if is_secure() {
        return None;
    }
    std::env::var_os(name)
}

/// All of them, in the same way.
pub(crate) fn variables() -> impl Iterator<Item = (OsString, OsString)> {
    let all = (!is_secure()).then(std::env::vars_os);
    all.into_iter().flatten()
}

/// Takes variables out of the environment.
pub(crate) fn remove_variables(_: &Alone, names: &[&str]) {
    for name in names {
        // SAFETY: an `Alone` is made only where there is one thread, and whoever holds one starts no other: nobody reads the environment
        // meanwhile.
        unsafe { std::env::remove_var(name) };
    }
}

/// Whether this process may hold record locks (`fcntl`, `lockf`), which a forked child does not inherit.
pub(crate) fn holds_record_locks() -> bool {
    // Each line: "1: POSIX  ADVISORY  WRITE 4711 08:01:1234 0 EOF", see proc_locks(5).
    let Ok(locks) = std::fs::read_to_string("/proc/locks") else {
        return true;
    };
    let pid = pid().to_string();
    locks.lines().any(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        words.next() == Some("POSIX") && words.nth(2) == Some(pid.as_str())
    })
}

/// Whether a timer of this process runs (`alarm`, `setitimer`), which a forked child does not inherit and `exec` does not stop.
pub(crate) fn has_timers() -> bool {
    [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF]
        .into_iter()
        .any(|which| {
            let mut timer = core::mem::MaybeUninit::<libc::itimerval>::zeroed();
            // SAFETY: `timer` is valid and writable for the length of the call.
            let result = unsafe { libc::getitimer(which, timer.as_mut_ptr()) };
            // SAFETY: zeroed above, which is a value of this struct of integers.
            let left = unsafe { timer.assume_init() }.it_value;
            result != 0 || left.tv_sec != 0 || left.tv_usec != 0
        })
}

/// The names of the threads of this process, for a message.
pub(crate) fn thread_names() -> Vec<String> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    // A thread may be called anything.
    let name = |entry: std::fs::DirEntry| std::fs::read(entry.path().join("comm")).ok();
    threads
        .filter_map(|entry| name(entry.ok()?))
        .map(|name| name.trim_ascii_end().escape_ascii().to_string())
        .collect()
}
