//! Everything that `#[hard(..)]` says of other versions of a type.
#![deny(warnings)]
#![forbid(unsafe_code)]

use ppair::{Elapsed, HardState, MigrateFrom, Stored, Text};

const VERSION: u32 = 2;

#[derive(Clone, Copy, HardState)]
#[hard(version = VERSION - 1, was = "State")]
#[repr(C)]
struct First(u32, #[hard(was = "7")] Text<4>);

#[derive(Clone, Copy, Debug, Default, PartialEq, HardState)]
#[hard(crate = ppair, version = VERSION, was = "Older", was = "Old", evolve, migrate_from = First, no_padding)]
#[repr(C)]
struct State {
    #[hard(was = "n", was = "number")]
    next: u64,
    #[hard(default = default_limit(), was = "max")]
    limit: u64,
    #[hard(default = Text::of("none"))]
    r#type: Text<4>,
}

fn default_limit() -> u64 {
    500
}

impl MigrateFrom<First> for State {
    fn migrate_from(First(next, r#type): First) -> Self {
        Self { next: next.into(), limit: 9, r#type }
    }
}

#[derive(Clone, Copy, Default, HardState)]
#[hard(evolve)]
#[repr(C)]
struct Generic<T: Default> {
    #[hard(default = T::default())]
    value: T,
    waited: Elapsed,
}

mod earlier {
    use super::HardState;

    #[derive(Clone, Copy, HardState)]
    #[hard(version = 2)]
    #[repr(C)]
    pub struct Old {
        pub number: u64,
    }

    #[derive(Clone, Copy, HardState)]
    #[repr(C)]
    pub struct Generic {
        pub waited: u8,
    }
}

fn main() {
    assert_eq!(State::LAYOUT.version(), 2);
    assert_eq!(State::LAYOUT.was(), ["Older", "Old"]);
    assert!(State::LAYOUT.evolves() && !First::LAYOUT.evolves());
    assert!(State::LAYOUT.to_string().starts_with("State version 2: size 24, align 8"));

    let stored = Stored::of(&First(7, Text::of("abc")), 1);
    let expected = State { next: 7, limit: 9, r#type: Text::of("abc") };
    assert_eq!(stored.get::<State>(), Ok(expected));

    let stored = Stored::of(&earlier::Old { number: 8 }, 1);
    let expected = State { next: 8, limit: 500, r#type: Text::of("none") };
    assert_eq!(stored.get::<State>(), Ok(expected));

    let stored = Stored::of(&earlier::Generic { waited: 1 }, 1);
    let generic = stored.get::<Generic<u64>>().unwrap();
    assert_eq!((generic.value, generic.waited), (0, Elapsed::ZERO));
}
