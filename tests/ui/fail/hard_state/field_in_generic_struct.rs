use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State<T, const N: usize> {
    items: [T; N],
    names: [&'static str; N],
}

fn main() {}
