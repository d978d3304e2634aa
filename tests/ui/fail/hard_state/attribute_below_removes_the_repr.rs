use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[swap_field::without_repr]
#[repr(C)]
struct State {
    small: u8,
    big: u64,
    last: u8,
}

fn main() {}
