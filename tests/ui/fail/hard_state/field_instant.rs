use std::time::Instant;

use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    before: u8,
    field: Instant,
    after: u64,
}

fn main() {}
