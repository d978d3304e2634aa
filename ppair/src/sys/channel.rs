//! The way to the keeper: a pair of connected sockets. The watch dog and the workers have one end and the keeper the other, so the keeper finds its end closed
//! when all of them are gone, however they went.

use core::time::Duration;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::cmsg_space;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, send, sendmsg};

use super::Errno;
use super::memory::{above_standard, set_inherited};
use super::tether::adopt_socket;

/// Both ends.
#[derive(Debug)]
pub(crate) struct Channel {
    pair: UnixStream,
    keeper: UnixStream,
}

/// What the keeper has heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Somebody wants it to look.
    Ring,
    /// Nothing in that time.
    Nothing,
    /// Nobody is left at the other end.
    Gone,
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EPIPE))
}

impl Channel {
    pub(crate) fn new() -> Result<Self, Errno> {
        let (pair, keeper) = UnixStream::pair().map_err(|error| errno(&error))?;
        Ok(Self {
            pair: above_standard(pair.into())?.into(),
            keeper: above_standard(keeper.into())?.into(),
        })
    }

    /// Has the keeper look. If so much is on its way that nothing more fits, it will.
    pub(crate) fn ring(&self) {
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        let _ = send(self.pair.as_raw_fd(), &[0], flags);
    }

    /// Nothing more comes from this end, from whatever process: the keeper hears that nobody is left.
    pub(crate) fn end(&self) {
        // There is nothing that could be wrong with it.
        let _ = self.pair.shutdown(Shutdown::Write);
    }

    /// In the keeper: lets go of the other end.
    pub(crate) fn hold_as_keeper(&self) -> Result<(), Errno> {
        // By number, and not by dropping the owner, which is borrowed by everything that came from the watch dog.
        // SAFETY: nothing of a keeper uses this end, and the owner is never dropped there: it is leaked.
        Errno::result(unsafe { libc::close(self.pair.as_raw_fd()) }).map(drop)
    }

    /// In the keeper: waits until somebody rings, at most for so long.
    pub(crate) fn hear(&self, at_most: Duration) -> Heard {
        let mut bytes = [0; 256];
        // Zero would be for ever.
        let timeout = at_most.max(Duration::from_micros(1));
        if self.keeper.set_read_timeout(Some(timeout)).is_err() {
            std::thread::sleep(timeout);
        }
        match (&self.keeper).read(&mut bytes) {
            Ok(0) => Heard::Gone,
            Ok(_) => Heard::Ring,
            Err(error) if error.kind() == ErrorKind::Interrupted => Heard::Ring,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Heard::Nothing
            }
            Err(_) => Heard::Gone,
        }
    }

    /// In the keeper: whether nobody is left at the other end, whatever they have sent before.
    pub(crate) fn is_gone(&self) -> bool {
        let mut ready = [PollFd::new(self.keeper.as_fd(), PollFlags::empty())];
        matches!(poll(&mut ready, PollTimeout::ZERO), Ok(1..))
    }

    /// From the keeper to the watch dog.
    pub(crate) fn report(&self, bytes: &[u8]) -> Result<(), Errno> {
        let length = (bytes.len() as u64).to_le_bytes();
        let mut end = &self.keeper;
        end.write_all(&length)
            .and_then(|()| end.write_all(bytes))
            .map_err(|error| errno(&error))
    }

    /// In the watch dog: what the keeper has reported, all of it; or what it had said before it was gone.
    ///
    /// # Errors
    ///
    /// `EPIPE` if there is no keeper at the other end any more: `is_gone` says so.
    pub(crate) fn wait_for_report(
        &self,
        is_gone: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<u8>, Errno> {
        let mut length = [0; 8];
        self.read_all(&mut length, is_gone)?;
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(|_| Errno::EFBIG)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| Errno::ENOMEM)?;
        bytes.resize(length, 0);
        self.read_all(&mut bytes, is_gone)?;
        Ok(bytes)
    }

    /// This process has the other end as well, so there is no end of the stream: it is asked for now and then.
    fn read_all(
        &self,
        mut bytes: &mut [u8],
        is_gone: &mut dyn FnMut() -> bool,
    ) -> Result<(), Errno> {
        const LOOK_AFTER: Duration = Duration::from_millis(20);
        self.pair
            .set_read_timeout(Some(LOOK_AFTER))
            .map_err(|error| errno(&error))?;
        let mut was_gone = false;
        while !bytes.is_empty() {
            match (&self.pair).read(bytes) {
                Ok(0) => return Err(Errno::EPIPE),
                Ok(read) => bytes = &mut bytes[read..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    // What it had sent by then was there before it was gone.
                    if was_gone {
                        return Err(Errno::EPIPE);
                    }
                    was_gone = is_gone();
                }
                Err(error) => return Err(errno(&error)),
            }
        }
        Ok(())
    }

    /// In the watch dog: hands a descriptor to the keeper.
    pub(crate) fn hand_over(&self, fd: &OwnedFd) -> Result<(), Errno> {
        let fds = [fd.as_raw_fd()];
        let message = [ControlMessage::ScmRights(&fds)];
        let flags = MsgFlags::MSG_NOSIGNAL;
        let bytes = [IoSlice::new(&[0])];
        sendmsg::<()>(self.pair.as_raw_fd(), &bytes, &message, flags, None).map(drop)
    }

    /// In the keeper: waits for it. `None` if the watch dog is gone.
    pub(crate) fn take_over(&self) -> Result<Option<OwnedFd>, Errno> {
        self.keeper
            .set_read_timeout(None)
            .map_err(|error| errno(&error))?;
        loop {
            let mut space = cmsg_space!(RawFd);
            let mut byte = [0];
            let mut bytes = [IoSliceMut::new(&mut byte)];
            let flags = MsgFlags::MSG_CMSG_CLOEXEC;
            let taken = recvmsg::<()>(self.keeper.as_raw_fd(), &mut bytes, Some(&mut space), flags);
            let message = match taken {
                Ok(message) => message,
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno),
            };
            for control in message.cmsgs()? {
                if let ControlMessageOwned::ScmRights(fds) = control {
                    if let [fd] = fds[..] {
                        // SAFETY: the kernel has just made this descriptor, and nobody else knows of it.
                        return Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) }));
                    }
                }
            }
            if message.bytes == 0 {
                return Ok(None);
            }
        }
    }

    /// The numbers of both ends, for the next image of this process.
    pub(crate) fn numbers(&self) -> [RawFd; 2] {
        [self.pair.as_raw_fd(), self.keeper.as_raw_fd()]
    }

    /// Whether they stay open across `exec`.
    pub(crate) fn set_inherited(&self, inherited: bool) -> Result<(), Errno> {
        for end in [&self.pair, &self.keeper] {
            // The same descriptor under an owner of the type that is asked for; it is closed with that one.
            set_inherited(end.as_fd(), inherited)?;
        }
        Ok(())
    }

    /// Takes over one that an earlier image of this process made.
    ///
    /// # Errors
    ///
    /// If the numbers are not those of two sockets.
    pub(crate) fn adopt(numbers: [RawFd; 2]) -> Result<Self, Errno> {
        let [pair, keeper] = numbers;
        if pair <= 2 || keeper <= 2 || pair == keeper {
            return Err(Errno::EBADF);
        }
        Ok(Self {
            pair: adopt_socket(pair)?.into(),
            keeper: adopt_socket(keeper)?.into(),
        })
    }
}
