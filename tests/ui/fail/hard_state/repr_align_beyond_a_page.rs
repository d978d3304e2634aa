use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C, align(8192))]
struct State {
    count: u32,
}

fn main() {}
