// M15
use ppair::{Checkpoint, HardState};

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Progress {
    next: u32,
}

#[ppair::main(state = Progress)]
fn main(progress: Checkpoint<Progress>) {
    let _ = progress;
}
