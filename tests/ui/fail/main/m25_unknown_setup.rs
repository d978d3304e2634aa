// M25
#[ppair::main(setup = read_config)]
fn main(config: &u32) {
    let _ = config;
}
