// M23
fn read() -> ppair::Config {
    ppair::Config::new()
}

#[ppair::main(store = "file:/var/lib/service", config = read, store_interval = "1s")]
fn main() {}
