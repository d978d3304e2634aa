//! The children of this process, read off `/proc` into memory on the stack: nothing is allocated.

use core::ffi::CStr;
use std::io::Write as _;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd;

use super::signal::Set;
use super::{Errno, process};

/// Bytes of a record of `getdents64(2)` in front of the name: inode, offset, length, type.
const NAME_AT: usize = 19;
/// Where the record's length stands.
const LENGTH_AT: usize = 16;

/// A buffer that is aligned as the records of `getdents64(2)` are.
#[repr(C, align(8))]
struct Records([u8; 2048]);

/// Calls `each` with the id of every child of this process, as `/proc` lists them. Children that come or go meanwhile may be missing, or
/// be there.
///
/// # Errors
///
/// Of opening and reading `/proc`. Then some may be missing.
pub(crate) fn for_each(mut each: impl FnMut(i32)) -> Result<(), Errno> {
    let parent = process::pid();
    let proc = open_to_read(c"/proc", OFlag::O_DIRECTORY)?;
    let mut records = Records([0; 2048]);
    let mut failed = None;
    loop {
        // SAFETY: the buffer is writable, and as long as said.
        let read = unsafe {
            libc::syscall(
                libc::SYS_getdents64,
                proc.as_raw_fd(),
                records.0.as_mut_ptr(),
                records.0.len(),
            )
        };
        let read = usize::try_from(Errno::result(read)?).unwrap_or(0);
        if read == 0 {
            return failed.map_or(Ok(()), Err);
        }
        let mut rest = records.0.get(..read).unwrap_or_default();
        while let Some((record, next)) = first_record(rest) {
            rest = next;
            if let Some(pid) = number(record.get(NAME_AT..).unwrap_or_default()) {
                match parent_of(pid) {
                    Ok(of) if of == Some(parent) => each(pid),
                    // It is gone; or it is somebody else's, and `/proc` is mounted so that nobody may look at those (`hidepid`).
                    Ok(_) | Err(Errno::ENOENT | Errno::ESRCH | Errno::EACCES | Errno::EPERM) => {}
                    Err(errno) => failed = Some(errno),
                }
            }
        }
    }
}

/// Whether all children of this process are among `known`, which takes one look; `None` if the kernel has no such list, or it is too long.
/// (It is built without `CONFIG_PROC_CHILDREN`, or children come and go just now, of whom one may be missing.)
pub(crate) fn are_all_known(known: &[i32]) -> Option<bool> {
    let list = open_to_read(c"/proc/thread-self/children", OFlag::empty()).ok()?;
    let mut text = [0; 1024];
    let read = unistd::read(&list, &mut text).ok()?;
    let text = core::str::from_utf8(text.get(..read).filter(|text| text.len() < 1024)?).ok()?;
    let mut children = text.split_ascii_whitespace().map(str::parse);
    Some(children.all(|pid| pid.is_ok_and(|pid| known.contains(&pid))))
}

/// The first record of a buffer, and those behind it.
fn first_record(records: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = records.get(LENGTH_AT..LENGTH_AT + 2)?;
    let length = u16::from_ne_bytes([length[0], length[1]]);
    records.split_at_checked(usize::from(length).max(1))
}

/// The number that a name is, which ends with a zero byte.
fn number(name: &[u8]) -> Option<i32> {
    let name = CStr::from_bytes_until_nul(name).ok()?.to_str().ok()?;
    name.parse().ok().filter(|&number| number > 0)
}

/// The parent of a process.
fn parent_of(pid: i32) -> Result<Option<i32>, Errno> {
    with_file(pid, "stat", |stat| field(stat, 1)?.parse().ok())
}

/// Whether a process is a child of this one, also one that has ended and is not reaped. No if `/proc` does not tell.
pub(crate) fn has(pid: i32) -> bool {
    parent_of(pid) == Ok(Some(process::pid()))
}

/// Whether there is no process of this id that runs: there is none, or it has ended and is not reaped yet. No if `/proc` does not tell.
pub(crate) fn is_gone(pid: i32) -> bool {
    match with_file(pid, "stat", |stat| {
        Some(matches!(field(stat, 0)?, "Z" | "X"))
    }) {
        Ok(has_ended) => has_ended == Some(true),
        Err(errno) => matches!(errno, Errno::ENOENT | Errno::ESRCH) && knows_us(),
    }
}

/// Whether a process stands still, or may: somebody has stopped it, or a debugger holds it. No if `/proc` does not tell.
pub(crate) fn stands_still(pid: i32) -> bool {
    with_file(pid, "status", |status| Some(is_standing(status))) == Ok(Some(true))
}

/// `proc_pid_status(5)`: the state, and who traces it.
fn is_standing(status: &[u8]) -> bool {
    let text = status
        .utf8_chunks()
        .next()
        .map_or("", |chunk| chunk.valid());
    let value = |name| {
        let mut lines = text.lines();
        lines
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    let is_stopped = value("State:").is_some_and(|state| state.starts_with(['T', 't']));
    is_stopped || value("TracerPid:").is_some_and(|tracer| tracer != "0")
}

/// Whether `/proc` is that of this process's own namespace of processes: the ids in another one are other processes'.
pub(crate) fn knows_us() -> bool {
    let link = std::fs::read_link("/proc/self");
    link.is_ok_and(|link| link.as_os_str() == process::pid().to_string().as_str())
}

/// Returns the signals that wait for this process's parent, whose id that is; `None` if `/proc`
/// does not tell, or is that of another namespace of processes.
pub(crate) fn pending_of_parent(parent: i32) -> Option<Set> {
    // The line stands behind the list of groups, which is as long as anybody likes.
    let pending = |status: &[u8]| find_pending(status);
    let is_known = parent_of(process::pid()) == Ok(Some(parent));
    let found = is_known.then(|| with_file_of::<4096, _>(parent, "status", pending));
    found?.ok().flatten()
}

/// `proc_pid_status(5)`: the signals that are pending for the process, and not for one of its
/// threads.
fn find_pending(status: &[u8]) -> Option<Set> {
    const NAME: &[u8] = b"\nShdPnd:\t";
    let at = status.windows(NAME.len()).position(|text| text == NAME)? + NAME.len();
    let digits = core::str::from_utf8(status.get(at..at + 16)?).ok()?;
    u64::from_str_radix(digits, 16).ok().map(Set)
}

/// Lets `look` see the beginning of `/proc/PID/name`.
fn with_file<R>(
    pid: i32,
    name: &str,
    look: impl FnOnce(&[u8]) -> Option<R>,
) -> Result<Option<R>, Errno> {
    // The name in it has at most 64 bytes, and what is wanted follows soon.
    with_file_of::<512, R>(pid, name, look)
}

fn with_file_of<const BYTES: usize, R>(
    pid: i32,
    name: &str,
    look: impl FnOnce(&[u8]) -> Option<R>,
) -> Result<Option<R>, Errno> {
    let mut path = [0; 32];
    // A number has ten digits at the most, so there is room.
    let _ = write!(&mut path[..], "/proc/{pid}/{name}\0");
    let path = CStr::from_bytes_until_nul(&path).map_err(|_| Errno::EINVAL)?;
    let file = open_to_read(path, OFlag::empty())?;
    let mut text = [0; BYTES];
    let read = unistd::read(&file, &mut text)?;
    Ok(look(text.get(..read).unwrap_or_default()))
}

/// A field of `/proc/PID/stat` behind the name (`proc_pid_stat(5)`): 0 is the state, 1 the parent. The name is in brackets, and there may be anything in it.
fn field(stat: &[u8], number: usize) -> Option<&str> {
    let behind_name = stat.iter().rposition(|&byte| byte == b')')? + 1;
    // The end may be cut in the middle of anything, and is not wanted.
    let fields = stat.get(behind_name..)?.utf8_chunks().next()?.valid();
    fields.split_ascii_whitespace().nth(number)
}

fn open_to_read(path: &CStr, flags: OFlag) -> Result<OwnedFd, Errno> {
    open(
        path,
        OFlag::O_RDONLY | OFlag::O_CLOEXEC | flags,
        Mode::empty(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_parent_stand_behind_a_name_with_anything_in_it() {
        for (stat, state, parent) in [
            (&b"4711 (a) b) R 42 (c 1"[..], Some("R"), Some("42")),
            (b"4711 (sleep) t 1 4711 4711 0", Some("t"), Some("1")),
            (b"4711 (x) S", Some("S"), None),
            (b"4711 (x)", None, None),
            (b"4711", None, None),
            (b"", None, None),
            (b"\xff) S 7 \xff", Some("S"), Some("7")),
        ] {
            assert_eq!((field(stat, 0), field(stat, 1)), (state, parent));
        }
    }

    #[test]
    fn a_process_that_is_stopped_or_traced_stands_still() {
        let status = |state, tracer| {
            format!(
                "Name:\tx\nUmask:\t0022\nState:\t{state}\nPPid:\t1\nTracerPid:\t{tracer}\nUid:\t0\n"
            )
        };
        for (state, tracer, expected) in [
            ("S (sleeping)", 0, false),
            ("T (stopped)", 0, true),
            ("t (tracing stop)", 9, true),
            ("R (running)", 9, true),
        ] {
            assert_eq!(
                is_standing(status(state, tracer).as_bytes()),
                expected,
                "{state}"
            );
        }
        assert!(!is_standing(b"") && !is_standing(b"State:\xff"));
        assert!(!stands_still(process::pid()) && knows_us());
    }

    #[test]
    fn what_is_pending_stands_in_a_line_of_its_own() {
        let status = b"Name:\tx\nShdPnd:\tx\nSigPnd:\t0000000000000001\nShdPnd:\t0000000000000002\nSigBlk:\t";
        assert_eq!(find_pending(&status[18..]), Some(Set(2)));
        assert_eq!(find_pending(status), None);
        for length in 0..status.len() - 10 {
            assert_eq!(
                find_pending(&status[18..][..length.saturating_sub(18)]),
                None
            );
        }
        assert_eq!(pending_of_parent(1), None);
        assert!(pending_of_parent(process::parent()).is_some());
    }

    #[test]
    fn a_child_is_found_and_nobody_elses() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let id = i32::try_from(child.id()).unwrap();
        let mut found = Vec::new();
        for_each(|pid| found.push(pid)).unwrap();
        assert!(found.contains(&id) && !found.contains(&process::pid()) && !found.contains(&1));
        // The list is that of the thread's children, of which others of these tests have some too.
        assert_ne!(are_all_known(&[]), Some(true));
        assert_ne!(are_all_known(&found), Some(false));
        child.kill().unwrap();
        child.wait().unwrap();
        found.clear();
        for_each(|pid| found.push(pid)).unwrap();
        assert!(!found.contains(&id));
    }

    #[test]
    fn records_of_any_length_end_the_buffer() {
        assert!(first_record(&[]).is_none() && first_record(&[0; 18]).is_some());
        let mut long = [0; 32];
        long[LENGTH_AT] = 200;
        assert!(first_record(&long).is_none());
    }
}
