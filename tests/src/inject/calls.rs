//! What system calls are called, and what their man pages say of how they fail.

use nix::errno::Errno::{
    self, E2BIG, EACCES, EAFNOSUPPORT, EAGAIN, EBADF, ECHILD, ECONNREFUSED, EFBIG, EINTR, EINVAL,
    EIO, EMFILE, ENFILE, ENOBUFS, ENODEV, ENOENT, ENOMEM, ENOSPC, ENOTDIR, EOPNOTSUPP, EPERM,
    EPIPE, ESRCH, ETXTBSY,
};
use nix::libc;

use super::registers::signed;

/// What is known of a system call.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// What its first argument leads to.
    pub(super) first: First,
    /// With which it may fail.
    pub(super) errnos: &'static [Errno],
}

/// What the first argument of a call says that tells it apart from others of its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    Nothing,
    Descriptor,
    /// A directory's descriptor, and a path is second.
    Path,
}

const fn kind(name: &'static str, first: First, errnos: &'static [Errno]) -> Kind {
    Kind {
        name,
        first,
        errnos,
    }
}

/// Errors of `EFAULT` are left out everywhere: they say that the caller is wrong, and the kernel does not make them up. Those of calls that a
/// machine names in several ways are put together under one name.
#[allow(clippy::too_many_lines, reason = "it is a table")]
pub(super) fn kind_of(number: i64) -> Option<Kind> {
    use First::{Descriptor, Nothing, Path};
    #[cfg(target_arch = "x86_64")]
    match number {
        libc::SYS_poll => return kind_of(libc::SYS_ppoll),
        libc::SYS_fork | libc::SYS_vfork => return kind_of(libc::SYS_clone),
        libc::SYS_getpgrp => return kind_of(libc::SYS_getpid),
        // Its path is first.
        libc::SYS_readlink => {
            return Some(kind("readlink", Nothing, &[EACCES, EINVAL, ENOENT, ENOMEM]));
        }
        _ => {}
    }
    Some(match number {
        // These cannot fail. The end of the heap (`brk`) is not told by an `errno`, so it cannot be failed by one.
        libc::SYS_getpid
        | libc::SYS_getppid
        | libc::SYS_gettid
        | libc::SYS_set_tid_address
        | libc::SYS_exit_group
        | libc::SYS_brk
        | libc::SYS_rt_sigreturn
        | libc::SYS_sched_yield
        | libc::SYS_restart_syscall => kind("", Nothing, &[]),
        libc::SYS_clone => kind("fork", Nothing, &[EAGAIN, ENOMEM, EPERM]),
        // The C library has it for threads only.
        libc::SYS_clone3 => kind("clone3", Nothing, &[EAGAIN, ENOMEM, EPERM]),
        libc::SYS_futex => kind("futex", Nothing, &[EAGAIN, EINTR]),
        libc::SYS_set_robust_list => kind("set_robust_list", Nothing, &[EINVAL]),
        libc::SYS_prlimit64 => kind("prlimit64", Nothing, &[EINVAL, EPERM]),
        libc::SYS_sched_getaffinity => kind("sched_getaffinity", Nothing, &[EINVAL, EPERM]),
        libc::SYS_execve => kind(
            "execve",
            Nothing,
            &[E2BIG, EACCES, EAGAIN, EIO, EMFILE, ENOENT, ENOMEM, ETXTBSY],
        ),
        libc::SYS_wait4 => kind("wait4", Nothing, &[ECHILD, EINTR, EINVAL]),
        libc::SYS_waitid => kind("waitid", Nothing, &[ECHILD, EINTR, EINVAL]),
        libc::SYS_rt_sigtimedwait => kind("rt_sigtimedwait", Nothing, &[EAGAIN, EINTR, EINVAL]),
        libc::SYS_rt_sigprocmask => kind("rt_sigprocmask", Nothing, &[EINVAL]),
        libc::SYS_rt_sigpending => kind("rt_sigpending", Nothing, &[EINVAL]),
        libc::SYS_rt_sigaction => kind("rt_sigaction", Nothing, &[EINVAL]),
        libc::SYS_sigaltstack => kind("sigaltstack", Nothing, &[EINVAL, ENOMEM, EPERM]),
        libc::SYS_kill => kind("kill", Nothing, &[EINVAL, EPERM, ESRCH]),
        libc::SYS_clock_nanosleep => kind("clock_nanosleep", Nothing, &[EINTR, EINVAL]),
        libc::SYS_getitimer => kind("getitimer", Nothing, &[EINVAL]),
        libc::SYS_prctl => kind("prctl", Nothing, &[EINVAL, EPERM]),
        libc::SYS_getpgid => kind("getpgid", Nothing, &[ESRCH]),
        libc::SYS_getsid => kind("getsid", Nothing, &[EPERM, ESRCH]),
        libc::SYS_memfd_create => kind("memfd_create", Nothing, &[EINVAL, EMFILE, ENFILE, ENOMEM]),
        libc::SYS_ftruncate => kind(
            "ftruncate",
            Descriptor,
            &[EBADF, EFBIG, EINTR, EINVAL, EIO, EPERM],
        ),
        libc::SYS_fallocate => kind(
            "fallocate",
            Descriptor,
            &[EFBIG, EINTR, EIO, ENODEV, ENOSPC, EOPNOTSUPP, EPERM],
        ),
        libc::SYS_mmap => kind("mmap", Nothing, &[EACCES, EAGAIN, EINVAL, ENFILE, ENOMEM]),
        libc::SYS_mprotect => kind("mprotect", Nothing, &[EACCES, EINVAL, ENOMEM]),
        libc::SYS_munmap => kind("munmap", Nothing, &[EINVAL, ENOMEM]),
        libc::SYS_madvise => kind("madvise", Nothing, &[EAGAIN, EINVAL, ENOMEM]),
        libc::SYS_fcntl => kind("fcntl", Descriptor, &[EBADF, EINVAL, EMFILE, EPERM]),
        libc::SYS_close => kind("close", Descriptor, &[EBADF, EINTR, EIO, ENOSPC]),
        libc::SYS_read | libc::SYS_pread64 => {
            kind("read", Descriptor, &[EAGAIN, EBADF, EINTR, EINVAL, EIO])
        }
        libc::SYS_write | libc::SYS_pwrite64 => kind(
            "write",
            Descriptor,
            &[EAGAIN, EBADF, EINTR, EIO, ENOSPC, EPIPE],
        ),
        libc::SYS_lseek => kind("lseek", Descriptor, &[EBADF, EINVAL]),
        libc::SYS_ppoll => kind("poll", Nothing, &[EINTR, EINVAL, ENOMEM]),
        libc::SYS_openat => kind(
            "open",
            Path,
            &[EACCES, EINTR, EMFILE, ENFILE, ENOENT, ENOMEM],
        ),
        libc::SYS_getdents64 => kind("getdents64", Descriptor, &[EBADF, EINVAL, ENOENT, ENOTDIR]),
        libc::SYS_newfstatat | libc::SYS_statx => {
            kind("stat", Path, &[EACCES, EBADF, ENOENT, ENOMEM])
        }
        libc::SYS_fstat => kind("stat", Descriptor, &[EBADF, ENOMEM]),
        libc::SYS_readlinkat => kind("readlink", Path, &[EACCES, EINVAL, ENOENT, ENOMEM]),
        libc::SYS_getrandom => kind("getrandom", Nothing, &[EAGAIN, EINTR]),
        libc::SYS_socket => kind(
            "socket",
            Nothing,
            &[EACCES, EAFNOSUPPORT, EMFILE, ENFILE, ENOBUFS, ENOMEM],
        ),
        libc::SYS_socketpair => kind(
            "socketpair",
            Nothing,
            &[EAFNOSUPPORT, EMFILE, ENFILE, EOPNOTSUPP],
        ),
        libc::SYS_sendto => kind(
            "sendto",
            Descriptor,
            &[EAGAIN, ECONNREFUSED, EINTR, ENOBUFS, ENOENT, ENOMEM, EPIPE],
        ),
        libc::SYS_recvfrom => kind("recvfrom", Descriptor, &[EAGAIN, EBADF, EINTR, ENOMEM]),
        _ => return None,
    })
}

/// What else of the arguments tells a call apart.
pub(super) fn detail(number: i64, arguments: [u64; 6]) -> Option<&'static str> {
    let first = i32::try_from(signed(arguments[0])).unwrap_or(-1);
    let second = i32::try_from(signed(arguments[1])).unwrap_or(-1);
    Some(match number {
        libc::SYS_kill => nix::sys::signal::Signal::try_from(second).ok()?.as_str(),
        libc::SYS_rt_sigaction => nix::sys::signal::Signal::try_from(first).ok()?.as_str(),
        libc::SYS_rt_sigprocmask => match first {
            libc::SIG_BLOCK => "SIG_BLOCK",
            libc::SIG_UNBLOCK => "SIG_UNBLOCK",
            _ => "SIG_SETMASK",
        },
        libc::SYS_prctl => match first {
            libc::PR_SET_CHILD_SUBREAPER => "PR_SET_CHILD_SUBREAPER",
            libc::PR_SET_PDEATHSIG => "PR_SET_PDEATHSIG",
            _ => return None,
        },
        libc::SYS_fcntl => match second {
            libc::F_GETFD => "F_GETFD",
            libc::F_SETFD => "F_SETFD",
            libc::F_GETFL => "F_GETFL",
            libc::F_SETFL => "F_SETFL",
            libc::F_SETOWN => "F_SETOWN",
            10 => "F_SETSIG",
            libc::F_DUPFD_CLOEXEC => "F_DUPFD_CLOEXEC",
            libc::F_ADD_SEALS => "F_ADD_SEALS",
            libc::F_GET_SEALS => "F_GET_SEALS",
            _ => return None,
        },
        libc::SYS_mmap if signed(arguments[4]) >= 0 => "of a file",
        _ => return None,
    })
}

/// Whether a call of the watch dog's is none of its own, or none that a release build makes.
pub(super) fn is_foreign(number: i64, arguments: [u64; 6]) -> bool {
    // The standard library checks in debug builds that a descriptor is open before it closes it, and aborts if not.
    number == libc::SYS_fcntl && signed(arguments[1]) == i64::from(libc::F_GETFD)
}
