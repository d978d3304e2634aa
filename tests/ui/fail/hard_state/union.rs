use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
union State {
    number: u32,
    bytes: [u8; 4],
}

fn main() {}
