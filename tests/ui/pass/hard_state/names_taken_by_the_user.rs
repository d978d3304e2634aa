#![forbid(unsafe_code)]

mod core {}
mod std {}
mod ppair {}
mod mem {}

#[allow(non_camel_case_types)]
type u64 = u32;
#[allow(non_camel_case_types)]
type usize = u8;

#[derive(Clone, Copy, ::ppair::HardState)]
#[repr(C)]
struct String {
    len: usize,
}

#[derive(Clone, Copy, ::ppair::HardState)]
#[repr(C)]
struct Vec<T>(T);

#[allow(non_upper_case_globals)]
const state: u8 = 0;
#[allow(non_upper_case_globals)]
const s: u8 = state;

trait HardState {
    const LAYOUT: u8;
}

impl HardState for State {
    const LAYOUT: u8 = s;
}

struct Layout;
struct Self_;

#[derive(Clone, Copy, ::ppair::HardState)]
#[repr(C)]
struct State {
    r#type: u64,
    text: String,
    option: Option<u64>,
    s: u8,
    items: [Vec<u64>; 2],
    layout: usize,
}

#[derive(Clone, Copy, ::ppair::HardState)]
#[repr(C)]
struct Option<T> {
    value: T,
    is_some: bool,
}

fn main() {
    let layout = <State as ::ppair::HardState>::LAYOUT;
    assert_eq!(layout.name(), "State");
    assert_eq!(layout.size(), size_of::<State>());
    assert_eq!(<State as HardState>::LAYOUT, 0);
    let _ = (Layout, Self_);
}
