use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    name: ppair::Text<{ 1 << 32 }>,
}

fn main() {}
