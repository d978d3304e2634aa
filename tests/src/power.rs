//! What a test may need and a machine may lack.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Something that not every machine grants: a tool, a privilege.
#[derive(Clone, Debug)]
pub struct Power {
    name: &'static str,
    held: bool,
}

impl Power {
    /// A power of your own: a name in small letters, and whether this machine has it.
    #[must_use]
    pub fn new(name: &'static str, held: bool) -> Self {
        Self { name, held }
    }

    /// `strace` that can trace: it is installed and ptrace is allowed.
    #[must_use]
    pub fn strace() -> Self {
        let mut probe = Command::new("strace");
        probe.args(["-f", "-e", "inject=getppid:error=EAGAIN", "true"]);
        probe
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self::new(
            "strace",
            probe.status().is_ok_and(|status| status.success()),
        )
    }

    /// PID namespaces: `unshare` is installed and may make one.
    #[must_use]
    pub fn namespaces() -> Self {
        let probe = crate::namespace::unshare()
            .arg("true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        Self::new("namespaces", probe.is_ok_and(|status| status.success()))
    }

    /// Networks of a test's own: `unshare` may make one, and `ip` (iproute2) is there to furnish
    /// it.
    #[must_use]
    pub fn networks() -> Self {
        let mut probe = Command::new("unshare");
        probe.args(["--net", "sh", "-c", "ip tuntap add mode tun name cable"]);
        let status = probe.stdout(Stdio::null()).stderr(Stdio::null()).status();
        Self::new("networks", status.is_ok_and(|status| status.success()))
    }

    /// Root: to become another user, to make cgroups.
    #[must_use]
    pub fn root() -> Self {
        Self::new("root", nix::unistd::geteuid().is_root())
    }

    /// A cgroup with a limit of processes may be made (version 2, mounted at the usual place).
    #[must_use]
    pub fn pids_cgroup() -> Self {
        let here = Path::new("/sys/fs/cgroup");
        let offered = std::fs::read_to_string(here.join("cgroup.subtree_control"))
            .is_ok_and(|list| list.split_whitespace().any(|name| name == "pids"));
        Self::new("pids_cgroup", offered && nix::unistd::geteuid().is_root())
    }

    /// The kernel sums up a process's memory in `/proc/PID/smaps_rollup`.
    #[must_use]
    pub fn smaps() -> Self {
        Self::new("smaps", std::fs::read("/proc/self/smaps_rollup").is_ok())
    }
}

/// Whether a test must be left out; then it says so, past libtest's capture.
///
/// # Panics
///
/// If `PPAIR_REQUIRE_<POWER>=1` says that this machine must have the power.
#[must_use]
pub fn lacks(test: &str, power: &Power) -> bool {
    let required = format!("PPAIR_REQUIRE_{}", power.name.to_uppercase());
    let is_required = std::env::var_os(required).is_some_and(|value| value == "1");
    let Some(line) = notice(test, power, is_required) else {
        return false;
    };
    // `eprintln!` would be captured, and a skip that nobody sees is a lie.
    let _ = writeln!(std::io::stderr(), "{line}");
    true
}

fn notice(test: &str, power: &Power, is_required: bool) -> Option<String> {
    if power.held {
        return None;
    }
    let line = format!("SKIPPED: {test}: needs {}", power.name);
    assert!(!is_required, "{line}, and it is required here");
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_that_is_held_is_not_lacking() {
        assert_eq!(
            notice("this test", &Power::new("nothing", true), true),
            None
        );
    }

    #[test]
    fn a_power_that_is_missing_skips_the_test() {
        let line = notice("this test", &Power::new("magic", false), false);
        assert_eq!(line.as_deref(), Some("SKIPPED: this test: needs magic"));
    }

    #[test]
    #[should_panic(expected = "SKIPPED: this test: needs magic, and it is required here")]
    fn a_power_that_is_required_fails_the_test() {
        let _ = notice("this test", &Power::new("magic", false), true);
    }
}
