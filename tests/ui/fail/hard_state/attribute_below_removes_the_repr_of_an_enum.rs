use ppair::HardState;
use swap_field::without_repr;

#[derive(Clone, Copy, HardState)]
#[without_repr]
#[repr(u8)]
enum Mode {
    Idle = 7,
}

fn main() {}
