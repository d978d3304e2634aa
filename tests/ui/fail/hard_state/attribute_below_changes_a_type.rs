use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[swap_field::retype(count: &'static str)]
#[repr(C)]
struct State {
    count: u32,
    total: u64,
}

fn main() {}
