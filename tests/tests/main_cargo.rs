//! What cargo, clippy and the compiler make of whole packages that use `#[ppair::main]`.
//!
//! Each test writes a package below the target folder and builds it there, without a network.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use ppair_tests::package::{PLAIN, Package, text};

/// M10
#[test]
fn strict_lints_are_quiet_in_every_edition() {
    let main = "//! A program.\n\
        #![forbid(unsafe_code)]\n\
        #![deny(warnings, missing_docs, rust_2018_idioms, single_use_lifetimes, unreachable_pub)]\n\
        #![deny(unused_lifetimes, unused_qualifications, unused_results)]\n\
        fn read() -> u32 {\n    3\n}\n\
        #[ppair::main(setup = read, restart = \"never\", max_restarts = 3, state = [u8; 3])]\n\
        fn main(config: &u32, worker: ppair::Worker) -> Result<(), String> {\n\
            let _: (&u32, ppair::Worker) = (config, worker);\n    Ok(())\n}\n";
    for edition in ["2018", "2021", "2024"] {
        let end = Package::new("strict-lints", edition, PLAIN, main).cargo(&["check"]);
        end.expect_code(0);
        assert_eq!(text(&end), "", "{edition}");
    }
}

/// M01
#[test]
fn clippy_is_quiet() {
    let fixtures = ["m01_unit", "m01_every_parameter"];
    for (name, fixture) in ["clippy-unit", "clippy-every-parameter"]
        .into_iter()
        .zip(fixtures)
    {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/bin")
            .join(fixture)
            .with_extension("rs");
        let main = fs::read_to_string(source).expect("the fixture can be read");
        let package = Package::new(name, "2024", PLAIN, &main);
        if package.lacks_clippy("clippy_is_quiet") {
            return;
        }
        let end = package.cargo(&["clippy"]);
        end.expect_code(0);
        assert_eq!(text(&end), "", "{fixture}");
    }
}

/// M01: what clippy says of a signature does not count where the signature is prescribed.
#[test]
fn clippy_accepts_a_reference_to_whatever_setup_returned() {
    let mut main = "//! A program.\n\
        #![deny(warnings, clippy::all, clippy::pedantic, clippy::nursery)]\n\
        #![allow(clippy::default_trait_access, clippy::unnecessary_box_returns)]\n\n\
        fn main() {\n"
        .to_owned();
    let types = [
        ("u8", "u32::from(*value)"),
        ("[u8; 3]", "value.len()"),
        ("Option<String>", "value.is_some()"),
        ("Box<u8>", "u32::from(**value)"),
        ("Vec<u8>", "value.len()"),
        ("String", "value.len()"),
    ];
    for (ty, used) in types {
        write!(
            main,
            "    {{\n        fn read() -> {ty} {{\n            Default::default()\n        }}\n        \
             #[ppair::main(setup = read)]\n        \
             fn main(value: &{ty}) -> Result<(), String> {{\n            \
             println!(\"{{}}\", {used});\n            \
             Ok(())\n        }}\n        let _: fn() -> _ = main;\n    }}\n"
        )
        .expect("a string can be written to");
    }
    main += "}\n";
    let package = Package::new("clippy-references", "2024", PLAIN, &main);
    if package.lacks_clippy("clippy_accepts_a_reference_to_whatever_setup_returned") {
        return;
    }
    let end = package.cargo(&["clippy"]);
    assert_eq!(text(&end), "");
    end.expect_code(0);
}

/// Restriction lints contradict each other; these are those that generated code could break.
#[test]
fn clippys_restrictions_do_not_fire_in_the_expansion() {
    let main = "//! A program.\n\
        #![deny(warnings)]\n\
        #![warn(clippy::restriction, clippy::pedantic, clippy::nursery)]\n\
        #![allow(clippy::blanket_clippy_restriction_lints)]\n\n\
        /// Three.\n\
        fn read() -> u32 {\n    return 3;\n}\n\n\
        /// The entry.\n\
        #[ppair::main(setup = read, restart = \"never\", max_restarts = 3, state = [u8; 3])]\n\
        fn main(config: &u32, worker: ppair::Worker) -> Result<(), String> {\n    \
            let sum = config.checked_add(worker.incarnation());\n    return sum.and_then(|x| x.checked_add(read())).map(|_| ()).ok_or_else(String::new);\n}\n";
    let package = Package::new("clippy-restriction", "2024", PLAIN, main);
    if package.lacks_clippy("clippys_restrictions_do_not_fire_in_the_expansion") {
        return;
    }
    let said = text(&package.cargo(&["clippy"]));
    assert!(said.contains("clippy::"), "{said}");
    assert!(
        !said.contains("originates in the attribute macro"),
        "{said}"
    );
    // The lines of the attribute and of the header.
    for line in [12, 13] {
        let place = format!("--> src/main.rs:{line}:");
        assert!(!said.contains(&place), "{said}");
    }
}

/// M13
#[test]
fn a_program_with_tests_has_no_unused_code() {
    let main = "#![deny(warnings)]\n\
        #[ppair::main]\nfn main() {\n    used_by_main();\n}\n\
        fn used_by_main() {}\n\
        #[cfg(test)]\nmod tests {\n    #[test]\n    fn passes() {\n        super::used_by_main();\n    }\n}\n";
    let end = Package::new("with-tests", "2024", PLAIN, main).cargo(&["test"]);
    end.expect_code(0);
    assert_eq!(text(&end), "");
    assert!(
        end.stdout.iter().any(|line| line.contains("1 passed")),
        "{:?}",
        end.stdout
    );
}

/// M28, M29, M30: the errors of plain Rust, byte by byte.
///
/// One label differs: the compiler does not propose another return type to a function that is named
/// `main`, and the function with the user's body is not.
#[test]
fn errors_in_the_body_are_those_of_plain_rust() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/fail/main");
    let cases = ["m28", "m29", "m30"];
    let mut compared = 0;
    for entry in fs::read_dir(folder).expect("the folder of the cases is there") {
        let path = entry.expect("the folder can be listed").path();
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name");
        if path.extension().is_none_or(|extension| extension != "rs")
            || !cases.iter().any(|case| name.starts_with(case))
        {
            continue;
        }
        let with = fs::read_to_string(&path).expect("the case can be read");
        let without = with.replace("#[ppair::main]", "//");
        assert_ne!(with, without, "{name}");
        let [with, without] = [with, without].map(|main| {
            let end = Package::new("plain-rust", "2024", PLAIN, &main).cargo(&["check"]);
            end.expect_code(101);
            text(&end)
        });
        let with = with
            .replace(
                "help: a return type might be missing here: `-> _`",
                DEFAULT_RETURN_TYPE,
            )
            .replace(
                "help: try adding a return type: `-> String`",
                DEFAULT_RETURN_TYPE,
            );
        assert_eq!(with, without, "{name}");
        compared += 1;
    }
    assert!(compared >= 5);
}

const DEFAULT_RETURN_TYPE: &str = "expected `()` because of default return type";

/// M32
#[test]
fn a_renamed_dependency_needs_the_crate_argument() {
    let renamed = "renamed = { package = \"ppair\", PATH }";
    let main = "#[renamed::main]\nfn main() {}\n";
    let end = Package::new("renamed", "2024", renamed, main).cargo(&["check"]);
    end.expect_code(101);
    let said = text(&end);
    assert_eq!(said.matches("error[").count(), 1, "{said}");
    assert!(said.contains("error[E0433]"), "{said}");
    assert!(said.contains("--> src/main.rs:1:1"), "{said}");

    for path in ["renamed", "::renamed", "\"renamed\""] {
        let main = format!(
            "#![deny(warnings)]\n\
             fn read() -> u32 {{\n    3\n}}\n\
             #[renamed::main(crate = {path}, setup = read, state = u8, restart = \"never\")]\n\
             fn main(config: &u32, worker: renamed::Worker) {{\n    let _ = (config, worker);\n}}\n"
        );
        let end = Package::new("renamed", "2024", renamed, &main).cargo(&["check"]);
        end.expect_code(0);
        assert_eq!(text(&end), "", "{path}");
    }
}
