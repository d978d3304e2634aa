//! What `/proc` says about a process.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::patience::patience;

/// The living or unreaped children of a process, by their ids.
#[must_use]
pub fn children(parent: Pid) -> Vec<Pid> {
    // Not every kernel has `/proc/PID/task/TID/children`.
    let mut found: Vec<_> = parents()
        .into_iter()
        .filter(|&(_, of)| of == parent)
        .map(|(pid, _)| pid)
        .collect();
    found.sort();
    found
}

/// The children, their children, and so on.
#[must_use]
pub fn descendants(root: Pid) -> Vec<Pid> {
    let parents = parents();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(
            parents
                .iter()
                .filter(|&(_, &of)| of == parent)
                .map(|(&pid, _)| pid),
        );
        next += 1;
    }
    found.remove(0);
    found.sort();
    found
}

fn parents() -> HashMap<Pid, Pid> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    // A process that is gone by now is nobody's child.
    pids.filter_map(|pid| Some((Pid::from_raw(pid), stat(Pid::from_raw(pid))?.1)))
        .collect()
}

/// The processes of a group that run: zombies do not.
///
/// # Panics
///
/// If `/proc` is not mounted.
#[must_use]
pub fn group_members(group: Pid) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.map(Pid::from_raw)
        .filter(|&pid| nix::unistd::getpgid(Some(pid)) == Ok(group) && is_alive(pid))
        .collect()
}

/// The state letter and the parent of a process.
fn stat(pid: Pid) -> Option<(char, Pid)> {
    stat_at(&format!("/proc/{pid}/stat"))
}

fn stat_at(path: &str) -> Option<(char, Pid)> {
    let stat = fs::read_to_string(path).ok()?;
    // The name in brackets may itself hold brackets and blanks.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, Pid::from_raw(fields.next()?.parse().ok()?)))
}

/// Whether a process runs: a zombie does not.
#[must_use]
pub fn is_alive(pid: Pid) -> bool {
    kill(pid, None).is_ok() && stat(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// Whether a process has ended, and nobody has asked for its status yet.
#[must_use]
pub fn is_zombie(pid: Pid) -> bool {
    stat(pid).is_some_and(|(state, _)| state == 'Z')
}

/// Those of the descendants that are zombies.
#[must_use]
pub fn zombies(root: Pid) -> Vec<Pid> {
    let mut found = descendants(root);
    found.retain(|&pid| is_zombie(pid));
    found
}

/// Whether all threads of a process have come to a stop: they do so some time after the signal.
#[must_use]
pub fn is_stopped(pid: Pid) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    threads.flatten().all(|thread| {
        let state = stat_at(&format!("{}/stat", thread.path().display()));
        state.is_some_and(|(state, _)| matches!(state, 'T' | 't'))
    })
}

/// How many descriptors a process has open.
///
/// # Panics
///
/// If it is gone, or belongs to another user.
#[must_use]
pub fn descriptors(pid: Pid) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("its descriptors can be listed")
        .count()
}

/// How many threads a process has.
///
/// # Panics
///
/// If it is gone.
#[must_use]
pub fn threads(pid: Pid) -> usize {
    fs::read_dir(format!("/proc/{pid}/task"))
        .expect("its threads can be listed")
        .count()
}

/// What a process's mappings hold, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Resident pages, shared ones too.
    pub resident: u64,
    /// Pages that nobody else maps: `Private_Clean` and `Private_Dirty`.
    pub private: u64,
}

impl Memory {
    /// Reads `smaps_rollup`.
    ///
    /// # Panics
    ///
    /// If the process is gone, or the kernel has no such file.
    #[must_use]
    pub fn of(pid: Pid) -> Self {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
            .expect("the memory of the process can be read");
        let field = |name| number_after(&rollup, name);
        Self {
            resident: field("Rss:"),
            private: field("Private_Clean:") + field("Private_Dirty:"),
        }
    }
}

/// How often a process ran, and for how long: equal twice if it slept in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Context switches, given up and taken away, of the first thread.
    pub switches: u64,
    /// Time on a processor, of the first thread.
    pub cpu: Duration,
}

impl Activity {
    /// Reads `status` and `schedstat`.
    ///
    /// # Panics
    ///
    /// If the process is gone.
    #[must_use]
    pub fn of(pid: Pid) -> Self {
        let read = |name| fs::read_to_string(format!("/proc/{pid}/{name}")).expect("it still runs");
        let status = read("status");
        let schedstat = read("schedstat");
        let nanoseconds = schedstat
            .split_whitespace()
            .next()
            .and_then(|word| word.parse().ok());
        Self {
            // The first of the two names also ends the second.
            switches: number_after(&status, "\nvoluntary_ctxt_switches:")
                + number_after(&status, "\nnonvoluntary_ctxt_switches:"),
            cpu: Duration::from_nanos(nanoseconds.expect("schedstat begins with a time")),
        }
    }
}

fn number_after(text: &str, name: &str) -> u64 {
    let rest = text
        .split_once(name)
        .unwrap_or_else(|| panic!("no {name} in {text}"))
        .1;
    let word = rest.split_whitespace().next().unwrap_or_default();
    word.parse()
        .unwrap_or_else(|_| panic!("{name} is no number in {text}"))
}

/// Copies a program, to be started under another name.
///
/// Another process copies it. If this one had the copy open for writing, a program that another
/// thread forks at that moment would have it open too, and the copy could not be started
/// (`ETXTBSY`).
///
/// # Panics
///
/// If it cannot be copied.
pub fn copy_program(from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) {
    let status = Command::new("cp").arg(from).arg(to).status();
    assert!(status.expect("cp runs").success(), "it is copied");
}

/// Asks again and again until there is an answer.
///
/// For conditions that no line and no exit reports, such as "this process is gone"; everything
/// else is read from a pipe.
///
/// `limit` is for an idle machine: [`patience`](crate::patience) makes more of it.
///
/// # Panics
///
/// If there is none in time.
#[track_caller]
pub fn eventually<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let limit = patience(limit);
    let until = Instant::now() + limit;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(Instant::now() < until, "{what}: not within {limit:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The keeper of a pair: the child of its watch dog that carries the checkpoints.
#[must_use]
pub fn keeper(watchdog: Pid) -> Option<Pid> {
    let name = |pid: Pid| fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    let is_keeper = |pid: &Pid| is_alive(*pid) && name(*pid).as_deref() == Some("ppair-keeper\n");
    children(watchdog).into_iter().find(is_keeper)
}

/// Sends a signal of any number, also one of real time.
///
/// # Panics
///
/// If the process is gone.
pub fn send(pid: Pid, signal: i32) {
    // SAFETY: `kill` takes integers only.
    let sent = unsafe { nix::libc::kill(pid.as_raw(), signal) };
    assert_eq!(sent, 0, "{signal} for {pid}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_child_its_stop_and_its_end() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep runs");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("an id is positive"));
        assert!(children(nix::unistd::getpid()).contains(&pid));
        assert!(descendants(nix::unistd::getpid()).contains(&pid));
        assert!(is_alive(pid) && !is_stopped(pid));
        kill(pid, nix::sys::signal::Signal::SIGSTOP).expect("it can be stopped");
        eventually("a stop", Duration::from_secs(10), || {
            is_stopped(pid).then_some(())
        });
        assert!(is_alive(pid), "a stopped process is not dead");
        child.kill().expect("it can be killed");
        child.wait().expect("it can be waited for");
        assert!(!is_alive(pid));
        assert!(!children(nix::unistd::getpid()).contains(&pid));
    }

    #[test]
    fn a_zombie_is_not_alive() {
        let mut child = std::process::Command::new("true")
            .spawn()
            .expect("true runs");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("an id is positive"));
        eventually("a zombie", Duration::from_secs(10), || {
            (!is_alive(pid)).then_some(())
        });
        assert!(is_zombie(pid) && zombies(nix::unistd::getpid()).contains(&pid));
        child.wait().expect("it can be waited for");
        assert!(!is_zombie(pid));
    }

    #[test]
    fn reads_its_own_numbers() {
        let own = nix::unistd::getpid();
        assert!(descriptors(own) >= 3);
        assert!(threads(own) >= 1);
        assert!(Activity::of(own).switches > 0);
        let memory = Memory::of(own);
        assert!(memory.private > 0 && memory.resident >= memory.private);
    }
}
