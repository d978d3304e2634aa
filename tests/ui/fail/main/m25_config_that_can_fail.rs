// M25: unlike `setup`.
fn read() -> Result<ppair::Config, std::io::Error> {
    Ok(ppair::Config::new())
}

#[ppair::main(config = read)]
fn main() {}
