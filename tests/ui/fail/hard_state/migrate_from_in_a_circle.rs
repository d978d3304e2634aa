use ppair::HardState;
use ppair::MigrateFrom;

#[derive(Clone, Copy, HardState)]
#[hard(migrate_from = State)]
#[repr(C)]
struct First {
    next: u32,
}

#[derive(Clone, Copy, HardState)]
#[hard(migrate_from = First)]
#[repr(C)]
struct State {
    next: u32,
}

impl MigrateFrom<First> for State {
    fn migrate_from(old: First) -> Self {
        Self { next: old.next }
    }
}

impl MigrateFrom<State> for First {
    fn migrate_from(old: State) -> Self {
        Self { next: old.next }
    }
}

fn main() {}
