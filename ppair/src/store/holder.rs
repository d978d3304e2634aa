//! Who has the lock of a file: the processes that have it locked, as `/proc` shows them.
//!
//! The process that took a lock may be dead while another one, which inherited the descriptor,
//! holds it. `/proc/locks` names the dead one, so the descriptors of all processes are looked at
//! instead.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::shown::shown;

/// Part of the name of a holder whose lock is about to be free: only its keeper is left of the
/// pair.
pub(crate) const LEFT: &str = "a pair whose watch dog is dead";

/// A process that signs for a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signer {
    /// The process id of the pair's watch dog.
    pub(crate) process: i32,
    pub(crate) program: String,
}

impl Signer {
    /// This program, with this watch dog.
    pub(crate) fn of(process: i32) -> Self {
        let program = std::env::current_exe().ok();
        let program = program.as_deref().and_then(Path::file_name);
        let program = program.map_or_else(String::new, |name| shown(name).to_string());
        Self {
            process,
            program: program.replace(char::is_control, "?"),
        }
    }

    /// It, as a holder is called.
    pub(crate) fn shown(&self) -> String {
        format!("process {} ({})", self.process, self.program)
    }
}

/// A process that has a descriptor through which a file is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holder {
    process: i32,
    parent: i32,
    name: String,
    is_stopped: bool,
}

/// How long a name is believed. A lock is tried again more often than all processes can be looked
/// at.
const FRESH: Duration = Duration::from_secs(1);

/// Names the holder of one file, which is asked for again and again.
#[derive(Debug, Default)]
pub(crate) struct Naming(Option<(Instant, String)>);

impl Naming {
    /// Says who holds the lock of the file at `path`, of which `signer` is what the file says
    /// itself.
    pub(crate) fn name(&mut self, path: &Path, signer: Option<&Signer>) -> String {
        match &self.0 {
            Some((since, name)) if since.elapsed() < FRESH => name.clone(),
            _ => {
                let name = describe(signer, &find(path), is_there);
                self.0 = Some((Instant::now(), name.clone()));
                name
            }
        }
    }
}

fn describe(signer: Option<&Signer>, holders: &[Holder], is_there: impl Fn(i32) -> bool) -> String {
    let Some(signer) = signer else {
        return match holders.first() {
            Some(holder) => format!("process {} ({})", holder.process, holder.name),
            None => UNKNOWN.to_owned(),
        };
    };
    let is_its = |holder: &Holder| [holder.process, holder.parent].contains(&signer.process);
    if holders.iter().any(is_its) || holders.is_empty() && is_there(signer.process) {
        return signer.shown();
    }
    let keeper = holders.iter().find(|holder| holder.name == KEEPER);
    let Some(holder) = keeper.or(holders.first()) else {
        return format!(
            "a process that cannot be seen from here; the watch dog, process {} ({}), is dead",
            signer.process, signer.program
        );
    };
    let Holder { process, name, .. } = holder;
    let program = &signer.program;
    if keeper.is_none() {
        return format!("process {process} ({name}), which is left of {LEFT} ({program}): kill it");
    }
    let what = if holder.is_stopped {
        "it is stopped: continue it or kill it"
    } else {
        "it ends by itself as soon as what was committed last is stored; kill it if it does not"
    };
    format!("process {process}, the keeper of {LEFT} ({program}): {what}")
}

/// A holder of which nothing is known.
const UNKNOWN: &str = "a process that has not said its name";

/// The name that a keeper gives to itself.
const KEEPER: &str = "ppair-keeper";

fn is_there(process: i32) -> bool {
    status(process).is_some()
}

/// The processes that have the file at `path` locked, as far as this user may see them.
fn find(path: &Path) -> Vec<Holder> {
    let Ok(found) = path.symlink_metadata() else {
        return Vec::new();
    };
    let identity = (found.dev(), found.ino());
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&process| has_locked(process, identity))
        .filter_map(status)
        .collect()
}

fn has_locked(process: i32, identity: (u64, u64)) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{process}/fd"));
    descriptors.into_iter().flatten().flatten().any(|entry| {
        // It follows the link to the open file, which may have lost its name.
        let is_it =
            fs::metadata(entry.path()).is_ok_and(|found| (found.dev(), found.ino()) == identity);
        is_it && {
            let number = entry.file_name();
            let info = format!("/proc/{process}/fdinfo/{}", number.to_string_lossy());
            fs::read_to_string(info)
                .is_ok_and(|info| info.lines().any(|line| line.starts_with("lock:")))
        }
    })
}

/// What `/proc` says of a process; `None` if it is gone, or waits to be reaped.
fn status(process: i32) -> Option<Holder> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in brackets, and may have brackets in it (proc_pid_stat(5)).
    let (head, rest) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (!["Z", "X"].contains(&state)).then(|| Holder {
        process,
        parent,
        name: name.replace(char::is_control, "?"),
        is_stopped: ["T", "t"].contains(&state),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{file, process};
    use std::os::fd::AsFd as _;

    fn holder(process: i32, parent: i32, name: &str) -> Holder {
        Holder {
            process,
            parent,
            name: name.to_owned(),
            is_stopped: false,
        }
    }

    #[test]
    fn a_dead_signer_is_never_named_as_the_holder() {
        let signer = Signer {
            process: 10,
            program: "service".to_owned(),
        };
        let says = |holders: &[Holder], is_there| describe(Some(&signer), holders, |_| is_there);
        let named = "process 10 (service)";
        assert_eq!(says(&[holder(10, 1, "service")], true), named);
        // Of the state's own file the keeper alone has the lock.
        assert_eq!(says(&[holder(11, 10, KEEPER)], true), named);
        assert_eq!(says(&[], true), named);
        let mut keeper = holder(11, 1, KEEPER);
        let said = says(&[holder(12, 1, "other"), keeper.clone()], false);
        assert!(
            said.starts_with(
                "process 11, the keeper of a pair whose watch dog is dead (service): it ends by"
            ),
            "{said}"
        );
        // The id of the dead watch dog may be that of another process by now.
        assert_eq!(says(&[keeper.clone()], true), said);
        keeper.is_stopped = true;
        let said = says(&[keeper], false);
        assert!(
            said.ends_with("it is stopped: continue it or kill it"),
            "{said}"
        );
        let said = says(&[holder(12, 1, "other")], false);
        assert!(
            said.starts_with("process 12 (other), which is left of"),
            "{said}"
        );
        let said = says(&[], false);
        assert!(said.starts_with("a process that cannot be seen"), "{said}");
        assert_eq!(describe(None, &[], |_| true), UNKNOWN);
    }

    #[test]
    fn a_process_with_a_lock_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let open = file::create(&path).expect("made");
        assert_eq!(find(&path), []);
        assert!(file::lock(open.as_fd()).expect("it can be locked"));
        let found: Vec<i32> = find(&path).iter().map(|holder| holder.process).collect();
        assert_eq!(found, [process::pid()]);
    }
}
