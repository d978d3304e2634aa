//! What `#[ppair::main]` accepts, refuses and says.
//!
//! The words are kept next to each refused case; after a change,
//! `TRYBUILD=overwrite cargo test -p ppair-compile-cases --test ui_main` writes them anew.

use ppair_compile_cases::Cases;

const MAIN: Cases = Cases("main");

#[test]
fn each_case_is_accepted() {
    trybuild::TestCases::new().pass("ui/pass/main/*.rs");
}

/// By themselves: then the compiler only checks them, and builds nothing.
#[test]
fn each_case_is_refused_in_the_words_that_are_kept() {
    trybuild::TestCases::new().compile_fail("ui/fail/main/*.rs");
}

#[test]
fn each_refused_case_has_its_words_and_no_words_are_left_over() {
    MAIN.expect_words();
}

/// The cases have the numbers M01 to M36; a test names its own in its file's name or above itself.
#[test]
fn every_case_has_a_test() {
    let mut tests = String::from(concat!(
        include_str!("../../tests/main_run.rs"),
        include_str!("../../tests/main_cargo.rs")
    ));
    let names = MAIN.refused().into_iter().chain(MAIN.accepted());
    tests.extend(names.map(|name| name[..3].to_uppercase() + "\n"));
    let missing: Vec<String> = (1..=36)
        .map(|number| format!("M{number:02}"))
        .filter(|case| !tests.contains(case))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
