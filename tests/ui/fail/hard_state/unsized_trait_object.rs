use ppair::HardState;

#[derive(HardState)]
#[repr(C)]
struct State {
    len: usize,
    rest: dyn Send,
}

fn main() {}
