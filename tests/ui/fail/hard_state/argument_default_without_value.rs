use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(evolve)]
#[repr(C)]
struct State {
    #[hard(default)]
    next: u32,
    #[hard(default =)]
    last: u32,
}

fn main() {}
