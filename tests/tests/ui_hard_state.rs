//! What `#[derive(HardState)]` accepts, refuses and says.
//!
//! The words are kept next to each refused case; after a change, `TRYBUILD=overwrite cargo test` writes them anew.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ui")
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

#[test]
fn each_case_is_accepted_or_refused_in_the_words_that_are_kept() {
    let tests = trybuild::TestCases::new();
    tests.pass("ui/pass/hard_state/*.rs");
    tests.compile_fail("ui/fail/hard_state/*.rs");
}

#[test]
fn each_refused_case_has_its_words_and_no_words_are_left_over() {
    let folder = cases().join("fail/hard_state");
    let refused = names(&folder, "rs");
    assert!(!refused.is_empty());
    assert_eq!(refused, names(&folder, "stderr"));
    assert!(names(&cases().join("pass/hard_state"), "stderr").is_empty());
}

/// Whether it is quoted depends on whether the `rust-src` component is installed.
#[test]
fn no_words_depend_on_the_source_of_the_standard_library() {
    let folder = cases().join("fail/hard_state");
    for name in names(&folder, "stderr") {
        let words = fs::read_to_string(folder.join(&name).with_extension("stderr"))
            .expect("the words can be read");
        assert!(
            !words.contains("$RUST") && !words.contains("/rustc/"),
            "{name}:\n{words}"
        );
    }
}
