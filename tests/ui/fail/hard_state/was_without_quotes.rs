use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(was = 7)]
#[repr(C)]
struct State {
    next: u32,
}

fn main() {}
