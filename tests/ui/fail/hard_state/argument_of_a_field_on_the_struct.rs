use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(default = 1)]
#[repr(C)]
struct State {
    next: u32,
}

fn main() {}
