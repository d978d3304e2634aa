use ppair::HardState;

type Name = String;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    name: Name,
}

fn main() {}
