// M23: two places for one option.
fn read() -> ppair::Config {
    ppair::Config::new()
}

#[ppair::main(config = read, max_restarts = 3)]
fn main() {}
