use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    #[hard(crate = ppair)]
    count: u32,
}

fn main() {}
