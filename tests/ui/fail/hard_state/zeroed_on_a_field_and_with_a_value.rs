use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(zeroed = true, zeroed, zeroed)]
#[repr(C)]
struct State {
    #[hard(zeroed)]
    count: u64,
}

fn main() {}
