use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    #[hard(default = 7)]
    next: u32,
}

fn main() {}
