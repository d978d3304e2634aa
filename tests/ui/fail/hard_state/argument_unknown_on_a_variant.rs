use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(u8)]
enum Mode {
    #[hard(alias = "Off")]
    Idle,
}

fn main() {}
