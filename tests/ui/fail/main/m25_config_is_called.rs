// M25
fn read() -> ppair::Config {
    ppair::Config::new()
}

#[ppair::main(config = read())]
fn main() {
    let _ = read;
}
