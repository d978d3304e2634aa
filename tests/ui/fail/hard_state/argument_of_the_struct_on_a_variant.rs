use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(u8)]
enum Mode {
    #[hard(version = 2)]
    Idle,
}

fn main() {}
