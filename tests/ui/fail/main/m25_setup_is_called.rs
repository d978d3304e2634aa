// M25
mod config {
    pub fn read() -> u32 {
        3
    }
}

#[ppair::main(setup = config::read())]
fn main(config: &u32) {
    let _ = config;
}
