use std::sync::atomic::AtomicU64;

use ppair::HardState;

#[derive(HardState)]
#[repr(C)]
struct State {
    before: u8,
    field: AtomicU64,
    after: u64,
}

fn main() {}
