// M15
use ppair::Checkpoint;

#[derive(Clone, Copy, Default)]
struct Progress;

#[ppair::main]
fn main(progress: Checkpoint<Progress>) {
    let _: Checkpoint<Progress> = progress;
}
