use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    #[hard(was = "count")]
    hits: u32,
    #[hard(was = "count")]
    misses: u32,
}

fn main() {}
