// M20
#[ppair::main]
fn run() {}

fn main() {
    run();
}
