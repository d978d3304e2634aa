use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(packed)]
struct State {
    count: u32,
}

fn main() {}
