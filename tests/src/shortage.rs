//! A system that has no room for another process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Fixture, Scratch};

/// Makes `fork` fail, from outside, by an interposed library that looks for a file.
#[derive(Debug)]
pub struct Shortage {
    folder: Scratch,
}

impl Shortage {
    /// `fork` works until [`begin`](Self::begin).
    ///
    /// # Panics
    ///
    /// If there is no C compiler.
    #[must_use]
    pub fn new() -> Self {
        let shortage = Self {
            folder: Scratch::new(),
        };
        shortage.compile();
        shortage
    }

    fn switch(&self) -> PathBuf {
        self.folder.join("shortage")
    }

    fn library(&self) -> PathBuf {
        self.folder.join("fork_fails.so")
    }

    fn compile(&self) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("shims/fork_fails.c");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let status = Command::new(compiler)
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&self.library(), &source])
            .arg("-ldl")
            .status();
        assert!(status.expect("a C compiler").success());
    }

    /// From here on it fails with `EAGAIN`.
    ///
    /// # Panics
    ///
    /// If the switch cannot be written.
    pub fn begin(&self) {
        fs::write(self.switch(), "").expect("the switch can be written");
    }

    /// From here on it fails with `ENOMEM`.
    ///
    /// # Panics
    ///
    /// If the switch cannot be written.
    pub fn begin_with_enomem(&self) {
        fs::write(self.switch(), "ENOMEM").expect("the switch can be written");
    }

    /// From here on it works.
    ///
    /// # Panics
    ///
    /// If the switch cannot be removed.
    pub fn end(&self) {
        match fs::remove_file(self.switch()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
    }

    /// The fixture is to feel it. Attempts to be a pair again are as often as restarts.
    #[must_use]
    pub fn on(&self, fixture: Fixture) -> Fixture {
        fixture
            .env("LD_PRELOAD", self.library())
            .env("FORK_FAILS_WHILE", self.switch())
            .env("PPAIR_RESTART_DELAY", "1ms")
    }
}

impl Default for Shortage {
    fn default() -> Self {
        Self::new()
    }
}
