use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct First {
    next: u16,
}

#[derive(Clone, Copy, HardState)]
#[hard(migrate_from = First)]
#[repr(C)]
struct State {
    next: u32,
}

fn main() {}
