use ppair::HardState;

#[derive(HardState)]
#[repr(C)]
struct State {
    count: u32,
}

fn main() {}
