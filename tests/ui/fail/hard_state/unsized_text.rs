use ppair::HardState;

#[derive(HardState)]
#[repr(C)]
struct State {
    len: usize,
    rest: str,
}

fn main() {}
