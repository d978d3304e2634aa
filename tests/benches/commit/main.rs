//! What a commit costs, beside what it cannot cost less than, and beside what people would use instead.
//!
//! ```text
//! cargo bench --bench commit            # some minutes; ends with tables
//! cargo bench --bench commit -- --test  # one round of each, to see that it works
//! cargo bench --bench commit -- 4096    # one group
//! ```
//!
//! All subjects of a group run in turn within each round, in one process, so whatever disturbs the machine disturbs all alike. Criterion
//! asks for the rounds and reports the subject whose turn it is; the tables use the times of all.

mod alternatives;
mod floors;
mod ours;
mod table;

use std::process::Command;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode};
use table::{Group, print};

/// Something that commits.
pub(crate) struct Subject {
    name: String,
    /// Commits in a round.
    batch: u64,
    /// Makes the commit with this number.
    commit: Box<dyn FnMut(u64)>,
    done: u64,
}

impl Subject {
    /// Commits so often in each round.
    pub(crate) fn new(
        name: impl Into<String>,
        batch: u64,
        commit: impl FnMut(u64) + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            batch,
            commit: Box::new(commit),
            done: 0,
        }
    }

    /// One round: the time of one commit, in nanoseconds.
    fn round(&mut self) -> f64 {
        let begin = Instant::now();
        for _ in 0..self.batch {
            self.done += 1;
            (self.commit)(self.done);
        }
        begin.elapsed().as_secs_f64() * 1e9
            / f64::from(u32::try_from(self.batch).expect("a small number"))
    }
}

/// The subjects of one group, and the rounds that were run.
struct Comparison {
    subjects: Vec<Subject>,
    rounds: Vec<Vec<f64>>,
}

impl Comparison {
    fn new(mut subjects: Vec<Subject>) -> Self {
        // Pages, caches and predictors.
        for subject in &mut subjects {
            subject.round();
        }
        Self {
            subjects,
            rounds: Vec::new(),
        }
    }

    /// One round of each, each time beginning with another one.
    fn round(&mut self, which: usize) -> Duration {
        let count = self.subjects.len();
        let mut times = vec![0.0; count];
        for turn in 0..count {
            let at = (turn + self.rounds.len()) % count;
            times[at] = self.subjects[at].round();
        }
        let own = times[which];
        self.rounds.push(times);
        Duration::from_secs_f64(own / 1e9)
    }
}

/// Makes the subjects of a group.
type Subjects<'h> = Box<dyn Fn() -> Vec<Subject> + 'h>;

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
    let folder = alternatives::folder();
    let groups: Vec<(&str, usize, Subjects<'_>)> = vec![
        ("8", 60, Box::new(|| ours::beside_floors(&handles.bytes_8))),
        (
            "64",
            60,
            Box::new(|| ours::beside_floors(&handles.bytes_64)),
        ),
        (
            "1024",
            60,
            Box::new(|| ours::beside_floors(&handles.bytes_1024)),
        ),
        (
            "4096",
            60,
            Box::new(|| ours::beside_floors(&handles.bytes_4096)),
        ),
        (
            "61440",
            60,
            Box::new(|| ours::beside_floors(&handles.bytes_61440)),
        ),
        ("gaps", 60, Box::new(|| ours::gaps(&handles))),
        ("part", 60, Box::new(|| ours::part::<false>(&handles))),
        (
            "part-one-by-one",
            60,
            Box::new(|| ours::part::<true>(&handles)),
        ),
        (
            "guarded-64",
            60,
            Box::new(|| ours::guarded(&handles.bytes_64)),
        ),
        (
            "guarded-4096",
            60,
            Box::new(|| ours::guarded(&handles.bytes_4096)),
        ),
        (
            "instead-64",
            20,
            Box::new(|| alternatives::of(&handles.bytes_64, folder.path())),
        ),
        (
            "instead-4096",
            20,
            Box::new(|| alternatives::of(&handles.bytes_4096, folder.path())),
        ),
    ];
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    let mut all = Vec::new();
    for (name, samples, subjects) in groups {
        // Started by the first round: the group may be filtered out.
        let mut comparison: Option<Comparison> = None;
        let names: Vec<String> = subjects().into_iter().map(|subject| subject.name).collect();
        let mut group = criterion.benchmark_group("commit");
        group
            .sampling_mode(SamplingMode::Flat)
            .sample_size((samples / names.len()).max(10))
            .warm_up_time(Duration::from_millis(1))
            .measurement_time(Duration::from_millis(1));
        for (which, subject) in names.into_iter().enumerate() {
            group.bench_function(BenchmarkId::new(subject, name), |bencher| {
                bencher.iter_custom(|rounds| {
                    let comparison = comparison.get_or_insert_with(|| Comparison::new(subjects()));
                    (0..rounds).map(|_| comparison.round(which)).sum()
                });
            });
        }
        group.finish();
        all.extend(comparison.map(|comparison| {
            Group {
                name: name.to_owned(),
                names: comparison
                    .subjects
                    .into_iter()
                    .map(|subject| subject.name)
                    .collect(),
                rounds: comparison.rounds,
            }
        }));
    }
    criterion.final_summary();
    print(&all, folder.path());
}
