use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(zeroed)]
struct State {
    count: u64,
}

fn needs<T: HardState + Default>() {}

fn main() {
    needs::<State>();
}
