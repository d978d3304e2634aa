//! Pairs with a store.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ppair_tests::postgres::Server;
use ppair_tests::{Fixture, Running};

use crate::Subject;
use crate::bare::BATCH;

/// Longer than any benchmark.
const DEADLINE: Duration = Duration::from_secs(3600);

fn start(store: &str, state: &str) -> Running {
    let mut pair = Fixture::new(env!("CARGO_BIN_EXE_store_rounds"))
        .arg(state)
        .stdin()
        .env("PPAIR_STORE", store)
        .deadline(DEADLINE)
        .spawn();
    assert_eq!(pair.stdout_line(), "ready");
    pair
}

fn round(pair: &mut Running, line: &str, commits: u32) -> f64 {
    pair.write_line(line);
    let nanos: f64 = pair.stdout_line().parse().expect("a number");
    nanos / f64::from(commits)
}

/// Each has its own, also if the same is asked for once more: the first is still there then.
fn stores(folder: &Path, server: Option<&Server>, names: &[&str]) -> Vec<(String, String)> {
    let folder = tempfile::tempdir_in(folder).expect("a folder").keep();
    let store = |name: &&str| {
        let place = match *name {
            "memory" => "memory".to_owned(),
            "shm" => format!(
                "shm:{}",
                folder.file_name().expect("a name").to_string_lossy()
            ),
            name => format!("{name}:{}", folder.join(name).display()),
        };
        ((*name).to_owned(), place)
    };
    let mut stores: Vec<_> = names.iter().map(store).collect();
    if let Some(server) = server {
        static TABLES: AtomicU32 = AtomicU32::new(0);
        let table = TABLES.fetch_add(1, Ordering::Relaxed);
        let place = format!("{}?ppair_table=bench_{table}", server.url());
        stores.push(("postgres".to_owned(), place));
    }
    stores
}

/// Commits that wait for nobody, in a pair with each store.
pub(crate) fn behind(
    folder: &Path,
    server: Option<&Server>,
    what: &'static str,
    commits: u32,
) -> Vec<Subject> {
    let stores = stores(folder, server, &["memory", "shm", "file", "sqlite"]);
    let subject = |(name, store): (String, String)| {
        let state = if what == "part" { "big" } else { "small" };
        let line = format!("{what} {commits}");
        let mut pair: Option<Running> = None;
        Subject::measured(name, move || {
            let pair = pair.get_or_insert_with(|| start(&store, state));
            round(pair, &line, commits)
        })
    };
    stores.into_iter().map(subject).collect()
}

/// Commits that wait until they are stored.
pub(crate) fn durable(folder: &Path, server: Option<&Server>, threads: u32) -> Vec<Subject> {
    let stores = stores(folder, server, &["file", "sqlite"]);
    let subject = |(name, store): (String, String)| {
        let line = format!("durable {threads} {BATCH}");
        let mut pair: Option<Running> = None;
        Subject::measured(format!("{name}: commit_durable"), move || {
            let pair = pair.get_or_insert_with(|| start(&store, "small"));
            round(pair, &line, threads * BATCH)
        })
    };
    stores.into_iter().map(subject).collect()
}
