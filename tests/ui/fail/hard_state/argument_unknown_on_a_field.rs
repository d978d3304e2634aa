use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    #[hard(was = "number")]
    count: u32,
}

fn main() {}
