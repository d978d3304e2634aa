use std::sync::Mutex;

use ppair::HardState;

#[derive(HardState)]
#[repr(C)]
struct State {
    before: u8,
    field: Mutex<u32>,
    after: u64,
}

fn main() {}
