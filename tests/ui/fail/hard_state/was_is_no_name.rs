use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    #[hard(was = "next one")]
    next: u32,
}

fn main() {}
