use ppair::HardState;

#[derive(Clone, Copy)]
#[repr(C)]
struct State {
    name: &'static str,
}

unsafe impl HardState for State {}

fn main() {}
