use ppair::HardState;

#[derive(Clone, Copy, HardState)]
enum Mode {
    Idle,
    Busy,
}

fn main() {}
