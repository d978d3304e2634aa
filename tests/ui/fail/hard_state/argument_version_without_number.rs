use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(version)]
#[repr(C)]
struct State {
    next: u32,
}

fn main() {}
