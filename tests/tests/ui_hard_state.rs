//! What `#[derive(HardState)]` accepts, refuses and says.
//!
//! The words are kept next to each refused case; after a change, `TRYBUILD=overwrite cargo test -p ppair-tests --test
//! ui_hard_state` writes them anew.

use ppair_tests::Cases;

#[test]
fn each_case_is_accepted_or_refused_in_the_words_that_are_kept() {
    let tests = trybuild::TestCases::new();
    tests.pass("ui/pass/hard_state/*.rs");
    tests.compile_fail("ui/fail/hard_state/*.rs");
}

#[test]
fn each_refused_case_has_its_words_and_no_words_are_left_over() {
    Cases("hard_state").expect_words();
}
