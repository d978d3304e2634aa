use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(krate = ppair)]
#[repr(C)]
struct State {
    count: u32,
}

fn main() {}
