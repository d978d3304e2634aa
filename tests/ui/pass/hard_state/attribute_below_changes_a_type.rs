use ppair::{HardState, Kind};

#[derive(Clone, Copy, HardState)]
#[swap_field::retype(count: bool)]
#[repr(C)]
struct State {
    count: u32,
    total: u64,
}

fn main() {
    let Kind::Struct { fields } = State::LAYOUT.kind() else {
        panic!("a struct")
    };
    assert_eq!(fields[0].layout().kind(), Kind::Bool);
    assert!(!State::LAYOUT.is_any_bytes());
}
