use std::time::SystemTime;

use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    before: u8,
    field: SystemTime,
    after: u64,
}

fn main() {}
