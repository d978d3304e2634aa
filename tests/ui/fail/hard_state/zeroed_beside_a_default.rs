use ppair::HardState;

#[derive(Clone, Copy, Default, HardState)]
#[hard(zeroed)]
#[repr(C)]
struct State {
    count: u64,
}

fn main() {}
