//! One line, one `write`, and never a wait for a reader who has stopped reading.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd;

use super::{Errno, process};

/// How long a log line waits for a full pipe or a stopped terminal before it is dropped, in milliseconds. A supervisor that
/// hangs because nobody reads its log would be worse than a missing line.
const PATIENCE_MS: u16 = 50;

/// How often it is tried again within one line.
const REFUSALS: u32 = 4;

/// The way to standard error.
#[derive(Debug)]
enum Way {
    /// A pipe or a terminal, opened once more: not to wait is a property of what was opened, which other processes share.
    Opened(OwnedFd),
    /// A socket: not to wait is a flag of each call.
    Socket,
    /// A file, which never makes anybody wait; or a pipe or a terminal that cannot be opened again.
    Plain,
}

static WAY: OnceLock<Way> = OnceLock::new();

/// Whether standard error is the journal's, as it was when somebody asked first.
static IS_JOURNAL: OnceLock<bool> = OnceLock::new();

/// Whether lines go to journald, which takes a level in front of each: systemd then says in `JOURNAL_STREAM` which device and inode its stream has, so that
/// a program whose standard error was redirected since is not misled (systemd.exec(5)).
pub(crate) fn is_journal() -> bool {
    *IS_JOURNAL.get_or_init(|| {
        let Some(stream) = process::variable("JOURNAL_STREAM") else {
            return false;
        };
        let stderr = std::io::stderr();
        fstat(stderr.as_fd())
            .is_ok_and(|stat| *stream == *format!("{}:{}", stat.st_dev, stat.st_ino))
    })
}

/// Finds the way to standard error. Called once, before the first fork; lines before that take the plain way.
pub(crate) fn prepare() {
    is_journal();
    WAY.get_or_init(|| {
        let stderr = std::io::stderr();
        let Ok(stat) = fstat(stderr.as_fd()) else {
            return Way::Plain;
        };
        let kind = SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits());
        if kind == SFlag::S_IFSOCK {
            return Way::Socket;
        }
        if kind != SFlag::S_IFIFO && kind != SFlag::S_IFCHR {
            return Way::Plain;
        }
        let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        open("/proc/self/fd/2", flags, Mode::empty()).map_or(Way::Plain, Way::Opened)
    });
}

/// Writes `line` to standard error, or drops it if nobody takes it.
///
/// # Errors
///
/// The `errno` that kept the line from being written: `EAGAIN` if standard error takes nothing.
pub(crate) fn write_line(line: &[u8]) -> Result<(), Errno> {
    let stderr = std::io::stderr();
    match WAY.get().unwrap_or(&Way::Plain) {
        Way::Opened(fd) => write_all(fd.as_fd(), line, |rest| unistd::write(fd, rest)),
        Way::Socket => write_all(stderr.as_fd(), line, |rest| {
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            send(stderr.as_raw_fd(), rest, flags)
        }),
        Way::Plain => {
            wait_until_ready(stderr.as_fd())?;
            write_all(stderr.as_fd(), line, |rest| unistd::write(&stderr, rest))
        }
    }
}

/// Writes a line with one call, unless a terminal takes only a part of it.
fn write_all(
    fd: BorrowedFd<'_>,
    line: &[u8],
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
            Err(Errno::EAGAIN) if refusals < REFUSALS => {
                refusals += 1;
                wait_until_ready(fd)?;
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn wait_until_ready(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut ready = [PollFd::new(fd, PollFlags::POLLOUT)];
    // An error of `poll` itself says nothing about the descriptor: the write is tried.
    if poll(&mut ready, PollTimeout::from(PATIENCE_MS)) == Ok(0) {
        return Err(Errno::EAGAIN);
    }
    Ok(())
}
