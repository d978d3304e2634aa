use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(crate)]
#[repr(C)]
struct State {
    count: u32,
}

fn main() {}
