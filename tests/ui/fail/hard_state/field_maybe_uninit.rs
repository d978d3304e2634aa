use std::mem::MaybeUninit;

use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    before: u8,
    field: MaybeUninit<u32>,
    after: u64,
}

fn main() {}
