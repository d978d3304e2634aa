use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(zeroed)]
#[repr(C)]
union State {
    count: u64,
    bytes: [u8; 8],
}

fn needs<T: HardState + Default>() {}

fn main() {
    needs::<State>();
}
