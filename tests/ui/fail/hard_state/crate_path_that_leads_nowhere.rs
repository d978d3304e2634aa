use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(crate = renamed)]
#[repr(C)]
struct State {
    count: u32,
}

fn main() {}
