use std::collections::HashMap;

use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    before: u8,
    field: HashMap<u32, [u8; 4]>,
    after: u64,
}

fn main() {}
