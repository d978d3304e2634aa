//! One line, one `write`, and never a wait for a reader who has stopped reading.

use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd;

use super::Errno;

/// How long a log line waits for a full pipe or a stopped terminal before it is dropped, in milliseconds. A supervisor that
/// hangs because nobody reads its log would be worse than a missing line.
const PATIENCE_MS: u16 = 50;

/// Writes `line` to standard error with one `write`, or drops it.
///
/// # Errors
///
/// The `errno` that kept the line from being written: `EAGAIN` if standard error takes nothing.
pub(crate) fn write_line(line: &[u8]) -> Result<(), Errno> {
    let stderr = std::io::stderr();
    let fd: BorrowedFd<'_> = stderr.as_fd();
    let mut ready = [PollFd::new(fd, PollFlags::POLLOUT)];
    // An error of `poll` itself says nothing about the descriptor: the write is tried.
    if poll(&mut ready, PollTimeout::from(PATIENCE_MS)) == Ok(0) {
        return Err(Errno::EAGAIN);
    }
    loop {
        match unistd::write(fd, line) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
