//! What 200 hard states cost when a crate is compiled, beside what bytemuck's and zerocopy's derives cost on the same structs.
//!
//! ```text
//! cargo bench --bench derive            # a minute or two; ends with a table
//! cargo bench --bench derive -- --test  # one round, to see that all of them compile
//! ```
//!
//! Each round compiles one source file four times with `rustc`, once for each derive and once without, in an order that rotates,
//! so whatever disturbs the machine disturbs all alike. What a derive costs is its time above that without; the table has the
//! ratio of the costs.

mod source;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode};
use source::{CONTESTANTS, Contestant, source};

/// Where `rustc` finds the three crates.
struct Crates {
    externs: Vec<(String, PathBuf)>,
    dependencies: PathBuf,
}

fn main() {
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("derive");
    let crates = Crates::build(&folder);
    for emit in ["metadata", "link"] {
        let mut rounds: Vec<[Duration; 4]> = Vec::new();
        let mut used = [0; 4];
        let mut group = criterion.benchmark_group(format!("derive/{emit}"));
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        group
            .warm_up_time(Duration::from_millis(1))
            .measurement_time(Duration::from_secs(1));
        for (which, contestant) in CONTESTANTS.iter().enumerate() {
            group.bench_function(contestant.name, |bencher| {
                bencher.iter_custom(|iterations| {
                    // Criterion asks for one contestant after the other; a round that was for one counts for all.
                    let mut time = Duration::ZERO;
                    for _ in 0..iterations {
                        if used[which] == rounds.len() {
                            rounds.push(crates.round(&folder, emit, rounds.len()));
                        }
                        time += rounds[used[which]][which];
                        used[which] += 1;
                    }
                    time
                });
            });
        }
        group.finish();
        if !rounds.is_empty() {
            println!("{}", table(emit, &rounds));
        }
    }
}

impl Crates {
    /// Builds ppair, bytemuck and zerocopy as a program's dependencies are, and notes where they are.
    fn build(folder: &Path) -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        std::fs::create_dir_all(folder.join("src")).expect("a folder for the package");
        let manifest = format!(
            "[package]\nname = \"contest\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
             ppair = {{ path = {:?} }}\n\
             bytemuck = {{ version = \"1\", default-features = false, features = [\"derive\"] }}\n\
             zerocopy = {{ version = \"0.8\", default-features = false, features = [\"derive\"] }}\n\n[workspace]\n",
            workspace
                .join("ppair")
                .canonicalize()
                .expect("ppair is there")
        );
        std::fs::write(folder.join("Cargo.toml"), manifest).expect("a manifest");
        std::fs::write(folder.join("src/lib.rs"), "").expect("a library");
        // The versions that this workspace has, which are there already.
        std::fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock"))
            .expect("a lock file");
        let cargo = Command::new(env!("CARGO"))
            .current_dir(folder)
            .args(["build", "--offline", "--message-format=json"])
            .env("CARGO_TARGET_DIR", folder.join("target"))
            .output()
            .expect("cargo runs");
        assert!(
            cargo.status.success(),
            "{}",
            String::from_utf8_lossy(&cargo.stderr)
        );
        let messages = String::from_utf8(cargo.stdout).expect("JSON");
        let externs = messages.lines().filter_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let name = message["target"]["name"].as_str()?;
            let library = message["filenames"]
                .as_array()?
                .iter()
                .filter_map(|file| file.as_str());
            let library = library.into_iter().find(|file| file.ends_with(".rlib"))?;
            ["ppair", "bytemuck", "zerocopy"]
                .contains(&name)
                .then(|| (name.to_owned(), library.into()))
        });
        let externs: Vec<(String, PathBuf)> = externs.collect();
        assert_eq!(externs.len(), 3, "{externs:?}");
        Self {
            externs,
            dependencies: folder.join("target/debug/deps"),
        }
    }

    /// Compiles each contestant once; the times are in their order.
    fn round(&self, folder: &Path, emit: &str, number: usize) -> [Duration; 4] {
        let mut times = [Duration::ZERO; 4];
        for turn in 0..CONTESTANTS.len() {
            let which = (number + turn) % CONTESTANTS.len();
            times[which] = self.compile(folder, emit, &CONTESTANTS[which]);
        }
        times
    }

    fn compile(&self, folder: &Path, emit: &str, contestant: &Contestant) -> Duration {
        let file = folder.join(format!("{}.rs", contestant.name));
        std::fs::write(&file, source(contestant)).expect("a source file");
        let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        rustc.args([
            "--crate-type=lib",
            "--edition=2024",
            "--crate-name=contest",
            "-Cdebuginfo=2",
        ]);
        rustc
            .arg(format!("--emit={emit}"))
            .arg("--out-dir")
            .arg(folder.join("out"));
        rustc
            .arg("-L")
            .arg(format!("dependency={}", self.dependencies.display()))
            .arg(&file);
        for (name, library) in &self.externs {
            rustc
                .arg("--extern")
                .arg(format!("{name}={}", library.display()));
        }
        let start = Instant::now();
        let compiled = rustc.output().expect("rustc runs");
        let time = start.elapsed();
        assert!(
            compiled.status.success(),
            "{}: {}",
            contestant.name,
            String::from_utf8_lossy(&compiled.stderr)
        );
        time
    }
}

/// The medians, what each derive costs above none, and that cost against zerocopy's with the quartiles of the rounds.
fn table(emit: &str, rounds: &[[Duration; 4]]) -> String {
    let column = |which: usize| -> Vec<f64> {
        rounds
            .iter()
            .map(|round| round[which].as_secs_f64())
            .collect()
    };
    let zerocopy = 3;
    let mut lines = vec![format!(
        "200 structs, --emit={emit}, {} rounds",
        rounds.len()
    )];
    for (which, contestant) in CONTESTANTS.iter().enumerate() {
        let cost = quartiles(
            rounds
                .iter()
                .map(|round| round[which].as_secs_f64() - round[0].as_secs_f64())
                .collect(),
        );
        let ratio = quartiles(
            rounds
                .iter()
                .map(|round| {
                    let cost = |which: usize| round[which].as_secs_f64() - round[0].as_secs_f64();
                    cost(which) / cost(zerocopy)
                })
                .collect(),
        );
        lines.push(format!(
            "{:<9} {:>6.0} ms   cost {:>6.0} ms   of zerocopy's {:.2} ({:.2} to {:.2})",
            contestant.name,
            quartiles(column(which))[1] * 1e3,
            cost[1] * 1e3,
            ratio[1],
            ratio[0],
            ratio[2]
        ));
    }
    lines.join("\n")
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |quarter: usize| values[(values.len() - 1) * quarter / 4];
    [at(1), at(2), at(3)]
}
