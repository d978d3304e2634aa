//! What `#[derive(HardState)]` accepts, refuses and says.
//!
//! The words are kept next to each refused case; after a change, `TRYBUILD=overwrite cargo test -p ppair-compile-cases --test
//! ui_hard_state` writes them anew.

use ppair_compile_cases::Cases;

#[test]
fn each_case_is_accepted() {
    trybuild::TestCases::new().pass("ui/pass/hard_state/*.rs");
}

/// By themselves: then the compiler only checks them, and builds nothing.
#[test]
fn each_case_is_refused_in_the_words_that_are_kept() {
    trybuild::TestCases::new().compile_fail("ui/fail/hard_state/*.rs");
}

#[test]
fn each_refused_case_has_its_words_and_no_words_are_left_over() {
    Cases("hard_state").expect_words();
}

/// Each case of the list that the derive is built to, and how the names of its files begin.
const CASES: [(&str, &[&str]); 14] = [
    ("H01", &["every_shape_of_struct", "generics"]),
    ("H02", &["every_kind_of_field", "fixed_capacity"]),
    ("H03", &["enums"]),
    ("H04", &["padding_"]),
    (
        "H05",
        &[
            "names_taken",
            "no_implicit_prelude",
            "strict_lints",
            "made_by_a_macro",
            "crate_path",
        ],
    ),
    ("H06", &["no_repr", "repr_"]),
    ("H07", &["not_copy", "enum_that_is_not_copy"]),
    (
        "H08",
        &[
            "field_",
            "enum_field_without_derive",
            "parameter_that_is_no_hard_state",
            "capacity_",
        ],
    ),
    ("H09", &["union", "enum_with", "lifetime", "unsized_"]),
    (
        "H10",
        &["argument", "was_", "default_", "migrate_from_", "evolution"],
    ),
    (
        "H11",
        &[
            "all_errors_in_one_build",
            "uses_of_a_refused_struct",
            "enum_that_is_generic_and_used",
        ],
    ),
    ("H12", &["attribute_below_"]),
    ("H13", &["zeroed"]),
    ("the trait", &["empty_implementation_by_hand"]),
];

#[test]
fn every_case_has_a_file_and_every_file_a_case() {
    let cases = Cases("hard_state");
    let files: Vec<String> = cases
        .accepted()
        .into_iter()
        .chain(cases.refused())
        .collect();
    for (case, beginnings) in CASES {
        for beginning in beginnings {
            assert!(
                files.iter().any(|file| file.starts_with(beginning)),
                "{case}: {beginning}"
            );
        }
    }
    for file in files {
        let has_case = CASES.iter().any(|(_, beginnings)| {
            beginnings
                .iter()
                .any(|beginning| file.starts_with(beginning))
        });
        assert!(has_case, "{file}");
    }
}
