use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
enum Mode {
    Idle,
    Busy,
}

fn main() {}
