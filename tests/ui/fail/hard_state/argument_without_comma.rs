use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(crate = ppair strict)]
#[repr(C)]
struct State {
    count: u32,
}

fn main() {}
