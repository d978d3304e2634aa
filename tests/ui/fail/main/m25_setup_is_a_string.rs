// M25
fn read() -> u32 {
    3
}

#[ppair::main(setup = "read")]
fn main(config: &u32) {
    let _ = (config, read());
}
