// M15
use ppair::{Checkpoint, HardState, Worker};

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Progress {
    next: u32,
}

#[ppair::main]
fn main(first: Checkpoint<Progress>, _: Worker, second: Checkpoint<Progress>, _: Worker) {
    let _ = (first, second);
}
