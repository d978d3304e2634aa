use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(evolves, defualt = 3)]
#[repr(C)]
struct State {
    #[hard(wsa = "number")]
    next: u32,
}

fn main() {}
