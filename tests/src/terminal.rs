//! A terminal for a fixture: what is typed into it becomes signals, as for a user.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::pty::openpty;
use nix::unistd::{setsid, ttyname};

use crate::fixture::Fixture;

/// The user's side of a terminal.
#[derive(Debug)]
pub struct Terminal {
    user: File,
    program: OwnedFd,
}

impl Terminal {
    /// A new terminal.
    ///
    /// # Panics
    ///
    /// If the system has none to give.
    #[must_use]
    pub fn new() -> Self {
        let pair = openpty(None, None).expect("a terminal can be opened");
        for side in [&pair.master, &pair.slave] {
            // If the fixture had the user's side too, the terminal would never hang up.
            fcntl(side, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))
                .expect("an open descriptor has flags");
        }
        Self {
            user: File::from(pair.master),
            program: pair.slave,
        }
    }

    /// Lets `fixture` lead a session whose terminal this is. Its standard streams stay pipes.
    #[must_use]
    pub fn of(&self, fixture: Fixture) -> Fixture {
        let terminal = self.program.as_raw_fd();
        fixture.without_group().with(|command| {
            let become_leader = move || {
                setsid()?;
                // SAFETY: an `ioctl` with integers only, on a descriptor that the fork inherited.
                let result = unsafe { libc::ioctl(terminal, libc::TIOCSCTTY, 0) };
                if result == 0 {
                    Ok(())
                } else {
                    Err(std::io::Error::last_os_error())
                }
            };
            // SAFETY: the closure runs between fork and exec and makes two system calls, which is allowed there.
            unsafe { command.pre_exec(become_leader) };
        })
    }

    /// The name of the program's side.
    ///
    /// # Panics
    ///
    /// If it has none.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        ttyname(&self.program).expect("a terminal has a name")
    }

    /// Types one key.
    ///
    /// # Panics
    ///
    /// If the terminal is gone.
    pub fn press(&mut self, key: Key) {
        self.user
            .write_all(&[key as u8])
            .expect("the terminal takes a key");
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

/// A key that a terminal turns into a signal for the foreground process group.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub enum Key {
    /// Ctrl-C: `SIGINT`.
    Interrupt = 0x03,
    /// Ctrl-\: `SIGQUIT`.
    Quit = 0x1c,
    /// Ctrl-Z: `SIGTSTP`.
    Suspend = 0x1a,
}
