//! What a commit costs, beside what it cannot cost less than, and beside what people would use instead.
//!
//! ```text
//! cargo bench --bench commit            # some minutes; ends with tables
//! cargo bench --bench commit -- --test  # one round of each, to see that it works
//! cargo bench --bench commit -- 4096    # one group
//! cargo bench --bench commit --features ppair-tests/full # what people would use instead, too
//! ```
//!
//! All subjects of a group run in turn within each round, in one process.

#[cfg(feature = "full")]
mod alternatives;
mod floors;
mod ours;
#[path = "../common/rounds.rs"]
mod rounds;

use std::process::Command;
use std::time::Instant;

pub(crate) use rounds::Subject;
use rounds::{Group, run};

impl Subject {
    /// Makes so many commits in each round. `commit` makes the one with this number.
    pub(crate) fn new(
        name: impl Into<String>,
        batch: u32,
        mut commit: impl FnMut(u64) + 'static,
    ) -> Self {
        let mut done = 0;
        Self::measured(name, move || {
            let begin = Instant::now();
            for _ in 0..batch {
                done += 1;
                commit(done);
            }
            begin.elapsed().as_secs_f64() * 1e9 / f64::from(batch)
        })
    }
}

fn main() {
    // Commits without a watch dog: the benchmark is the worker.
    if std::env::var_os("PPAIR").is_none() {
        let own = std::env::current_exe().expect("a path");
        let status = Command::new(own)
            .args(std::env::args_os().skip(1))
            .env("PPAIR", "off")
            .status();
        std::process::exit(status.expect("the benchmark runs").code().unwrap_or(1));
    }
    let handles = ours::enter();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    // What the others are compared with: the floor with checksum in front of ppair, the bare log, or ppair itself beside what would be used instead.
    let groups = [
        Group::new("8", 60, 1, || ours::beside_floors(&handles.bytes_8)),
        Group::new("64", 60, 1, || ours::beside_floors(&handles.bytes_64)),
        Group::new("1024", 60, 1, || ours::beside_floors(&handles.bytes_1024)),
        Group::new("4096", 60, 1, || ours::beside_floors(&handles.bytes_4096)),
        Group::new("61440", 60, 1, || ours::beside_floors(&handles.bytes_61440)),
        Group::new("gaps", 60, 0, || ours::gaps(&handles)),
        Group::new("part", 60, 0, || ours::part::<false>(&handles)),
        Group::new("part-one-by-one", 60, 0, || ours::part::<true>(&handles)),
        Group::new("guarded-64", 60, 0, || ours::guarded(&handles.bytes_64)),
        Group::new("guarded-4096", 60, 0, || ours::guarded(&handles.bytes_4096)),
        #[cfg(feature = "full")]
        Group::new("instead-64", 20, 0, || {
            alternatives::of(&handles.bytes_64, folder.path())
        }),
        #[cfg(feature = "full")]
        Group::new("instead-4096", 20, 0, || {
            alternatives::of(&handles.bytes_4096, folder.path())
        }),
    ];
    run("commit", &groups, folder.path());
}
