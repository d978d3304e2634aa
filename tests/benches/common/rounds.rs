//! Subjects that are compared by rounds: in each round each of them has its turn, so whatever disturbs the machine disturbs all alike. Criterion asks for
//! the rounds and reports the subject whose turn it is; the tables use the times of all.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode};
use nix::sys::statfs::{
    BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, XFS_SUPER_MAGIC,
    statfs,
};
use ppair_tests::interval;

/// Something that commits.
pub(crate) struct Subject {
    name: String,
    /// One round: the time of one commit, in nanoseconds.
    round: Box<dyn FnMut() -> f64>,
}

impl Subject {
    /// Something that measures a round by itself: the nanoseconds of one commit.
    pub(crate) fn measured(name: impl Into<String>, round: impl FnMut() -> f64 + 'static) -> Self {
        Self {
            name: name.into(),
            round: Box::new(round),
        }
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
            (subject.round)();
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
            times[at] = (self.subjects[at].round)();
        }
        let own = times[which];
        self.rounds.push(times);
        Duration::from_secs_f64(own / 1e9)
    }
}

/// Subjects that are compared with each other.
pub(crate) struct Group<'h> {
    pub(crate) name: &'static str,
    /// Rounds of all of them together.
    pub(crate) samples: usize,
    /// The one that the others are compared with.
    pub(crate) reference: usize,
    pub(crate) subjects: Box<dyn Fn() -> Vec<Subject> + 'h>,
}

impl<'h> Group<'h> {
    pub(crate) fn new(
        name: &'static str,
        samples: usize,
        reference: usize,
        subjects: impl Fn() -> Vec<Subject> + 'h,
    ) -> Self {
        Self {
            name,
            samples,
            reference,
            subjects: Box::new(subjects),
        }
    }
}

/// Measures the groups that the command line asks for, and prints a table for each. `names` are those of a group's subjects.
pub(crate) fn run(benchmark: &str, groups: &[Group<'_>], folder: &Path) {
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    let mut tables = Vec::new();
    for of in groups {
        // Started by the first round: the group may be filtered out.
        let mut comparison: Option<Comparison> = None;
        let subjects = &of.subjects;
        let names: Vec<String> = subjects().into_iter().map(|subject| subject.name).collect();
        let mut group = criterion.benchmark_group(benchmark);
        group
            .sampling_mode(SamplingMode::Flat)
            .sample_size((of.samples / names.len()).max(10))
            .warm_up_time(Duration::from_millis(1))
            .measurement_time(Duration::from_millis(1));
        for (which, subject) in names.iter().enumerate() {
            group.bench_function(BenchmarkId::new(subject, of.name), |bencher| {
                bencher.iter_custom(|rounds| {
                    let comparison = comparison.get_or_insert_with(|| Comparison::new(subjects()));
                    (0..rounds).map(|_| comparison.round(which)).sum()
                });
            });
        }
        group.finish();
        if let Some(comparison) = comparison {
            tables.push(table(of, &names, &comparison.rounds));
        }
    }
    criterion.final_summary();
    println!("\nFiles are on {}.", file_system(folder));
    for table in tables {
        println!("\n{table}");
    }
}

fn table(group: &Group<'_>, names: &[String], rounds: &[Vec<f64>]) -> String {
    let reference = group.reference;
    let mut text = format!("{}: {} rounds\n\n", group.name, rounds.len());
    // A `String` takes everything.
    let _ = writeln!(
        text,
        "| | one commit | of `{}` |\n|---|---|---|",
        names[reference]
    );
    for (which, name) in names.iter().enumerate() {
        let own = median(rounds.iter().map(|round| round[which]).collect());
        let [low, ratio, high] = interval(&rounds.iter().collect::<Vec<_>>(), |rounds| {
            median(
                rounds
                    .iter()
                    .map(|round| round[which] / round[reference])
                    .collect(),
            )
        });
        let _ = writeln!(
            text,
            "| {name} | {} | {ratio:.2} ({low:.2} to {high:.2}) |",
            time(own)
        );
    }
    text
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn time(nanos: f64) -> String {
    match nanos {
        nanos if nanos < 1e3 => format!("{nanos:.1} ns"),
        nanos if nanos < 1e6 => format!("{:.2} µs", nanos / 1e3),
        nanos => format!("{:.2} ms", nanos / 1e6),
    }
}

fn file_system(folder: &Path) -> String {
    match statfs(folder).map(|found| found.filesystem_type()) {
        Ok(EXT4_SUPER_MAGIC) => "ext4".to_owned(),
        Ok(XFS_SUPER_MAGIC) => "XFS".to_owned(),
        Ok(BTRFS_SUPER_MAGIC) => "Btrfs".to_owned(),
        Ok(OVERLAYFS_SUPER_MAGIC) => "overlayfs".to_owned(),
        Ok(TMPFS_MAGIC) => "tmpfs".to_owned(),
        Ok(other) => format!("file system {:#x}", other.0),
        Err(errno) => format!("unknown: {errno}"),
    }
}
