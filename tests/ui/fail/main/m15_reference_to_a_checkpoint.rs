// M15
use ppair::{Checkpoint, Worker};

#[ppair::main]
fn main(count: &Checkpoint<u32>, worker: &mut Worker) {
    let _ = (count, worker);
}
