use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(zeroed)]
#[repr(u8)]
enum Mode {
    Idle = 1,
    Busy,
}

fn main() {}
