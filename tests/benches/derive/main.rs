//! How long the compiler takes for derives: ppair's, bytemuck's and zerocopy's on the same 200 structs.
//!
//! ```text
//! cargo bench --bench derive              # some minutes; ends with a table
//! cargo bench --bench derive -- --test    # one round of each, to see that it works
//! cargo bench --bench derive -- metadata  # only as `cargo check` compiles
//! ```
//!
//! The structs are those that all derives accept: no padding, and every pattern of bits is a value. Before
//! anything is measured, each crate is compiled once with a proof that every struct has its size and meets the traits.
//!
//! rustc is called without cargo. In each round it compiles the crate of every contestant in turn, so whatever disturbs
//! the machine disturbs all alike. Criterion asks for the rounds on behalf of the first contestant; the others report their
//! part of the same rounds, which take too long to be run for each. The base has the structs with `Clone` and `Copy` alone,
//! as all others have too. What comes on top of it is the derives' own: to load the macros and the crate, to expand, and to
//! compile the expansion.
//!
//! cargo compiles the contestants' crates once, in its `dev` profile. It compiles macros without optimisation in `dev` and
//! in `release` alike, so these are the macros that users run.

mod compiler;
mod structs;
mod table;

use std::time::Duration;

use compiler::{Compiler, Cost};
use criterion::{BenchmarkId, Criterion, SamplingMode};
use structs::{proof, source, structs};
use table::{Rounds, table};

/// The crates that are depended on.
const CRATES: [&str; 3] = ["ppair", "bytemuck", "zerocopy"];

struct Contestant {
    name: &'static str,
    /// Of its own crate of structs.
    crate_name: &'static str,
    /// Its place in [`CRATES`].
    depends_on: Option<usize>,
    derives: &'static str,
    /// What every struct is proved to be.
    bounds: &'static str,
}

const CONTESTANTS: [Contestant; 5] = [
    Contestant {
        name: "base",
        crate_name: "of_base",
        depends_on: None,
        derives: "Clone, Copy",
        bounds: "Copy",
    },
    Contestant {
        name: "ppair",
        crate_name: "of_ppair",
        depends_on: Some(0),
        derives: "Clone, Copy, ppair::HardState",
        bounds: "ppair::HardState",
    },
    Contestant {
        name: "bytemuck",
        crate_name: "of_bytemuck",
        depends_on: Some(1),
        derives: "Clone, Copy, bytemuck::Pod, bytemuck::Zeroable",
        bounds: "bytemuck::Pod",
    },
    Contestant {
        name: "zerocopy",
        crate_name: "of_zerocopy",
        depends_on: Some(2),
        derives: "Clone, Copy, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout",
        bounds: "zerocopy::FromBytes + zerocopy::IntoBytes + zerocopy::Immutable + zerocopy::KnownLayout",
    },
    // Enough to store a value as bytes and to copy it back.
    Contestant {
        name: "zerocopy, copies only",
        crate_name: "of_zerocopy_copies",
        depends_on: Some(2),
        derives: "Clone, Copy, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable",
        bounds: "zerocopy::FromBytes + zerocopy::IntoBytes + zerocopy::Immutable",
    },
];

/// On top of which the others' time is counted.
const BASE: usize = 0;

/// To which the others are compared.
const MEASURE: usize = 3;

/// What is emitted, and rustc's options for it: as for `cargo check`, and as for `cargo build`.
const WAYS: [(&str, &[&str]); 2] = [
    ("metadata", &["--emit=metadata"]),
    ("debug", &["--emit=metadata,link", "-Cdebuginfo=2"]),
];

/// How many rounds a contestant reports of each way; the one before them warms up.
const ROUNDS: usize = 10;

fn main() {
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    let compiler = Compiler::new();
    write_and_prove(&compiler);
    let mut all = Vec::new();
    for (emitted, options) in WAYS {
        let mut costs = Vec::new();
        let mut group = criterion.benchmark_group("derive");
        // Too short for more than one round a sample, also where the rounds are measured already.
        group
            .sampling_mode(SamplingMode::Flat)
            .sample_size(ROUNDS)
            .warm_up_time(Duration::from_nanos(1))
            .measurement_time(Duration::from_nanos(1));
        for (which, contestant) in CONTESTANTS.iter().enumerate() {
            let mut reported = 0;
            group.bench_function(BenchmarkId::new(contestant.name, emitted), |bencher| {
                bencher.iter_custom(|rounds| {
                    let first = reported;
                    reported += usize::try_from(rounds).expect("rounds take seconds");
                    while costs.len() < reported {
                        costs.push(round(&compiler, options, costs.len()));
                    }
                    costs[first..reported]
                        .iter()
                        .map(|costs: &[Cost; CONTESTANTS.len()]| costs[which].wall)
                        .sum()
                });
            });
        }
        group.finish();
        if !costs.is_empty() {
            all.push(Rounds { emitted, costs });
        }
    }
    criterion.final_summary();
    if !all.is_empty() {
        println!("{}", table(&all));
    }
}

/// Writes the contestants' crates, each once with a proof that its derives did what they are for.
fn write_and_prove(compiler: &Compiler) {
    let structs = structs();
    assert_eq!(structs.len(), structs::COUNT);
    for contestant in &CONTESTANTS {
        let Contestant {
            crate_name,
            depends_on,
            derives,
            bounds,
            ..
        } = contestant;
        let source = source(&structs, derives);
        compiler.write(crate_name, &(source.clone() + &proof(&structs, bounds)));
        compiler.compile(crate_name, *depends_on, &["--emit=metadata"]);
        compiler.write(crate_name, &source);
    }
}

/// Compiles each contestant's crate once.
fn round(compiler: &Compiler, options: &[&str], number: usize) -> [Cost; CONTESTANTS.len()] {
    let count = CONTESTANTS.len();
    let mut costs = [Cost::default(); CONTESTANTS.len()];
    for turn in 0..count {
        // Nobody always comes first, nor always after the same one: it may find a cache as that left it.
        let forward = (number / 2 + turn) % count;
        let which = if number % 2 == 0 {
            forward
        } else {
            count - 1 - forward
        };
        let Contestant {
            crate_name,
            depends_on,
            ..
        } = CONTESTANTS[which];
        costs[which] = compiler.compile(crate_name, depends_on, options);
    }
    costs
}
