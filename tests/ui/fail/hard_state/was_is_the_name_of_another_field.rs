use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    #[hard(was = "misses")]
    hits: u32,
    misses: u32,
}

fn main() {}
