use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(crate = ppair)]
#[hard(crate = ppair)]
#[repr(C)]
struct State {
    count: u32,
}

fn main() {}
