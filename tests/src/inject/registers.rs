//! The registers of a stopped process in which the kernel takes a system call and gives its result: the only part that knows the processor.

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;
use nix::sys::ptrace::regset::NT_PRSTATUS;
use nix::unistd::Pid;

/// What a register holds, as a number that may be negative.
pub(super) fn signed(register: u64) -> i64 {
    i64::from_ne_bytes(register.to_ne_bytes())
}

/// How the kernel gives back an error.
fn failure(errno: Errno) -> u64 {
    u64::from_ne_bytes(i64::from(-(errno as i32)).to_ne_bytes())
}

/// A system call at its entry, or at its exit.
pub(super) struct Registers(libc::user_regs_struct);

impl Registers {
    /// Those of a process that is stopped there.
    pub(super) fn of(pid: Pid) -> nix::Result<Self> {
        ptrace::getregset::<NT_PRSTATUS>(pid).map(Self)
    }
}

#[cfg(target_arch = "x86_64")]
impl Registers {
    /// Which call it is.
    pub(super) fn number(&self) -> i64 {
        signed(self.0.orig_rax)
    }

    pub(super) fn arguments(&self) -> [u64; 6] {
        let registers = &self.0;
        [
            registers.rdi,
            registers.rsi,
            registers.rdx,
            registers.r10,
            registers.r8,
            registers.r9,
        ]
    }

    /// At the entry: the kernel does nothing.
    pub(super) fn skip(mut self, pid: Pid) -> nix::Result<()> {
        self.0.orig_rax = u64::MAX;
        ptrace::setregset::<NT_PRSTATUS>(pid, self.0)
    }

    /// At the exit: what the program sees.
    pub(super) fn fail(mut self, pid: Pid, errno: Errno) -> nix::Result<()> {
        self.0.rax = failure(errno);
        ptrace::setregset::<NT_PRSTATUS>(pid, self.0)
    }
}

#[cfg(target_arch = "aarch64")]
impl Registers {
    /// Which call it is.
    pub(super) fn number(&self) -> i64 {
        signed(self.0.regs[8])
    }

    pub(super) fn arguments(&self) -> [u64; 6] {
        let mut arguments = [0; 6];
        arguments.copy_from_slice(&self.0.regs[..6]);
        arguments
    }

    /// At the entry: the kernel does nothing. It has taken the number out of its register by then, so it is told apart from the others.
    pub(super) fn skip(self, pid: Pid) -> nix::Result<()> {
        /// linux/elf.h; `libc` does not have it.
        const NT_ARM_SYSTEM_CALL: libc::c_long = 0x404;
        let mut none: libc::c_int = -1;
        let mut place = libc::iovec {
            iov_base: (&raw mut none).cast(),
            iov_len: size_of_val(&none),
        };
        // SAFETY: `place` leads to an `int`, which is what this set of registers is, and both live for the length of the call.
        let result = unsafe {
            libc::ptrace(
                libc::PTRACE_SETREGSET,
                pid.as_raw(),
                NT_ARM_SYSTEM_CALL,
                &raw mut place,
            )
        };
        Errno::result(result).map(drop)
    }

    /// At the exit: what the program sees.
    pub(super) fn fail(mut self, pid: Pid, errno: Errno) -> nix::Result<()> {
        self.0.regs[0] = failure(errno);
        ptrace::setregset::<NT_PRSTATUS>(pid, self.0)
    }
}
