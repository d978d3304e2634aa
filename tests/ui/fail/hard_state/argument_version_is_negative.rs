use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(version = -2)]
#[repr(C)]
struct State {
    next: u32,
}

fn main() {}
