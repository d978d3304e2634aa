use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(align(64))]
struct State {
    count: u32,
}

fn main() {}
