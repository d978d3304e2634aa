use ppair::{HardState, Layout};

#[derive(Clone, Copy, HardState)]
struct Row {
    count: u32,
}

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    rows: [Row; 3],
}

fn needs_hard_state<T: HardState>() -> Layout {
    T::LAYOUT
}

fn main() {
    needs_hard_state::<Row>();
    needs_hard_state::<State>();
}
