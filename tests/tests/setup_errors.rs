//! What is logged of an error of `setup`: the error and all of its causes, on one line.

use ppair_tests::Fixture;

/// Checks what is logged of the error with this name.
#[track_caller]
fn is_logged(way: &str, error: &str, said: &str) {
    let fixture = Fixture::new(env!("CARGO_BIN_EXE_setup_fails"));
    let end = fixture.args([error, way]).run();
    end.expect_code(78);
    let refused = end.events("refused");
    assert_eq!(
        (refused.len(), end.stderr.len()),
        (1, 1),
        "{:?}",
        end.stderr
    );
    let reason = refused[0].value("reason");
    assert_eq!(reason, format!("setup failed: {said}"), "{error}, {way}");
}

const WITH_CAUSE: &str = "reading the config: invalid digit found in string";
const WITH_CAUSES: &str = "reading the config: the limit: invalid digit found in string";

const OF_BOTH: [(&str, &str); 12] = [
    ("plain", WITH_CAUSE),
    ("names_its_cause", WITH_CAUSE),
    (
        "lines",
        "reading\nthe config: invalid digit found in string",
    ),
    ("boxed", WITH_CAUSE),
    ("boxed_sent", WITH_CAUSE),
    ("boxed_shared", WITH_CAUSE),
    ("boxed_own", WITH_CAUSE),
    ("of_anyhow", WITH_CAUSES),
    ("of_eyre", WITH_CAUSES),
    ("text", WITH_CAUSE),
    ("borrowed", WITH_CAUSE),
    ("maybe_borrowed", WITH_CAUSE),
];

#[test]
fn an_error_of_the_attributes_setup_is_logged_with_its_causes() {
    for (error, said) in OF_BOTH {
        is_logged("attribute", error, said);
    }
    is_logged("attribute", "shown", WITH_CAUSE);
    is_logged(
        "attribute",
        "debugged",
        "Debugged(\"invalid digit found in string\")",
    );
}

#[test]
fn an_error_of_the_builders_setup_is_logged_with_its_causes() {
    for (error, said) in OF_BOTH {
        is_logged("builder", error, said);
    }
}
