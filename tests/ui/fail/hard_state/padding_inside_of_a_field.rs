use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Row {
    id: u16,
    on: bool,
}

#[derive(Clone, Copy, HardState)]
#[hard(no_padding)]
#[repr(C)]
struct State {
    rows: [Row; 2],
    total: u64,
}

fn main() {}
