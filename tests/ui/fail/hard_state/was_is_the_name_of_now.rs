use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    #[hard(was = "next")]
    next: u32,
}

fn main() {}
