use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(u8)]
enum Mode {
    Idle = 1,
    Busy,
}

#[derive(Clone, Copy, HardState)]
#[hard(zeroed)]
#[repr(C)]
struct State {
    modes: [[Mode; 2]; 3],
}

fn main() {}
