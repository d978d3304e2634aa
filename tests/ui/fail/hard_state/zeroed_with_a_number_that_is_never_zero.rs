use core::num::NonZeroU32;

use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Row {
    on: bool,
    id: NonZeroU32,
}

#[derive(Clone, Copy, HardState)]
#[hard(zeroed)]
#[repr(C)]
struct State {
    count: u64,
    rows: [Row; 100],
}

fn main() {}
