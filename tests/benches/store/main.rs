//! What a store costs the worker, and what a durable commit costs, beside what it cannot cost less than.
//!
//! ```text
//! cargo bench --features ppair-tests/full --bench store             # some minutes; ends with tables
//! cargo bench --features ppair-tests/full --bench store -- --test   # one round of each, to see that it works
//! cargo bench --features ppair-tests/full --bench store -- behind   # one kind of group
//! ```
//!
//! Each subject of ppair's is a pair of its own, all of them at once; in each round each of them commits in its turn, while its keeper carries.

mod bare;
mod pairs;
#[path = "../common/rounds.rs"]
mod rounds;

use std::path::Path;

use ppair_tests::postgres::Server;
pub(crate) use rounds::Subject;
use rounds::{Group, run};

fn main() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let path = folder.path();
    // Without one it is left out.
    let server = Server::start();
    let groups = [
        // A round takes longer than the store's interval, so that there is a save in it.
        Group::new("behind-64", 40, 0, || {
            pairs::behind(path, server.as_ref(), "small", 6_000_000)
        }),
        Group::new("behind-64-of-1MiB", 40, 0, || {
            pairs::behind(path, server.as_ref(), "part", 1_500_000)
        }),
        Group::new("durable-1", 30, 0, || durable(path, server.as_ref(), 1)),
        Group::new("durable-16", 30, 0, || durable(path, server.as_ref(), 16)),
    ];
    run("store", &groups, path);
}

fn durable(folder: &Path, server: Option<&Server>, threads: u32) -> Vec<Subject> {
    let mut subjects = vec![bare::write_and_sync(folder, threads)];
    subjects.extend(pairs::durable(folder, server, threads));
    subjects.push(bare::sqlite(folder, threads));
    subjects
}
