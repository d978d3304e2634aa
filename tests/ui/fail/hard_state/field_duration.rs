use std::time::Duration;

use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    before: u8,
    field: Duration,
    after: u64,
}

fn main() {}
