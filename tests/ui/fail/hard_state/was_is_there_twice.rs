use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(was = "Old", was = "Old")]
#[repr(C)]
struct State {
    next: u32,
}

fn main() {}
