// M32: one error, however often the crate is named.
use ppair::{Checkpoint, HardState, Worker};

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Progress {
    next: u32,
}

fn read() -> u32 {
    3
}

#[ppair::main(crate = "missing", setup = read, state = Progress, restart = "never", max_restarts = 3)]
fn main(config: &u32, worker: Worker) {
    let _: (&u32, Worker, Option<Checkpoint<Progress>>) = (config, worker, None);
}
