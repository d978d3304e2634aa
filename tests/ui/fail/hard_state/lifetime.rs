use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State<'a> {
    name: &'a str,
}

fn needs_hard_state<T: HardState>() {}

fn main() {
    needs_hard_state::<State<'static>>();
}
