// M15
struct Config;

fn read_config() -> Config {
    Config
}

#[ppair::main(setup = read_config)]
fn main(config: &mut Config) {
    let _: &mut Config = config;
}
