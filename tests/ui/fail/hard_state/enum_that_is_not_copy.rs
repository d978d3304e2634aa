use ppair::HardState;

#[derive(HardState)]
#[repr(u8)]
enum Mode {
    Idle,
    Busy,
}

fn main() {}
