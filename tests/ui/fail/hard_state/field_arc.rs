use std::sync::Arc;

use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    before: u8,
    field: Arc<u32>,
    after: u64,
}

fn main() {}
