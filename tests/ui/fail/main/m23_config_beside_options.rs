// M23: before it and behind it, also if a value could not be read; and what is no option may stand beside it.
const LIMIT: u32 = 3;

fn read() -> ppair::Config {
    ppair::Config::new()
}

fn tell(_: &ppair::Event<'_>) {}

#[ppair::main(max_deaths = LIMIT, hang_timeout = 30, config = read, on_event = tell, guard = true)]
fn main() {}
