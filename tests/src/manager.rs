//! A service manager, as a program that is started with `Type=notify` sees it.

use std::io::IoSliceMut;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::socket::sockopt::PassCred;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixAddr, recvmsg, setsockopt};

use crate::fixture::Fixture;

/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A service manager's socket.
#[derive(Debug)]
pub struct Manager {
    socket: UnixDatagram,
    name: String,
}

impl Manager {
    /// One that nobody else knows.
    ///
    /// # Panics
    ///
    /// If the system has no socket to give.
    #[must_use]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ppair-tests-manager-{}-{number}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        let socket = UnixDatagram::bind_addr(&address).expect("a socket");
        setsockopt(&socket, PassCred, &true).expect("credentials can be asked for");
        let patience = Some(PATIENCE);
        socket.set_read_timeout(patience).expect("a time-out");
        Self { socket, name }
    }

    /// Lets `fixture` know of it.
    #[must_use]
    pub fn of(&self, fixture: Fixture) -> Fixture {
        fixture.env("NOTIFY_SOCKET", format!("@{}", self.name))
    }

    /// The next message, and the process that sent it.
    ///
    /// # Panics
    ///
    /// If none comes in time.
    #[must_use]
    pub fn next(&self) -> (String, i32) {
        let mut bytes = [0; 1024];
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let mut control = nix::cmsg_space!(nix::libc::ucred);
        let socket = self.socket.as_raw_fd();
        let message =
            recvmsg::<UnixAddr>(socket, &mut parts, Some(&mut control), MsgFlags::empty());
        let message = message.expect("a message comes in time");
        let mut controls = message.cmsgs().expect("the control messages are whole");
        let sender = controls.find_map(|message| match message {
            ControlMessageOwned::ScmCredentials(credentials) => Some(credentials.pid()),
            _ => None,
        });
        let length = message.bytes;
        let text = String::from_utf8(bytes[..length].to_vec()).expect("text");
        (text, sender.expect("the kernel says who sent it"))
    }

    /// Returns true if no message has come that was not taken yet.
    ///
    /// # Panics
    ///
    /// If the system does not tell.
    #[must_use]
    pub fn has_heard_nothing(&self) -> bool {
        let wait = |wait: bool| self.socket.set_nonblocking(!wait).expect("a socket");
        wait(false);
        let received = self.socket.recv(&mut [0; 1]);
        wait(true);
        matches!(received, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// The next message that begins so; those before it are skipped.
    #[must_use]
    pub fn next_of(&self, start: &str) -> (String, i32) {
        loop {
            let next = self.next();
            if next.0.starts_with(start) {
                return next;
            }
        }
    }
}

impl Default for Manager {
    fn default() -> Self {
        Self::new()
    }
}
