//! Pairs with a store.

use std::path::Path;

use ppair_tests::{Fixture, Running};
use std::time::Duration;

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
fn stores(folder: &Path, names: &[&str]) -> Vec<(String, String)> {
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
    names.iter().map(store).collect()
}

/// Commits that wait for nobody, in a pair with each store.
pub(crate) fn behind(folder: &Path, what: &'static str, commits: u32) -> Vec<Subject> {
    let stores = stores(folder, &["memory", "shm", "file", "sqlite"]);
    let subject = |(name, store): (String, String)| {
        let state = if what == "part" { "big" } else { "small" };
        let line = format!("{what} {commits}");
        let mut pair: Option<Running> = None;
        Subject::measured(format!("`{name}`"), move || {
            let pair = pair.get_or_insert_with(|| start(&store, state));
            round(pair, &line, commits)
        })
    };
    stores.into_iter().map(subject).collect()
}

/// Commits that wait until they are stored.
pub(crate) fn durable(folder: &Path, threads: u32) -> Vec<Subject> {
    let stores = stores(folder, &["file", "sqlite"]);
    let subject = |(name, store): (String, String)| {
        let line = format!("durable {threads} {BATCH}");
        let mut pair: Option<Running> = None;
        Subject::measured(format!("`{name}`: `commit_durable`"), move || {
            let pair = pair.get_or_insert_with(|| start(&store, "small"));
            round(pair, &line, threads * BATCH)
        })
    };
    stores.into_iter().map(subject).collect()
}
