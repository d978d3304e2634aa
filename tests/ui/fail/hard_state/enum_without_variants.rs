use ppair::HardState;

#[derive(Clone, Copy, HardState)]
enum Mode {}

fn main() {}
