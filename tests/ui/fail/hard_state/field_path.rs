use std::path::PathBuf;

use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    before: u8,
    field: PathBuf,
    after: u64,
}

fn main() {}
