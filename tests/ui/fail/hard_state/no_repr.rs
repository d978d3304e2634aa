use ppair::HardState;

#[derive(Clone, Copy, HardState)]
struct State {
    count: u32,
}

fn main() {}
