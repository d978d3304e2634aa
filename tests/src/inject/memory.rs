//! What the arguments of a stopped process lead to.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use nix::unistd::Pid;

pub(super) fn memory(pid: Pid) -> Option<File> {
    File::open(format!("/proc/{pid}/mem")).ok()
}

/// A text in the memory of a process.
pub(super) fn text_at(pid: Pid, address: u64) -> Option<String> {
    let mut bytes = [0; 64];
    let read = memory(pid)?.read_at(&mut bytes, address).ok()?;
    let end = bytes[..read]
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(read);
    Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

/// What a descriptor of a process leads to.
pub(super) fn link(pid: Pid, number: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/fd/{number}")).ok()
}

/// A path or a link in a form that is the same in each run.
pub(super) fn without_numbers(path: &str) -> String {
    let path = path
        .strip_prefix('/')
        .filter(|path| path.starts_with("memfd:"))
        .unwrap_or(path);
    if let Some((kind, _)) = path.split_once(":[") {
        return kind.to_owned();
    }
    // Where it is, and what its files are called, is each machine's own.
    if path.starts_with("/sys/fs/cgroup/") {
        return "cgroup".to_owned();
    }
    let parts = path.split('/').map(|part| {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { "PID" } else { part }
    });
    parts
        .collect::<Vec<_>>()
        .join("/")
        .replace(" (deleted)", "")
}
