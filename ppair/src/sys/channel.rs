//! The way to the keeper: a pair of connected sockets. The watch dog and the workers have one end and the keeper the other, so the keeper finds its end closed
//! when all of them are gone, however they went.

use core::time::Duration;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, Shutdown, SockFlag, SockType,
    recv, recvmsg, send, sendmsg, setsockopt, shutdown, socketpair,
};
use nix::sys::time::TimeVal;

use super::Errno;
use super::owned::Owned;
use super::tether::adopt_socket;

/// Both ends.
#[derive(Debug)]
pub(crate) struct Channel {
    pair: Owned,
    keeper: Owned,
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

/// Has reads of `fd` wait for so long at the most; zero is for ever.
fn set_read_timeout(fd: BorrowedFd<'_>, timeout: Duration) -> Result<(), Errno> {
    let seconds = timeout.as_secs().try_into().unwrap_or(i64::MAX);
    let timeout = TimeVal::new(seconds, timeout.subsec_micros().into());
    setsockopt(&fd, ReceiveTimeout, &timeout)
}

impl Channel {
    pub(crate) fn new() -> Result<Self, Errno> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (pair, keeper) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
        Ok(Self {
            pair: Owned::new(pair)?,
            keeper: Owned::new(keeper)?,
        })
    }

    /// Returns true if the program has closed neither end.
    pub(crate) fn is_there(&self) -> bool {
        self.pair.is_there() && self.keeper.is_there()
    }

    /// Has the keeper look. If so much is on its way that nothing more fits, it will.
    ///
    /// # Errors
    ///
    /// `EBADF` if the program has closed this end, `EPIPE` if there is no keeper.
    pub(crate) fn ring(&self) -> Result<(), Errno> {
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        match send(self.pair.get()?.as_raw_fd(), &[0], flags) {
            Ok(_) | Err(Errno::EAGAIN) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Nothing more comes from this end, from whatever process: the keeper hears that nobody is left.
    pub(crate) fn end(&self) {
        if let Ok(pair) = self.pair.get() {
            // There is nothing that could be wrong with it.
            let _ = shutdown(pair.as_raw_fd(), Shutdown::Write);
        }
    }

    /// In the keeper: lets go of the other end.
    pub(crate) fn hold_as_keeper(&self) -> Result<(), Errno> {
        self.pair.close_in_child()
    }

    /// In the keeper: waits until somebody rings, at most for so long.
    pub(crate) fn hear(&self, at_most: Duration) -> Heard {
        let mut bytes = [0; 256];
        // Zero would be for ever.
        let timeout = at_most.max(Duration::from_micros(1));
        // A store that closes descriptors which it does not know ends its keeper, and the next one
        // is whole.
        let Ok(keeper) = self.keeper.get() else {
            return Heard::Gone;
        };
        if set_read_timeout(keeper, timeout).is_err() {
            std::thread::sleep(timeout);
        }
        match recv(keeper.as_raw_fd(), &mut bytes, MsgFlags::empty()) {
            Ok(0) => Heard::Gone,
            Ok(_) | Err(Errno::EINTR) => Heard::Ring,
            Err(Errno::EAGAIN) => Heard::Nothing,
            Err(_) => Heard::Gone,
        }
    }

    /// In the keeper: whether nobody is left at the other end, whatever they have sent before.
    pub(crate) fn is_gone(&self) -> bool {
        let Ok(keeper) = self.keeper.get() else {
            return true;
        };
        let mut ready = [PollFd::new(keeper, PollFlags::empty())];
        matches!(poll(&mut ready, PollTimeout::ZERO), Ok(1..))
    }

    /// From the keeper to the watch dog.
    pub(crate) fn report(&self, bytes: &[u8]) -> Result<(), Errno> {
        let length = (bytes.len() as u64).to_le_bytes();
        for mut part in [&length[..], bytes] {
            while !part.is_empty() {
                match send(self.keeper.get()?.as_raw_fd(), part, MsgFlags::MSG_NOSIGNAL) {
                    Ok(0) => return Err(Errno::EPIPE),
                    Ok(sent) => part = part.get(sent..).unwrap_or_default(),
                    Err(Errno::EINTR) => {}
                    Err(errno) => return Err(errno),
                }
            }
        }
        Ok(())
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
        set_read_timeout(self.pair.get()?, LOOK_AFTER)?;
        let mut was_gone = false;
        while !bytes.is_empty() {
            match recv(self.pair.get()?.as_raw_fd(), bytes, MsgFlags::empty()) {
                Ok(0) => return Err(Errno::EPIPE),
                Ok(read) => bytes = &mut bytes[read..],
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    // What it had sent by then was there before it was gone.
                    if was_gone {
                        return Err(Errno::EPIPE);
                    }
                    was_gone = is_gone();
                }
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// In the watch dog: hands a descriptor to the keeper.
    pub(crate) fn hand_over(&self, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        let fds = [fd.as_raw_fd()];
        let message = [ControlMessage::ScmRights(&fds)];
        let flags = MsgFlags::MSG_NOSIGNAL;
        let bytes = [IoSlice::new(&[0])];
        sendmsg::<()>(self.pair.get()?.as_raw_fd(), &bytes, &message, flags, None).map(drop)
    }

    /// In the keeper: waits for it. `None` if the watch dog is gone.
    pub(crate) fn take_over(&self) -> Result<Option<OwnedFd>, Errno> {
        set_read_timeout(self.keeper.get()?, Duration::ZERO)?;
        loop {
            let mut space = cmsg_space!(RawFd);
            let mut byte = [0];
            let mut bytes = [IoSliceMut::new(&mut byte)];
            let flags = MsgFlags::MSG_CMSG_CLOEXEC;
            let taken = recvmsg::<()>(
                self.keeper.get()?.as_raw_fd(),
                &mut bytes,
                Some(&mut space),
                flags,
            );
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
        [self.pair.number(), self.keeper.number()]
    }

    /// Whether they stay open across `exec`.
    pub(crate) fn set_inherited(&self, inherited: bool) -> Result<(), Errno> {
        self.pair.set_inherited(inherited)?;
        self.keeper.set_inherited(inherited)
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
            pair: adopt_socket(pair)?,
            keeper: adopt_socket(keeper)?,
        })
    }
}
