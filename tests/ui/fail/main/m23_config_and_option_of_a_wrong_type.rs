// M23: an option that is refused is still judged.
fn read() -> ppair::Config {
    ppair::Config::new()
}

#[ppair::main(config = read, max_restarts = "five", max_deaths = 2.5)]
fn main() {}
