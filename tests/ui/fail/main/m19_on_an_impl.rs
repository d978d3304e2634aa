// M19
struct Service;

#[ppair::main]
impl Service {
    fn run(&self) {}
}

fn main() {
    Service.run();
}
