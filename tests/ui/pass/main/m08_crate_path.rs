// M08
mod reexport {
    pub use ppair::*;
}

fn read() -> u32 {
    3
}

#[ppair::main(crate = crate::reexport, setup = read, restart = "never")]
fn main(config: &u32, worker: reexport::Worker) {
    assert_eq!((*config, worker.incarnation()), (3, 1));
}
