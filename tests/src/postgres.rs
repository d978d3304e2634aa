//! A PostgreSQL server of the test's own, on a Unix socket in a folder of its own.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, Uid};

use crate::power::{Power, lacks};
use crate::process::eventually;

/// How long a start or a stop may take, on a machine that does much else.
const LIMIT: Duration = Duration::from_secs(60);

/// Whom the server runs as if the test is root's: it refuses root. Debian's `nobody`.
const NOBODY: u32 = 65534;

/// Runs the server, and ends it when the test does: on a line of its input, or if the test is gone, with the folder.
const GUARD: &str = r#"folder=$1
shift
"$@" &
server=$!
if read -r _; then
    kill -INT "$server"
    wait "$server"
else
    kill -QUIT "$server"
    wait "$server"
    rm -rf "$folder"
fi"#;

/// A server that runs until it is dropped.
///
/// Its superuser is `ppair`, and its database `postgres`. Nobody needs a password but a user `locked`, whom a test may make. Commits
/// are on disk when they return, as they are by default.
pub struct Server {
    folder: PathBuf,
    binaries: PathBuf,
    /// Where it listens besides its socket; empty for nowhere.
    address: String,
    guard: Option<Child>,
}

impl Server {
    /// Makes a database and starts a server for it; `None` where PostgreSQL is not installed, or
    /// refuses the user that runs the tests.
    ///
    /// # Panics
    ///
    /// If it does not start, or is not there though `PPAIR_REQUIRE_POSTGRES=1`.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_at("")
    }

    /// The same, which also listens at this address of the machine, where anybody may come in.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_at(address: &str) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let binaries = binaries();
        if lacks(
            "no PostgreSQL server",
            &Power::new("postgres", binaries.is_some()),
        ) {
            return None;
        }
        if lacks(
            "PostgreSQL refuses a user id that has no name",
            &Power::new("user_name", has_name()),
        ) {
            return None;
        }
        // The path of a socket has 107 bytes at most.
        let temporary = std::env::temp_dir();
        let temporary = if temporary.as_os_str().len() > 50 {
            Path::new("/tmp")
        } else {
            &temporary
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = temporary.join(format!("ppair-pg-{}-{number}", std::process::id()));
        fs::create_dir(&folder).expect("the folder is new");
        let mut server = Self {
            folder,
            binaries: binaries?,
            address: address.to_owned(),
            guard: None,
        };
        server.make();
        server.start_again();
        Some(server)
    }

    /// A server that tests share which run at the same time; `None` where there is none.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn shared() -> Option<Arc<Self>> {
        static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let server = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    /// The address of the database `postgres`, as its superuser.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("ppair", "postgres")
    }

    /// The address of a database, as a user; `user:password` if there is one.
    #[must_use]
    pub fn url_of(&self, user: &str, database: &str) -> String {
        let host = self.host().replace('/', "%2F");
        format!("postgres://{user}@{host}/{database}")
    }

    /// The folder of its socket, which is its `host` in a list of settings.
    ///
    /// # Panics
    ///
    /// If the folder for temporary files has a name that is no text.
    #[must_use]
    pub fn host(&self) -> &str {
        self.folder.to_str().expect("a temporary folder is a text")
    }

    /// A folder that it may write, and which goes with it.
    ///
    /// # Panics
    ///
    /// If it cannot be made.
    #[must_use]
    pub fn room(&self, name: &str) -> PathBuf {
        let room = self.folder.join(name);
        fs::create_dir(&room).expect("the folder is new");
        give(&room);
        room
    }

    /// Stops it and waits for its end. All connections are closed.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub fn stop(&mut self) {
        let Some(mut guard) = self.guard.take() else {
            return;
        };
        let mut stdin = guard.stdin.take().expect("it is piped");
        stdin.write_all(b"stop\n").expect("the guard reads");
        self.wait(&mut guard);
    }

    /// Kills it, as a crash of its machine would, but for the disk's cache.
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub fn kill(&mut self) {
        let mut guard = self.guard.take().expect("it runs");
        let stdin = guard.stdin.take();
        self.signal(Signal::SIGKILL);
        // The guard goes on reading, as it is not the one that was killed.
        let mut stdin = stdin.expect("it is piped");
        stdin.write_all(b"stop\n").expect("the guard reads");
        self.wait(&mut guard);
    }

    /// Sends a signal to the server and all that work for it: SIGSTOP makes it one that hangs.
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub fn signal(&self, signal: Signal) {
        let server = self.server().expect("it runs");
        let mut all = crate::process::descendants(server);
        all.insert(0, server);
        for pid in all {
            // One of them may have ended by itself.
            let _ = kill(pid, signal);
        }
    }

    /// Starts it after a stop or a kill, and waits until it can be talked to.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_again(&mut self) {
        assert!(self.guard.is_none(), "it runs");
        let log = fs::File::create(self.folder.join("log")).expect("its log can be written");
        let mut guard = self.command("/bin/sh");
        guard.args(["-c", GUARD, "guard"]).arg(&self.folder);
        guard.arg(self.binaries.join("postgres"));
        guard.arg("-D").arg(self.data()).arg("-k").arg(&self.folder);
        guard.args(["-h", &self.address, "-c", "max_connections=50"]);
        guard
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            // A Ctrl-C for the tests is not one for the server.
            .process_group(0);
        // What a kill has left says that it runs.
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
        let mut guard = guard.spawn().expect("a shell runs");
        eventually("a server that is ready", LIMIT, || {
            let ended = guard.try_wait().expect("it is a child").is_some();
            assert!(!ended, "the server ended: {}", self.log());
            self.is_ready().then_some(())
        });
        self.guard = Some(guard);
    }

    /// What it has said since it was started last.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn make(&self) {
        give(&self.folder);
        let mut initdb = self.command(self.binaries.join("initdb"));
        initdb.arg("-D").arg(self.data());
        initdb.args(["-U", "ppair", "--auth=trust", "--no-sync", "--no-locale"]);
        initdb.args(["--encoding=UTF8", "--no-instructions"]);
        let output = initdb.output().expect("initdb runs");
        assert!(output.status.success(), "initdb: {output:?}");
        let rules = "local all locked scram-sha-256\nlocal all all trust\nhost all all all trust\n";
        fs::write(self.data().join("pg_hba.conf"), rules).expect("its folder can be written");
    }

    /// A program of the server's.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdin(Stdio::null());
        command.env("LC_ALL", "C").env_remove("PGDATA");
        if nix::unistd::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The process, if it has come so far as to say which.
    fn server(&self) -> Option<Pid> {
        let note = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        note.lines().next()?.parse().ok().map(Pid::from_raw)
    }

    fn is_ready(&self) -> bool {
        let note = fs::read_to_string(self.data().join("postmaster.pid"));
        note.is_ok_and(|note| {
            note.lines()
                .last()
                .is_some_and(|line| line.trim() == "ready")
        })
    }

    fn wait(&self, guard: &mut Child) {
        eventually("the end of the server", LIMIT, || {
            guard.try_wait().expect("it is a child")
        });
        // Those that work for a server that was killed see its end by themselves.
        eventually("the end of those that worked for it", LIMIT, || {
            let using = |pid: i32| {
                let of = format!("/proc/{pid}/cwd");
                fs::read_link(of).is_ok_and(|folder| folder == self.data())
            };
            let entries = fs::read_dir("/proc").expect("/proc is mounted");
            let mut pids =
                entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
            (!pids.any(using)).then_some(())
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            // The end of its input: it stops the server at once.
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Returns true if the user that the server runs as has a name: `initdb` refuses one without, as
/// containers give them out.
fn has_name() -> bool {
    let user = nix::unistd::geteuid();
    user.is_root() || matches!(nix::unistd::User::from_uid(user), Ok(Some(_)))
}

/// The folder of the server's programs, of the newest version.
fn binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path: Vec<_> = std::env::split_paths(&path).collect();
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.filter_map(|version| Some(version.ok()?.path().join("bin")));
    let mut debian: Vec<_> = debian.collect();
    debian.sort();
    let mut folders = in_path.into_iter().rev().chain(debian).rev();
    folders.find(|folder| {
        ["initdb", "postgres"].iter().all(|program| {
            let found = fs::metadata(folder.join(program));
            found.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        })
    })
}

/// Makes a folder the server's.
fn give(folder: &Path) {
    if nix::unistd::geteuid().is_root() {
        let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        nix::unistd::chown(folder, Some(user), Some(group)).expect("root may");
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("it is ours");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_starts_stops_is_killed_and_leaves_nothing() {
        let Some(mut server) = Server::start() else {
            return;
        };
        let first = server.server().expect("it runs");
        assert!(server.url().starts_with("postgres://ppair@%2F"));
        server.stop();
        assert!(!crate::is_alive(first));
        server.start_again();
        server.kill();
        server.start_again();
        let last = server.server().expect("it runs");
        let folder = server.folder.clone();
        drop(server);
        assert!(!crate::is_alive(last) && !folder.exists());
    }
}
