//! Two machines with a cable between them, which can be cut: two network namespaces, each with a
//! tunnel device, and threads that carry the packets over.

use std::ffi::c_char;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::libc;
use nix::sched::{CloneFlags, setns};

use crate::fixture::Fixture;
use crate::running::Running;

/// Larger than any packet.
const PACKET: usize = 1 << 16;

/// A machine that has nothing but a cable to this one.
pub struct Machine {
    holder: Running,
    is_cut: Arc<AtomicBool>,
}

impl Machine {
    /// Makes one at the address `there`, and gives this machine the address `here`. This process
    /// must have a network of its own.
    ///
    /// # Panics
    ///
    /// If that is not possible.
    #[must_use]
    pub fn new(here: &str, there: &str) -> Self {
        let mut holder = Fixture::new("unshare")
            .args(["--net", "sh", "-c", "echo there; exec sleep 600"])
            .deadline(Duration::from_secs(600))
            .spawn();
        holder.stdout_line();
        let is_cut = Arc::new(AtomicBool::new(false));
        let machine = Self { holder, is_cut };
        let network = format!("/proc/{}/ns/net", machine.holder.pid());
        let ours = tunnel().expect("a tunnel device");
        let theirs = thread::spawn(move || {
            let network = File::open(network).expect("the machine is there");
            // Of this thread alone.
            setns(network, CloneFlags::CLONE_NEWNET).expect("root may enter it");
            tunnel().expect("a tunnel device")
        });
        let theirs = theirs.join().expect("no panic");
        for own in [
            vec!["link", "set", "lo", "up"],
            vec!["address", "add", here, "peer", there, "dev", "cable"],
            vec!["link", "set", "cable", "up"],
        ] {
            run(Command::new("ip").args(own));
        }
        for other in [
            vec!["address", "add", there, "peer", here, "dev", "cable"],
            vec!["link", "set", "cable", "up"],
        ] {
            let mut command = Command::new("nsenter");
            run(command.args(machine.enter()).arg("ip").args(other));
        }
        machine.carry(&ours, &theirs);
        machine.carry(&theirs, &ours);
        machine
    }

    /// What `nsenter` takes to run a program there.
    #[must_use]
    pub fn enter(&self) -> [String; 2] {
        let target = format!("--target={}", self.holder.pid());
        [target, "--net".to_owned()]
    }

    /// From here on nothing arrives on either side, and neither is told.
    pub fn cut_off(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }

    fn carry(&self, from: &File, to: &File) {
        let mut from = from.try_clone().expect("a descriptor");
        let mut to = to.try_clone().expect("a descriptor");
        let is_cut = Arc::clone(&self.is_cut);
        thread::spawn(move || {
            let mut packet = vec![0; PACKET];
            // As long as the test.
            while let Ok(length) = from.read(&mut packet) {
                if !is_cut.load(Ordering::Relaxed) {
                    // What does not fit is lost, as on any cable.
                    let _ = to.write(&packet[..length]);
                }
            }
        });
    }
}

fn run(command: &mut Command) {
    let status = command.status().expect("iproute2 is installed");
    assert!(status.success(), "{command:?}");
}

/// A tunnel device `cable` in the network of this thread.
fn tunnel() -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")?;
    let mut name: [c_char; libc::IFNAMSIZ] = [0; libc::IFNAMSIZ];
    for (to, from) in name.iter_mut().zip(b"cable") {
        *to = c_char::from_ne_bytes([*from]);
    }
    let flags = libc::c_short::try_from(libc::IFF_TUN | libc::IFF_NO_PI).expect("two low bits");
    let request = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags },
    };
    // SAFETY: the request reads one `ifreq`, which ends with a zero.
    let made = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw const request) };
    if made == 0 {
        Ok(file)
    } else {
        Err(io::Error::last_os_error())
    }
}
