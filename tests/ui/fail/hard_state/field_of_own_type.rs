use ppair::HardState;

#[derive(Clone, Copy)]
struct Plain(u8);

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    plain: Plain,
}

fn main() {}
