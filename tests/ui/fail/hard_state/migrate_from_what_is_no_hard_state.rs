use ppair::HardState;

#[derive(Clone, Copy)]
struct First;

#[derive(Clone, Copy, HardState)]
#[hard(migrate_from = First)]
#[repr(C)]
struct State {
    next: u32,
}

impl ppair::MigrateFrom<First> for State {
    fn migrate_from(_: First) -> Self {
        Self { next: 0 }
    }
}

fn main() {}
