//! What `#[ppair::main]` accepts, refuses and says.
//!
//! The words are kept next to each refused case; after a change,
//! `TRYBUILD=overwrite cargo test -p ppair-tests --test ui_main` writes them anew.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

fn cases(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("ui")
        .join(kind)
        .join("main")
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
    tests.pass("ui/pass/main/*.rs");
    tests.compile_fail("ui/fail/main/*.rs");
}

#[test]
fn each_refused_case_has_its_words_and_no_words_are_left_over() {
    let refused = names(&cases("fail"), "rs");
    assert!(!refused.is_empty());
    assert_eq!(refused, names(&cases("fail"), "stderr"));
    assert!(names(&cases("pass"), "stderr").is_empty());
}

/// Whether it is quoted depends on whether the `rust-src` component is installed.
#[test]
fn no_words_depend_on_the_source_of_the_standard_library() {
    for name in names(&cases("fail"), "stderr") {
        let words = fs::read_to_string(cases("fail").join(&name).with_extension("stderr"))
            .expect("the words can be read");
        let quoted = words.contains("$RUST") || words.contains("/rustc/");
        assert!(!quoted, "{name}:\n{words}");
    }
}

/// The cases have the numbers M01 to M36; a test names its own in its file's name or above itself.
#[test]
fn every_case_has_a_test() {
    let mut tests = String::from(concat!(
        include_str!("main_run.rs"),
        include_str!("main_cargo.rs")
    ));
    for kind in ["fail", "pass"] {
        let names = names(&cases(kind), "rs").into_iter();
        tests.extend(names.map(|name| name[..3].to_uppercase() + "\n"));
    }
    let missing: Vec<String> = (1..=36)
        .map(|number| format!("M{number:02}"))
        .filter(|case| !tests.contains(case))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
