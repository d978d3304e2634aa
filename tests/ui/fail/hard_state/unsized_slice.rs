use ppair::HardState;

#[derive(HardState)]
#[repr(C)]
struct State {
    len: usize,
    rest: [u8],
}

fn main() {}
