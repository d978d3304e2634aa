use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State<T> {
    item: T,
}

fn needs_hard_state<T: HardState>() {}

fn main() {
    needs_hard_state::<State<u32>>();
    needs_hard_state::<State<&'static str>>();
}
