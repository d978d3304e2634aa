use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    before: u8,
    field: (u8, u64),
    after: u64,
}

fn main() {}
