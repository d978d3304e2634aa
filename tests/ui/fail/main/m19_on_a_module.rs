// M19
#[ppair::main]
mod service {
    pub fn run() {}
}

fn main() {
    service::run();
}
