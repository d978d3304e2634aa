use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(no_padding)]
#[repr(C)]
struct State {
    len: u8,
    total: u32,
    on: bool,
}

fn main() {}
