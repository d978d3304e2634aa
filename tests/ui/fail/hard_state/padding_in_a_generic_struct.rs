use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(no_padding)]
#[repr(C)]
struct State<T> {
    value: T,
    on: bool,
}

const _: usize = <State<u64>>::LAYOUT.size();

fn main() {}
