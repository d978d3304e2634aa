//! Stores of each kind, with what version 1 has left in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ppair::__private::{Choice, open_store};
use ppair::Stored;
use ppair_tests::postgres::Server;
use ppair_tests::{Fixture, Scratch, eventually, stdout_lines};

use crate::FIRST;

/// Where a service keeps its hard state; gone after the test.
pub(crate) struct Place {
    /// What the option `store` says.
    pub(crate) store: String,
    folder: Scratch,
    /// The server that has it, if one does.
    server: Option<Arc<Server>>,
}

impl Place {
    /// One of each kind, in which version 1 has left its hard state.
    pub(crate) fn each() -> Vec<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let server = Server::shared();
        let mut places = Vec::new();
        for scheme in ["file", "shm", "sqlite", "postgres"] {
            let folder = Scratch::new();
            let store = match scheme {
                "shm" => format!("shm:ppair-upgrade-{}-{number}", std::process::id()),
                "postgres" => match &server {
                    Some(server) => format!("{}?ppair_table=upgrade_{number}", server.url()),
                    None => continue,
                },
                scheme => format!("{scheme}:{}", folder.join("state").display()),
            };
            let server = server.clone().filter(|_| scheme == "postgres");
            let place = Self {
                store,
                folder,
                server,
            };
            let end = place.version_1().run();
            end.expect_code(0);
            assert_eq!(
                stdout_lines(&end),
                [
                    r#"worker 1 starts from Initial 0: Progress { next: 0, on: false, hits: 0, mode: Idle, name: "" }"#,
                    "committed",
                    &format!("stored {FIRST} as 1"),
                ],
                "{}",
                place.store
            );
            assert_eq!(place.set_aside(), []);
            places.push(place);
        }
        places
    }

    pub(crate) fn version_1(&self) -> Fixture {
        Fixture::new(env!("CARGO_BIN_EXE_upgrade_1"))
            .arg("no file")
            .env("PPAIR_STORE", &self.store)
    }

    /// Version 2 in this variety.
    pub(crate) fn version_2(&self, case: &str) -> Fixture {
        Fixture::new(env!("CARGO_BIN_EXE_upgrade_2"))
            .args([case, "no file"])
            .env("PPAIR_STORE", &self.store)
    }

    /// What was set aside there, by its age.
    pub(crate) fn set_aside(&self) -> Vec<Stored> {
        let (scheme, name) = self.store.split_once(':').expect("a scheme");
        let mut found = match scheme {
            "sqlite" => in_database(Path::new(name)),
            "postgres" => self.on_server(),
            "shm" => in_files("shm", &Path::new("/dev/shm").join(name)),
            _ => in_files("file", Path::new(name)),
        };
        found.sort_by_key(Stored::generation);
        found
    }

    /// Waits until a server has noticed that the connections of processes that were killed have ended; until then another pair is refused.
    pub(crate) fn settle(&self) {
        if self.server.is_none() {
            return;
        }
        let locks =
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = '$_holder'::regclass";
        eventually("nobody holds it", Duration::from_secs(10), || {
            self.query(locks).is_empty().then_some(())
        });
    }

    /// What a statement returns, in which `$` stands for the table.
    fn query(&self, statement: &str) -> Vec<postgres::Row> {
        let server = self.server.as_ref().expect("it has a server");
        let (_, table) = self.store.split_once("ppair_table=").expect("a table");
        let client = postgres::Client::connect(&server.url(), postgres::NoTls);
        let rows = client
            .expect("it answers")
            .query(&statement.replace('$', table), &[]);
        rows.expect("there is a table")
    }

    fn on_server(&self) -> Vec<Stored> {
        let rows = self.query("SELECT checkpoint FROM $_set_aside").into_iter();
        let stored = rows.map(|row| Stored::from_bytes(row.get(0)));
        stored
            .map(|stored| stored.expect("it is a checkpoint"))
            .collect()
    }

    /// What version 1 has left, once more: what was set aside has to be the same to the last byte.
    pub(crate) fn left_by_version_1(&self) -> Stored {
        let file = self.folder.join("version-1");
        if !file.exists() {
            Fixture::new(env!("CARGO_BIN_EXE_upgrade_1"))
                .arg(&file)
                .run()
                .expect_code(0);
        }
        let bytes = fs::read(file).expect("it was stored");
        Stored::from_bytes(&bytes).expect("it is a checkpoint")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(name) = self.store.strip_prefix("shm:") else {
            return;
        };
        for path in beside(&Path::new("/dev/shm").join(name)) {
            let _ = fs::remove_file(path);
        }
    }
}

/// The files whose names begin with that of this one.
fn beside(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.expect("it has a name").to_owned();
    let folder = fs::read_dir(path.parent().expect("it has a folder"));
    let entries = folder.expect("it is a folder").filter_map(Result::ok);
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&name))
        .map(|entry| entry.path())
        .collect()
}

/// Each is a store of its own.
fn in_files(scheme: &str, path: &Path) -> Vec<Stored> {
    let files = beside(path).into_iter();
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "aside"));
    let load = |path: PathBuf| {
        let path = match scheme {
            "shm" => Path::new(path.file_name().expect("it has a name")),
            _ => &path,
        };
        let name = format!("{scheme}:{}", path.display());
        let store = open_store(Choice::named(name.leak()), "test", true);
        let mut store = store.expect("there is such a store");
        store.load().expect("it can be read")
    };
    files.flat_map(load).collect()
}

fn in_database(path: &Path) -> Vec<Stored> {
    let database = rusqlite::Connection::open(path).expect("there is a database");
    let mut query = database
        .prepare("SELECT checkpoint FROM ppair_set_aside")
        .expect("there is a table");
    let rows = query.query_map((), |row| row.get::<_, Vec<u8>>(0));
    let rows = rows.expect("it can be read");
    rows.map(|bytes| Stored::from_bytes(&bytes.expect("bytes")).expect("it is a checkpoint"))
        .collect()
}
