use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard]
#[repr(C)]
struct State {
    count: u32,
}

fn main() {}
