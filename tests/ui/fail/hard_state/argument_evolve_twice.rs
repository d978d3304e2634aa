use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(evolve, evolve)]
#[repr(C)]
struct State {
    next: u32,
}

fn main() {}
