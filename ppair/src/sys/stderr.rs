//! One line, one `write`, and never a wait for a reader who has stopped reading.
//!
//! The log is what standard error was when the pair began, whatever becomes of the number 2 since:
//! a program that closes it and opens a file gets that number for it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::OnceLock;

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd;

use super::memory::above_standard;
use super::owned::{Identity, Owned};
use super::{Errno, process, signal};

/// How long a log line waits for a full pipe or a stopped terminal before it is dropped, in milliseconds. A supervisor that
/// hangs because nobody reads its log would be worse than a missing line.
const PATIENCE_MS: u16 = 50;

/// How often it is tried again within one line.
const REFUSALS: u32 = 4;

/// How a line is written without a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A pipe or a terminal, opened once more: not to wait is a property of what was opened, which other processes share.
    Opened,
    /// A socket: not to wait is a flag of each call.
    Socket,
    /// A file, which never makes anybody wait; or a pipe or a terminal that cannot be opened again.
    Plain,
}

/// Standard error, as it was at some time.
#[derive(Debug)]
struct Log {
    /// What number 2 led to.
    identity: Identity,
    /// A descriptor of ppair's own for the same; `None` if the system has refused it.
    own: Option<(Owned, Way)>,
    /// How it is written through number 2, as long as that leads there.
    by_number: Way,
    /// Whether it is the journal's.
    is_journal: bool,
}

impl Log {
    /// `None` if standard error is closed.
    fn of_now() -> Option<Self> {
        let stderr = std::io::stderr();
        let found = fstat(stderr.as_fd()).ok()?;
        let kind = SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits());
        let by_number = if kind == SFlag::S_IFSOCK {
            Way::Socket
        } else {
            Way::Plain
        };
        let opened = if kind == SFlag::S_IFIFO || kind == SFlag::S_IFCHR {
            let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            let opened = open("/proc/self/fd/2", flags, Mode::empty()).ok();
            opened.and_then(|fd| Some((Owned::new(fd).ok()?, Way::Opened)))
        } else {
            None
        };
        // Under a number of ppair's own it stays the log, whatever the program does with its
        // standard error.
        let copied = || {
            let copy = above_standard(stderr.as_fd().try_clone_to_owned().ok()?).ok()?;
            Some((Owned::new(copy).ok()?, by_number))
        };
        Some(Self {
            identity: Identity::of(stderr.as_fd()).ok()?,
            own: opened.or_else(copied),
            by_number,
            is_journal: is_stream_of_journal(found.st_dev, found.st_ino),
        })
    }

    /// Where a line goes now.
    fn target<'a>(&'a self, stderr: &'a std::io::Stderr) -> Result<(BorrowedFd<'a>, Way), Errno> {
        if let Some((own, way)) = &self.own {
            if let Ok(fd) = own.get() {
                return Ok((fd, *way));
            }
        }
        if Identity::of(stderr.as_fd()) == Ok(self.identity) {
            Ok((stderr.as_fd(), self.by_number))
        } else {
            Err(Errno::EBADF)
        }
    }
}

/// As it was when the pair began.
static FIRST: OnceLock<Option<Log>> = OnceLock::new();
/// As `setup` has left it, if it has put something else there.
static AFTER_SETUP: OnceLock<Option<Log>> = OnceLock::new();

fn log() -> Option<&'static Log> {
    let after_setup = AFTER_SETUP.get().and_then(Option::as_ref);
    after_setup.or_else(|| FIRST.get_or_init(Log::of_now).as_ref())
}

/// Whether lines go to journald, which takes a level in front of each: systemd then says in `JOURNAL_STREAM` which device and inode its stream has, so that
/// a program whose standard error was redirected since is not misled (systemd.exec(5)).
fn is_stream_of_journal(device: u64, inode: u64) -> bool {
    let stream = process::variable("JOURNAL_STREAM");
    stream.is_some_and(|stream| *stream == *format!("{device}:{inode}"))
}

/// Whether lines go to journald.
pub(crate) fn is_journal() -> bool {
    log().is_some_and(|log| log.is_journal)
}

/// Finds the way to standard error, before any code of the user's runs. Until then no line is
/// written.
pub(crate) fn begin() {
    log();
}

/// Finds it again, behind `setup` and before the first fork.
pub(crate) fn prepare() {
    let before = log();
    let stderr = std::io::stderr();
    let now = Identity::of(stderr.as_fd()).ok();
    let is_same = before.is_some_and(|log| now == Some(log.identity));
    let is_whole = before.is_some_and(|log| log.own.as_ref().is_none_or(|(own, _)| own.is_there()));
    // What `setup` makes standard error is inherited by programs that are started. What is not has
    // only got the number, as `setup` has closed what had it.
    let is_standard = || {
        let flags = fcntl(stderr.as_fd(), FcntlArg::F_GETFD).map(FdFlag::from_bits_retain);
        flags.is_ok_and(|flags| !flags.contains(FdFlag::FD_CLOEXEC))
    };
    if !(is_same && is_whole) && (is_same || is_standard()) {
        AFTER_SETUP.get_or_init(Log::of_now);
    }
}

/// Writes `line` to standard error, or drops it if nobody takes it.
///
/// # Errors
///
/// The `errno` that kept the line from being written: `EAGAIN` if standard error takes nothing,
/// `EBADF` if the program has closed it.
pub(crate) fn write_line(line: &[u8]) -> Result<(), Errno> {
    write(line, true)
}

/// As [`write_line`], without the time that it has: `EAGAIN` if standard error does not take it at
/// once.
pub(crate) fn try_write_line(line: &[u8]) -> Result<(), Errno> {
    write(line, false)
}

fn write(line: &[u8], may_wait: bool) -> Result<(), Errno> {
    let stderr = std::io::stderr();
    let (fd, way) = log().ok_or(Errno::EBADF)?.target(&stderr)?;
    let refusals = if may_wait { REFUSALS } else { 0 };
    signal::quietly(|| match way {
        Way::Opened => write_all(fd, line, refusals, |rest| unistd::write(fd, rest)),
        Way::Socket => write_all(fd, line, refusals, |rest| {
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            send(fd.as_raw_fd(), rest, flags)
        }),
        Way::Plain => {
            wait_until_ready(fd, if may_wait { PATIENCE_MS } else { 0 })?;
            write_all(fd, line, refusals, |rest| unistd::write(fd, rest))
        }
    })
}

/// Writes a line with one call, unless a terminal takes only a part of it.
fn write_all(
    fd: BorrowedFd<'_>,
    line: &[u8],
    most_refusals: u32,
    write: impl Fn(&[u8]) -> Result<usize, Errno>,
) -> Result<(), Errno> {
    let mut rest = line;
    // A terminal may say that it is ready and then take nothing, again and again.
    let mut refusals = 0;
    while !rest.is_empty() {
        match write(rest) {
            Ok(0) => return Err(Errno::EIO),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN)
                if refusals < most_refusals || rest.len() < line.len() && refusals < REFUSALS =>
            {
                refusals += 1;
                wait_until_ready(fd, PATIENCE_MS)?;
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn wait_until_ready(fd: BorrowedFd<'_>, at_most_ms: u16) -> Result<(), Errno> {
    let mut ready = [PollFd::new(fd, PollFlags::POLLOUT)];
    // An error of `poll` itself says nothing about the descriptor: the write is tried.
    if poll(&mut ready, PollTimeout::from(at_most_ms)) == Ok(0) {
        return Err(Errno::EAGAIN);
    }
    Ok(())
}
