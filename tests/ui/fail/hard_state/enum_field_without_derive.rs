use ppair::HardState;

#[derive(Clone, Copy)]
#[repr(u8)]
enum Mode {
    Idle,
}

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    mode: Mode,
}

fn main() {}
