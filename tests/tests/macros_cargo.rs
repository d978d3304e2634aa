//! The macros in whole packages: names that are keywords in another edition, and lints.

use ppair_tests::package::{PLAIN, Package, text};

/// Every place in which a user may write a name, all with the same one: `KEY`.
const NAMES: &str = r#"
#![deny(warnings)]
#![allow(non_camel_case_types, non_upper_case_globals, non_snake_case)]
extern crate ppair;
use ppair::{Checkpoint, HardState, MigrateFrom, Stored, Worker};

mod names {
    pub mod KEY {
        use ppair::HardState;

        pub fn KEY() -> Result<u32, String> { Ok(3) }
        pub fn options() -> ::ppair::Config { ::ppair::Config::new().max_restarts(1) }

        #[derive(Clone, Copy, Default, HardState)]
        #[repr(C)]
        pub struct Generic<KEY> where KEY: HardState { pub KEY: KEY }

        pub type KEY<T> = Generic<T>;

        #[derive(Clone, Copy, HardState)]
        #[repr(C)]
        pub struct Tuple(pub KEY<u32>, [u8; 4]);
    }
}

mod reexport {
    pub mod KEY {
        pub use ::ppair::*;
    }
}

mod earlier {
    use ppair::HardState;

    #[derive(Clone, Copy, Default, HardState)]
    #[hard(crate = "crate::reexport::KEY")]
    #[repr(C)]
    pub struct KEY { pub KEY: u32 }
}

mod number {
    pub const KEY: u32 = 4;
    pub const DEFAULT: u32 = KEY + 1;
}

mod variants {
    use ppair::HardState;

    #[derive(Clone, Copy, Debug, Default, PartialEq, HardState)]
    #[hard(evolve, was = "KEY")]
    #[repr(u8)]
    pub enum Mode { #[default] #[hard(was = "_KEY")] KEY = 1, Other }
}

#[derive(Clone, Copy, Default, HardState)]
#[hard(evolve, version = number::KEY, was = "KEY", migrate_from = earlier::KEY)]
#[repr(C)]
struct State {
    #[hard(default = number::DEFAULT, was = "KEY2")]
    KEY: u32,
    #[hard(default = names::KEY::Generic { KEY: number::KEY })]
    nested: names::KEY::KEY<u32>,
}

impl MigrateFrom<earlier::KEY> for State {
    fn migrate_from(old: earlier::KEY) -> Self {
        State { KEY: old.KEY + 1, nested: names::KEY::Generic { KEY: 0 } }
    }
}

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Lengths<const KEY: usize> { KEY: [u8; KEY] }

mod inner {
    use super::{names, number, Worker};

    pub fn said(_: &::ppair::Event<'_>) {}

    #[ppair::main(setup = names::KEY::KEY, config = names::KEY::options, state = names::KEY::KEY<u64>)]
    pub fn main(KEY: Worker, setup: &u32) {
        let _ = (KEY.incarnation(), setup, number::KEY);
    }
}

fn KEY() -> u32 { 7 }

#[ppair::main(crate = crate::reexport::KEY, setup = KEY, max_restarts = number::KEY, on_event = inner::said)]
fn main(KEY: Checkpoint<names::KEY::KEY<u32>>, mut worker: Worker, setup: &u32) {
    // Twice: the first worker dies on purpose.
    KEY.update(|value| value.KEY += 1);
    if KEY.load().KEY == 1 { ::std::process::abort(); }
    worker = worker.clone();
    let _: fn() = inner::main;
    let old = Stored::of(&earlier::KEY { KEY: 8 }, 1);
    let migrated = old.get::<State>().map(|state| state.KEY).unwrap_or(0);
    let state = State { KEY: 1, ..State::default() };
    let field = Stored::of(&state, 1).descriptor().to_string();
    println!("{} {} {} {} {}", KEY.load().KEY, worker.incarnation(), setup, migrated,
        field.split_whitespace().any(|word| word == "WORD"));
    let _ = (names::KEY::Tuple::LAYOUT, Lengths::<3> { KEY: [0; 3] }.KEY, variants::Mode::KEY);
    let _ = variants::Mode::Other;
}
"#;

/// Names with the editions in which they are no keywords. In the other ones they are written raw.
const WORDS: [(&str, &[&str]); 6] = [
    ("gen", &["2015", "2018", "2021"]),
    ("async", &["2015"]),
    ("await", &["2015"]),
    ("dyn", &["2015"]),
    ("try", &["2015"]),
    // A keyword in each edition.
    ("type", &[]),
];

#[test]
fn a_name_that_is_a_keyword_in_another_edition_is_a_name_everywhere() {
    for edition in ["2015", "2018", "2021", "2024"] {
        for (word, free) in WORDS {
            let name = if free.contains(&edition) {
                word.to_owned()
            } else {
                format!("r#{word}")
            };
            let main = NAMES
                .replace("WORD", word)
                .replace("_KEY\"", &format!("_{word}\""))
                .replace("KEY2", &format!("{word}2"))
                .replace("\"KEY", &format!("\"{word}"))
                .replace("KEY", &name);
            let package = Package::new("editions", edition, PLAIN, &main);
            // A name that is raw is the same one to the program whichever it is.
            let runs = word == "gen" || free.contains(&edition);
            let end = package.cargo(&[if runs { "run" } else { "check" }]);
            let said = text(&end);
            assert_eq!(end.code(), Some(0), "{word} in {edition}: {said}");
            if runs {
                assert_eq!(end.stdout, ["2 2 7 9 true"], "{word} in {edition}: {said}");
            }
        }
    }
}

#[test]
fn an_error_of_a_macro_is_the_only_one_in_every_edition() {
    let main = "extern crate ppair;\n#[derive(Clone, Copy, ppair::HardState)]\nstruct S { x: u8 }\n\
        #[ppair::main(guard)]\nfn main() { let _ = S { x: 1 }.x; }\n";
    for edition in ["2015", "2018", "2021", "2024"] {
        let said = text(&Package::new("errors", edition, PLAIN, main).cargo(&["check"]));
        assert!(said.contains("`HardState` needs `#[repr(C)]`"), "{said}");
        assert!(said.contains("write `guard = true`"), "{said}");
        // The third is cargo's own.
        let errors = said.lines().filter(|line| line.starts_with("error"));
        assert_eq!(errors.count(), 3, "{edition}: {said}");
    }
}

/// What clippy may say of the user's own code in the programs below.
const ALLOWED: &str = "#![allow(clippy::blanket_clippy_restriction_lints, clippy::min_ident_chars, \
    clippy::single_char_lifetime_names, clippy::exhaustive_structs, clippy::exhaustive_enums)]\n";

/// Hard states with every kind of parameter, bound and argument. Each derive is on a line of its
/// own.
const STATES: &str = "//! A program.\n
use ppair::{HardState, MigrateFrom};

/// With bounds.
#[derive(Clone, Copy)]
#[derive(HardState)]
#[repr(C)]
struct Bounds<T: HardState, U: Copy + HardState, V, const N: usize>
where
    V: HardState + Clone,
{
    /// One.
    one: T,
    /// Two.
    two: [U; N],
    /// Three.
    three: V,
    /// Four.
    four: core::marker::PhantomData<T>,
}

/// Without a field for its parameter.
#[derive(Clone, Copy)]
#[derive(HardState)]
#[repr(C)]
struct Phantom<T: Copy + 'static>(core::marker::PhantomData<T>);

/// One field.
#[derive(Clone, Copy, Default)]
#[derive(HardState)]
#[repr(transparent)]
struct One(u32);

/// Earlier.
#[derive(Clone, Copy, Default)]
#[derive(HardState)]
#[hard(no_padding)]
#[repr(C)]
struct Earlier {
    /// Next.
    next: u32,
}

/// Kinds.
#[derive(Clone, Copy, Default)]
#[derive(HardState)]
#[hard(evolve, was = \"Type\")]
#[repr(i8)]
enum Mode {
    /// Default.
    #[default]
    #[hard(was = \"Zero\")]
    Idle = -1,
    /// Other.
    Busy = 5,
}

/// All arguments.
#[derive(Clone, Copy, Default)]
#[derive(HardState)]
#[hard(version = 1, evolve, migrate_from = Earlier, was = \"Old\")]
#[repr(C)]
struct State {
    /// Next.
    #[hard(was = \"following\", default = 3)]
    next: u64,
    /// Mode.
    #[hard(default = Mode::Busy)]
    mode: Mode,
    /// One.
    one: One,
}

impl MigrateFrom<Earlier> for State {
    fn migrate_from(earlier: Earlier) -> Self {
        Self { next: earlier.next.into(), ..Default::default() }
    }
}

#[ppair::main]
fn main(state: ppair::Checkpoint<State>) {
    let bounds = Bounds::<u8, u8, u8, 1> { one: 1, two: [1], three: 2, four: core::marker::PhantomData };
    let phantom = Phantom(core::marker::PhantomData::<*const u8>);
    println!(\"{:?}\", (state.load().next, bounds.one, bounds.two, bounds.three, bounds.four, phantom.0, One(1).0, Mode::Busy as i8));
    println!(\"{}\", matches!(state.load(), State { mode: Mode::Idle, one: One(0), .. }));
}
";

fn lacks_clippy(test: &str) -> bool {
    Package::new(test, "2024", PLAIN, "fn main() {}\n").lacks_clippy(test)
}

#[test]
fn clippy_is_quiet_about_hard_states() {
    if lacks_clippy("clippy_is_quiet_about_hard_states") {
        return;
    }
    let main = STATES.replacen(
        "\n\n",
        "\n#![deny(warnings, clippy::all, clippy::pedantic, clippy::nursery)]\n\n",
        1,
    );
    let end = Package::new("lints-all", "2024", PLAIN, &main).cargo(&["clippy"]);
    assert_eq!(text(&end), "");
    end.expect_code(0);
}

/// Restriction lints contradict each other, so some of them fire at code of the user's. None does
/// at a derive.
#[test]
fn clippys_restrictions_do_not_fire_at_hard_states() {
    if lacks_clippy("clippys_restrictions_do_not_fire_at_hard_states") {
        return;
    }
    let main = STATES.replacen(
        "\n\n",
        &format!("\n#![warn(clippy::restriction, clippy::all, clippy::pedantic, clippy::nursery)]\n{ALLOWED}\n"),
        1,
    );
    let said = text(&Package::new("lints-restriction", "2024", PLAIN, &main).cargo(&["clippy"]));
    assert!(said.contains("clippy::"), "{said}");
    assert!(!said.contains("originates in"), "{said}");
    // Of the bounds that the user and the derive both write.
    assert!(!said.contains("in_bounds"), "{said}");
    for (number, line) in (1..).zip(main.lines()) {
        if line == "#[derive(HardState)]" {
            let place = format!("--> src/main.rs:{number}:");
            assert!(!said.contains(&place), "{said}");
        }
    }
}
