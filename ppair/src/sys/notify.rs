//! The socket of a service manager: `sd_notify(3)`, the protocol behind `Type=notify`. One datagram a message.
//!
//! Crates that speak it allocate for each message; the watch dog must not.

use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, sendto, socket};

use super::Errno;
use super::owned::Owned;

/// The way to the service manager.
#[derive(Debug)]
pub(crate) struct Notify {
    socket: Owned,
    address: UnixAddr,
}

impl Notify {
    /// The manager that listens at `address`: a path, or `@` and an abstract name.
    ///
    /// # Errors
    ///
    /// `EAFNOSUPPORT` if it is neither, or that of making a socket.
    pub(crate) fn new(address: &std::ffi::OsStr) -> Result<Self, Errno> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => UnixAddr::new_abstract(name)?,
            path @ [b'/', ..] => UnixAddr::new(path)?,
            _ => return Err(Errno::EAFNOSUPPORT),
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
        Ok(Self {
            socket: Owned::new(socket)?,
            address,
        })
    }

    /// Sends lines such as `READY=1`. Never waits.
    pub(crate) fn send(&self, lines: &[u8]) -> Result<(), Errno> {
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        loop {
            match sendto(self.socket.get()?.as_raw_fd(), lines, &self.address, flags) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    use super::*;

    #[test]
    fn a_message_arrives_under_a_path_and_under_an_abstract_name() {
        let folder = std::env::temp_dir().join(format!("ppair-notify-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("socket");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("ppair-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&address).unwrap();
        for (listener, address) in [
            (by_path, path.clone().into_os_string()),
            (by_name, format!("@{name}").into()),
        ] {
            Notify::new(&address).unwrap().send(b"READY=1\n").unwrap();
            let mut bytes = [0; 64];
            let length = listener.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..length], b"READY=1\n");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn anything_else_is_no_address() {
        for address in ["", "vsock:2:1", "relative"] {
            assert_eq!(
                Notify::new(address.as_ref()).unwrap_err(),
                Errno::EAFNOSUPPORT
            );
        }
    }
}
