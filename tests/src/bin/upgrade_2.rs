//! Version 2 of the service in `upgrade_1`, with its hard state changed in the way that its first argument says.

use std::path::PathBuf;

use ppair::{HardState, MigrateFrom, Text};
use ppair_tests::upgrade::serve;

/// What the service had at first; nothing of it has changed.
#[derive(Clone, Copy, Debug, Default, HardState)]
#[repr(u8)]
enum Mode {
    #[default]
    Idle,
    Busy = 7,
}

mod exact {
    use super::{HardState, Mode, Text};

    #[derive(Clone, Copy, Debug, Default, HardState)]
    #[repr(C)]
    pub(crate) struct Progress {
        pub(crate) next: u32,
        on: bool,
        hits: u64,
        mode: Mode,
        name: Text<8>,
    }
}

mod renamed {
    use super::{HardState, Text};

    #[derive(Clone, Copy, Debug, Default, HardState)]
    #[hard(was = "Mode")]
    #[repr(u8)]
    enum State {
        #[default]
        Idle,
        #[hard(was = "Busy")]
        Working = 7,
    }

    #[derive(Clone, Copy, Debug, Default, HardState)]
    #[hard(was = "Earlier", was = "Progress")]
    #[repr(C)]
    pub(crate) struct Position {
        #[hard(was = "next")]
        pub(crate) following: u32,
        on: bool,
        #[hard(was = "count", was = "hits")]
        visits: u64,
        mode: State,
        name: Text<8>,
    }
}

mod added {
    use super::{HardState, Mode, Text};

    #[derive(Clone, Copy, Debug, HardState)]
    #[hard(evolve)]
    #[repr(C)]
    pub(crate) struct Progress {
        pub(crate) next: u32,
        on: bool,
        errors: u16,
        hits: u64,
        #[hard(default = 500)]
        limit: u64,
        mode: Mode,
        name: Text<32>,
    }

    impl Default for Progress {
        fn default() -> Self {
            Self {
                next: 100,
                on: false,
                errors: 3,
                hits: 0,
                limit: 0,
                mode: Mode::Idle,
                name: Text::new(),
            }
        }
    }
}

mod evolved {
    use super::{HardState, Text};

    #[derive(Clone, Copy, Debug, Default, HardState)]
    #[hard(evolve)]
    #[repr(u8)]
    enum Mode {
        #[default]
        Idle = 1,
        #[hard(was = "Busy")]
        Working,
    }

    #[derive(Clone, Copy, Debug, Default, HardState)]
    #[hard(evolve)]
    #[repr(C)]
    pub(crate) struct Progress {
        #[hard(was = "next")]
        pub(crate) following: u32,
        #[hard(default = 500)]
        limit: u32,
        #[hard(was = "hits")]
        visits: u64,
        mode: Mode,
        name: Text<8>,
    }
}

mod dropped {
    use super::{HardState, Text};

    #[derive(Clone, Copy, Debug, Default, HardState)]
    #[hard(evolve)]
    #[repr(C)]
    pub(crate) struct Progress {
        pub(crate) next: u32,
        name: Text<8>,
    }
}

mod reordered {
    use super::{HardState, Mode, Text};

    #[derive(Clone, Copy, Debug, Default, HardState)]
    #[hard(evolve)]
    #[repr(C)]
    pub(crate) struct Progress {
        name: Text<8>,
        mode: Mode,
        hits: u64,
        on: bool,
        pub(crate) next: u32,
    }
}

mod retyped {
    use super::{HardState, Text};

    #[derive(Clone, Copy, Debug, Default, HardState)]
    #[hard(evolve)]
    #[repr(u16)]
    enum Mode {
        #[default]
        Broken,
        Busy,
        Idle = 700,
    }

    #[derive(Clone, Copy, Debug, Default, HardState)]
    #[hard(evolve)]
    #[repr(C)]
    pub(crate) struct Progress {
        pub(crate) next: u64,
        on: bool,
        #[hard(default = 1.5)]
        hits: f64,
        mode: Mode,
        name: Text<8>,
    }
}

mod migrated {
    use super::{HardState, MigrateFrom, Mode, Text};

    #[derive(Clone, Copy, HardState)]
    #[hard(was = "Progress")]
    #[repr(C)]
    pub(crate) struct First {
        next: u32,
        on: bool,
        hits: u64,
        mode: Mode,
        name: Text<8>,
    }

    #[derive(Clone, Copy, HardState)]
    #[hard(version = 1, was = "Progress", migrate_from = First)]
    #[repr(C)]
    pub(crate) struct Second {
        next: u64,
        hits: u64,
        name: Text<8>,
    }

    impl MigrateFrom<First> for Second {
        fn migrate_from(old: First) -> Self {
            Self {
                next: u64::from(old.next) * 1000,
                hits: old.hits + u64::from(old.on),
                name: old.name,
            }
        }
    }

    #[derive(Clone, Copy, Debug, Default, HardState)]
    #[hard(version = 2, migrate_from = Second)]
    #[repr(C)]
    pub(crate) struct Progress {
        pub(crate) next: u64,
        total: u64,
        name: Text<16>,
    }

    impl MigrateFrom<Second> for Progress {
        fn migrate_from(old: Second) -> Self {
            Self {
                next: old.next,
                total: old.next + old.hits,
                name: Text::try_from(old.name.as_str()).expect("it has twice the room"),
            }
        }
    }
}

mod refused {
    use super::{HardState, Mode, Text};

    #[derive(Clone, Copy, Debug, Default, HardState)]
    #[repr(C)]
    pub(crate) struct Progress {
        pub(crate) next: u64,
        on: bool,
        hits: u64,
        mode: Mode,
        name: Text<8>,
    }
}

mod version {
    use super::{HardState, Mode, Text};

    #[derive(Clone, Copy, Debug, Default, HardState)]
    #[hard(version = 2, evolve)]
    #[repr(C)]
    pub(crate) struct Progress {
        pub(crate) next: u32,
        on: bool,
        hits: u64,
        mode: Mode,
        name: Text<8>,
    }
}

mod variant {
    use super::{HardState, Text};

    #[derive(Clone, Copy, Debug, Default, HardState)]
    #[hard(evolve)]
    #[repr(u8)]
    enum Mode {
        #[default]
        Idle,
    }

    #[derive(Clone, Copy, Debug, Default, HardState)]
    #[hard(evolve)]
    #[repr(C)]
    pub(crate) struct Progress {
        pub(crate) next: u32,
        on: bool,
        hits: u64,
        mode: Mode,
        name: Text<8>,
    }
}

mod unknown {
    use super::HardState;

    #[derive(Clone, Copy, Debug, Default, HardState)]
    #[repr(C)]
    pub(crate) struct Other {
        pub(crate) next: u32,
    }
}

fn main() {
    let mut args = std::env::args_os().skip(1);
    let case = args.next().expect("a case");
    let file = PathBuf::from(args.next().expect("a file"));
    match case.to_str() {
        Some("exact") => serve::<exact::Progress>(&file, |progress| progress.next += 1),
        Some("renamed") => serve::<renamed::Position>(&file, |position| position.following += 1),
        Some("added") => serve::<added::Progress>(&file, |progress| progress.next += 1),
        Some("evolved") => serve::<evolved::Progress>(&file, |progress| progress.following += 1),
        Some("dropped") => serve::<dropped::Progress>(&file, |progress| progress.next += 1),
        Some("reordered") => serve::<reordered::Progress>(&file, |progress| progress.next += 1),
        Some("retyped") => serve::<retyped::Progress>(&file, |progress| progress.next += 1),
        Some("migrated") => serve::<migrated::Progress>(&file, |progress| progress.next += 1),
        Some("refused") => serve::<refused::Progress>(&file, |progress| progress.next += 1),
        Some("version") => serve::<version::Progress>(&file, |progress| progress.next += 1),
        Some("variant") => serve::<variant::Progress>(&file, |progress| progress.next += 1),
        Some("unknown") => serve::<unknown::Other>(&file, |other| other.next += 1),
        _ => panic!("no such case"),
    }
}
