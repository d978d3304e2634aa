// M08: a type with a comma and an angle bracket in it, found again by its type.
use ppair::HardState;

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Counter<T: HardState, const N: usize> {
    value: T,
}

#[ppair::main(state = Counter<u8, 3>, max_restarts = 1)]
fn main() {
    let counter = ppair::checkpoint::<Counter<u8, 3>>().expect("the state was asked for");
    counter.update(|c| c.value += 1);
    assert_eq!(counter.load().value, 1);
    assert!(ppair::checkpoint::<Counter<u8, 4>>().is_none());
}
