use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    #[hard(rename = "number")]
    count: u32,
}

fn main() {}
