use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(evolve)]
#[repr(C)]
struct State {
    #[hard(default = "seven")]
    next: u32,
}

fn main() {}
