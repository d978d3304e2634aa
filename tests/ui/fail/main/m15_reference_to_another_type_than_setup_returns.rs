// M15
struct Config;
struct Other;

fn read_config() -> Config {
    Config
}

#[ppair::main(setup = read_config)]
fn main(config: &Other) {
    let _: &Other = config;
}
