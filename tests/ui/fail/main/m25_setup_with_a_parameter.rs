// M25
fn read(path: &str) -> usize {
    path.len()
}

#[ppair::main(setup = read)]
fn main(config: &usize) {
    let _ = config;
}
