use std::cell::Cell;

use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    before: u8,
    field: Cell<u32>,
    after: u64,
}

fn main() {}
