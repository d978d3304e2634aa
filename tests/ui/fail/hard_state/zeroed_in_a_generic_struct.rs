use core::num::NonZeroU8;

use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(zeroed)]
#[repr(C)]
struct State<T> {
    value: T,
}

const _: usize = <State<NonZeroU8>>::LAYOUT.size();

fn main() {}
