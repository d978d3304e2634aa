use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[swap_field::extra_field(name: &'static str)]
#[repr(C)]
struct State {
    count: u32,
}

fn main() {}
