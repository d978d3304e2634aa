use ppair::HardState;
use swap_field::extra_field;

#[derive(Clone, Copy, HardState)]
#[extra_field(Hidden(u64))]
#[repr(u8)]
enum Mode {
    Idle,
}

fn main() {}
