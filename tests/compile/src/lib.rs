//! The compile cases in `ui/`, and what must hold of each folder of them. They have a package of their own, as all that it depends on is built twice more for them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The cases of one topic: `ui/pass/<topic>` and `ui/fail/<topic>`.
#[derive(Clone, Copy, Debug)]
pub struct Cases(pub &'static str);

impl Cases {
    /// The names of the refused cases.
    #[must_use]
    pub fn refused(self) -> BTreeSet<String> {
        names(&self.folder("fail"), "rs")
    }

    /// The names of the accepted cases.
    #[must_use]
    pub fn accepted(self) -> BTreeSet<String> {
        names(&self.folder("pass"), "rs")
    }

    /// Expects that each refused case has its words next to it, that there are no other words, and that none of them
    /// quotes the standard library: whether rustc does depends on whether the `rust-src` component is installed.
    ///
    /// # Panics
    ///
    /// If that is not so.
    pub fn expect_words(self) {
        let (refused, words) = (self.refused(), names(&self.folder("fail"), "stderr"));
        assert!(!refused.is_empty());
        assert_eq!(refused, words);
        assert!(names(&self.folder("pass"), "stderr").is_empty());
        for name in words {
            let file = self.folder("fail").join(&name).with_extension("stderr");
            let words = fs::read_to_string(file).expect("the words can be read");
            let quoted = words.contains("$RUST") || words.contains("/rustc/");
            assert!(!quoted, "{name}:\n{words}");
        }
    }

    /// The folder of the `pass` or the `fail` cases.
    fn folder(self, kind: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("ui")
            .join(kind)
            .join(self.0)
    }
}

/// The names, without their ending, of the files in `folder` that end in `extension`.
fn names(folder: &Path, extension: &str) -> BTreeSet<String> {
    fs::read_dir(folder)
        .expect("the folder of the cases is there")
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.extension() == Some(OsStr::new(extension)))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect()
}
