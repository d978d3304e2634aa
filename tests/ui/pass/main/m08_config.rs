// M08: options that are only known when the program runs, beside all that is no option.
#![deny(warnings)]

use ppair::{Checkpoint, Config, Event, Restart};

fn read_options() -> Config {
    Config::new().restart(Restart::Never).max_restarts(0)
}

fn read() -> Result<u32, std::io::Error> {
    Ok(3)
}

fn tell(_: &Event<'_>) {}

mod closure {
    #[ppair::main(config = || ppair::Config::new())]
    pub fn main() {}
}

mod reexport {
    pub use ppair::*;
}

mod under_another_name {
    #[ppair::main(crate = crate::reexport, config = super::read_options)]
    pub fn main() {}
}

#[ppair::main(config = read_options, setup = read, state = [u8; 4], on_event = tell)]
fn main(setup: &u32, progress: Checkpoint<u32>) {
    let _: [fn(); 2] = [closure::main, under_another_name::main];
    progress.store(*setup);
    assert!(ppair::checkpoint::<[u8; 4]>().is_some());
}
