//! Whole packages that use ppair, written below the target folder and built there, without a
//! network.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{End, Fixture, Power, lacks};

/// The dependency on `ppair`, as [`Package::new`] completes it.
pub const PLAIN: &str = "ppair = { PATH }";

/// A package of its own.
#[derive(Debug)]
pub struct Package {
    folder: PathBuf,
}

impl Package {
    /// Writes a package with one program. `PATH` in the dependency stands for the folder of
    /// `ppair`.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    #[must_use]
    pub fn new(name: &str, edition: &str, dependency: &str, main: &str) -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let folder = target().join("tmp/main_cargo").join(name);
        let ppair = workspace.join("ppair");
        let dependency = dependency.replace("PATH", &format!("path = \"{}\"", ppair.display()));
        let manifest = format!(
            "[package]\nname = \"{name}\"\nedition = \"{edition}\"\n\n\
             [dependencies]\n{dependency}\n\n[workspace]\n"
        );
        fs::create_dir_all(folder.join("src")).expect("the package's folder can be made");
        let package = Self { folder };
        package.write("Cargo.toml", &manifest);
        package.write("src/main.rs", main);
        // The versions that the workspace uses are there already.
        let lock = fs::read_to_string(workspace.join("Cargo.lock"));
        package.write(
            "Cargo.lock",
            &lock.expect("the workspace's lock file can be read"),
        );
        package
    }

    /// Writes a file of it.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.join(file), text).expect("the package's files can be written");
    }

    /// Returns true if a test must be left out, as there is no clippy; then that is said.
    #[must_use]
    pub fn lacks_clippy(&self, test: &str) -> bool {
        let has_clippy = self.cargo(&["clippy", "--version"]).code() == Some(0);
        lacks(test, &Power::new("clippy", has_clippy))
    }

    /// Runs cargo in it. One target folder for all packages: what they depend on is built once.
    #[must_use]
    pub fn cargo(&self, arguments: &[&str]) -> End {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let target = self.folder.with_file_name("target");
        Fixture::new(cargo)
            .args(arguments)
            .args(["--offline", "--quiet", "--color", "never"])
            .env("CARGO_TARGET_DIR", target)
            .with(|command| {
                command.current_dir(&self.folder);
            })
            .deadline(Duration::from_secs(400))
            .run()
    }
}

/// The target folder of this test: it is the program `target/debug/deps/..`.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("this program's path is known");
    let target = test.ancestors().nth(3);
    target.expect("it is below the target folder").to_owned()
}

/// What cargo and the compiler said.
#[must_use]
pub fn text(end: &End) -> String {
    end.stderr.join("\n")
}
