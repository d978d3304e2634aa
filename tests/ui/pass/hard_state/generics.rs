use std::marker::PhantomData;

use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Ring<T, const N: usize = 4> {
    items: [T; N],
    next: usize,
}

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Bounded<T: Default, U = u8>
where
    U: Send,
{
    first: T,
    second: Ring<U>,
}

#[derive(HardState)]
#[repr(C)]
struct Tagged<T> {
    id: u64,
    tag: PhantomData<T>,
}

impl<T> Clone for Tagged<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Tagged<T> {}

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    ring: Ring<bool, 3>,
    bounded: Bounded<u32, u8>,
    tagged: Tagged<String>,
}

fn main() {
    assert_eq!(State::LAYOUT.size(), size_of::<State>());
    assert_eq!(<Ring<bool, 3>>::LAYOUT.size(), 16);
    assert_ne!(<Ring<u8>>::LAYOUT.fingerprint(), <Ring<bool>>::LAYOUT.fingerprint());
}
