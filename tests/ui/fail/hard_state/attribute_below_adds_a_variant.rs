use ppair::HardState;
use swap_field::extra_field;

#[derive(Clone, Copy, HardState)]
#[extra_field(Hidden)]
#[repr(u8)]
enum Mode {
    Idle,
}

fn main() {}
