use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(Rust)]
struct State {
    count: u32,
}

fn main() {}
