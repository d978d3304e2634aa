use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(u8)]
enum Mode {
    #[hard(was = "Busy")]
    Idle,
    Busy,
}

fn main() {}
