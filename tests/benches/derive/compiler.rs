//! rustc, and what the contestants' crates were compiled to.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::CRATES;

/// What one compilation took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// Of all its threads, in user and in kernel mode.
    pub(crate) processor: Duration,
}

/// Calls rustc on one source file.
pub(crate) struct Compiler {
    rustc: PathBuf,
    folder: PathBuf,
    /// The folders in which the crates and all that they depend on are found.
    searched: BTreeSet<PathBuf>,
    /// The path of each of [`CRATES`].
    externs: [PathBuf; 3],
}

impl Compiler {
    /// Has cargo compile the contestants' crates, as it does for anybody who depends on them.
    pub(crate) fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("derive");
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let package = folder.join("package");
        write(&package.join("src/lib.rs"), "");
        write(&package.join("Cargo.toml"), &manifest(&workspace));
        // The versions that the workspace is tested with, and no question to the network.
        fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock"))
            .expect("the workspace has a lock file");

        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let built = Command::new(cargo)
            .args([
                "build",
                "--offline",
                "--message-format=json-render-diagnostics",
            ])
            .arg("--manifest-path")
            .arg(package.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(folder.join("target"))
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo starts");
        assert!(
            built.status.success(),
            "cargo built no contestants: {}",
            built.status
        );
        let messages = String::from_utf8(built.stdout).expect("cargo writes UTF-8");

        let artefacts: Vec<_> = messages.lines().filter_map(artefact).collect();
        let searched = artefacts
            .iter()
            .flat_map(|(_, files)| files)
            .filter_map(|file| file.parent().map(Path::to_owned))
            .collect();
        let externs = CRATES.map(|name| {
            let (_, files) = artefacts
                .iter()
                .find(|(of, _)| of == name)
                .unwrap_or_else(|| panic!("cargo names no artefact of {name}:\n{messages}"));
            // What cargo gives to a library that needs no more of its dependencies than their types.
            let is_metadata = |file: &&PathBuf| file.extension().is_some_and(|it| it == "rmeta");
            files
                .iter()
                .find(is_metadata)
                .or_else(|| files.first())
                .unwrap_or_else(|| panic!("cargo names no file of {name}:\n{messages}"))
                .clone()
        });
        Self {
            rustc: rustc(),
            folder,
            searched,
            externs,
        }
    }

    /// Writes the source of the crate `name`.
    pub(crate) fn write(&self, name: &str, source: &str) {
        write(&self.source(name), source);
    }

    fn source(&self, name: &str) -> PathBuf {
        self.folder.join(name).join("lib.rs")
    }

    /// Compiles the crate `name`, which names the crate `CRATES[depends_on]`.
    ///
    /// # Panics
    ///
    /// If it does not compile, or not without a warning.
    pub(crate) fn compile(&self, name: &str, depends_on: Option<usize>, options: &[&str]) -> Cost {
        let mut command = Command::new(&self.rustc);
        command
            .args(["--crate-type=lib", "--edition=2024", "--deny=warnings"])
            .args(["--crate-name", name])
            .arg("--out-dir")
            .arg(self.folder.join(name))
            .args(options)
            .arg(self.source(name));
        if let Some(which) = depends_on {
            let mut named = OsString::from(format!("{}=", CRATES[which]));
            named.push(&self.externs[which]);
            command.arg("--extern").arg(named);
        }
        for folder in &self.searched {
            let mut dependency = OsString::from("dependency=");
            dependency.push(folder);
            command.arg("-L").arg(dependency);
        }
        let before = processor_time();
        let start = Instant::now();
        let output = command.output().expect("rustc starts");
        let wall = start.elapsed();
        assert!(
            output.status.success(),
            "{name} does not compile: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Cost {
            wall,
            processor: processor_time().saturating_sub(before),
        }
    }
}

/// The compiler itself: rustup's stand-in for it first has to find out which one is meant.
fn rustc() -> PathBuf {
    if let Some(rustc) = std::env::var_os("RUSTC") {
        return PathBuf::from(rustc);
    }
    let stand_in = PathBuf::from("rustc");
    let sysroot = Command::new(&stand_in)
        .args(["--print", "sysroot"])
        .output()
        .expect("rustc starts");
    let sysroot = String::from_utf8_lossy(&sysroot.stdout);
    let real = Path::new(sysroot.trim()).join("bin/rustc");
    if real.is_file() { real } else { stand_in }
}

/// A package of its own, outside of the workspace, that depends on all contestants.
fn manifest(workspace: &Path) -> String {
    format!(
        "[workspace]\n\
         [package]\n\
         name = \"contestants\"\n\
         version = \"0.0.0\"\n\
         edition = \"2024\"\n\
         [dependencies]\n\
         bytemuck = {{ version = \"1\", features = [\"derive\"] }}\n\
         ppair = {{ path = '{}' }}\n\
         zerocopy = {{ version = \"0.8\", features = [\"derive\"] }}\n",
        workspace.join("ppair").display()
    )
}

/// The crate and the files of one line of cargo's messages.
fn artefact(message: &str) -> Option<(String, Vec<PathBuf>)> {
    if !message.contains(r#""reason":"compiler-artifact""#) {
        return None;
    }
    let (_, target) = message.split_once(r#""target":{"#)?;
    let (_, name) = target.split_once(r#""name":""#)?;
    let (name, _) = name.split_once('"')?;
    let (_, files) = message.split_once(r#""filenames":["#)?;
    let (files, _) = files.split_once(']')?;
    let files = files
        .split(',')
        .map(|file| PathBuf::from(file.trim_matches('"')))
        .collect();
    Some((name.to_owned(), files))
}

fn write(path: &Path, text: &str) {
    let folder = path.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).expect("the folder can be made");
    fs::write(path, text).expect("the file can be written");
}

/// Of all children that were waited for.
fn processor_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the usage can be read");
    [Usage::user_time, Usage::system_time]
        .into_iter()
        .map(|time| time(&usage).num_microseconds())
        .map(|time| Duration::from_micros(time.unsigned_abs()))
        .sum()
}
