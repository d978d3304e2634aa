use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State(u8, &'static [u8], u64);

fn main() {}
