// M15
struct Config;

#[ppair::main]
fn main(config: &Config) {
    let _: &Config = config;
}
