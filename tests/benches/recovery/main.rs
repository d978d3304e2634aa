//! How long a service is away: from SIGKILL to the first line of the next worker's `main`.
//!
//! ```text
//! cargo bench --bench recovery            # a few minutes; ends with a table
//! cargo bench --bench recovery -- --test  # one round of each, to see that it works
//! cargo bench --bench recovery -- 64MiB   # one size
//! PPAIR_BESIDE=PROGRAM cargo bench --bench recovery # another build's `recovery_ppair`, in place of the loop in C
//! ```
//!
//! Three watch dogs are compared: ppair's, a loop around fork and waitpid in Rust with nix, and one
//! in C. All three run at once, and each round kills the worker of every one in turn, so whatever
//! disturbs the machine disturbs all three alike. Criterion asks for the rounds and reports the
//! program whose turn it is; the table at the end uses the times of all.
//!
//! The memory is the worker's own, filled after the fork. The kernel frees it before it tells the
//! watch dog of the death: that is what the greater sizes show.

mod program;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode};
use program::{Found, Program, compile_c_loop};
use table::{Rounds, table};

/// Number of programs that are compared.
const PROGRAMS: usize = 3;

/// The orders in which the rounds go.
const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
    [0, 2, 1],
    [2, 0, 1],
    [1, 0, 2],
];

/// Worker memory in MiB, and how many rounds at least.
const SIZES: [(usize, usize); 3] = [(0, 600), (64, 300), (512, 201)];

fn main() {
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    let (name, third) = match std::env::var_os("PPAIR_BESIDE") {
        Some(program) => ("other build", program.into()),
        None => ("C loop", compile_c_loop()),
    };
    let names: [&str; PROGRAMS] = ["ppair", "Rust loop", name];
    let paths = [
        PathBuf::from(env!("CARGO_BIN_EXE_recovery_ppair")),
        PathBuf::from(env!("CARGO_BIN_EXE_recovery_loop")),
        third,
    ];
    let mut all = Vec::new();
    for (mib, at_least) in SIZES {
        // Started by the first round: the size may be filtered out.
        let mut comparison: Option<Comparison> = None;
        let mut group = criterion.benchmark_group("recovery");
        group
            .sampling_mode(SamplingMode::Flat)
            .sample_size(at_least / PROGRAMS);
        group
            .warm_up_time(Duration::from_millis(500))
            .measurement_time(Duration::from_secs(2));
        for (which, name) in names.into_iter().enumerate() {
            group.bench_function(
                BenchmarkId::new(name, format_args!("{mib}MiB")),
                |bencher| {
                    bencher.iter_custom(|rounds| {
                        let comparison =
                            comparison.get_or_insert_with(|| Comparison::start(&paths, mib));
                        (0..rounds).map(|_| comparison.round()[which]).sum()
                    });
                },
            );
        }
        group.finish();
        all.extend(comparison.map(Comparison::rounds));
    }
    criterion.final_summary();
    if !all.is_empty() {
        println!("{}", table(names, &all));
    }
}

/// The three programs at one size of worker memory.
struct Comparison {
    mib: usize,
    programs: [Program; 3],
    first: [Found; 3],
    times: Vec<[Duration; 3]>,
}

impl Comparison {
    fn start(paths: &[PathBuf; 3], mib: usize) -> Self {
        let mut programs = paths.each_ref().map(|path| Program::start(path, mib));
        // The first recovery touches what all later ones find touched.
        for program in &mut programs {
            program.recover();
        }
        let first = programs.each_ref().map(|program| program.found);
        Self {
            mib,
            programs,
            first,
            times: Vec::new(),
        }
    }

    /// Kills each program's worker once.
    fn round(&mut self) -> [Duration; 3] {
        let mut times = [Duration::ZERO; 3];
        // Nobody always comes first, nor always after the same one: it may find a cache as that left it.
        for which in ORDERS[self.times.len() % ORDERS.len()] {
            times[which] = self.programs[which].recover();
        }
        self.times.push(times);
        times
    }

    fn rounds(self) -> Rounds {
        let mut last = self.programs.iter().map(|program| program.found);
        let found = self
            .first
            .map(|first| (first, last.next().unwrap_or_default()));
        Rounds {
            mib: self.mib,
            times: self.times,
            found,
        }
    }
}
