use std::marker::PhantomData;
use std::num::{NonZero, NonZeroU8, Wrapping};

use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Row {
    id: u16,
    ok: bool,
}

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct State {
    unsigned: (),
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    u128: u128,
    usize: usize,
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    i128: i128,
    isize: isize,
    f32: f32,
    f64: f64,
    bool: bool,
    char: char,
    array: [[u8; 3]; 2],
    no_elements: [bool; 0],
    non_zero: NonZeroU8,
    niche: Option<NonZero<i64>>,
    wrapping: Wrapping<u32>,
    marker: PhantomData<String>,
    row: Row,
    rows: [Row; 2],
}

fn main() {
    assert_eq!(State::LAYOUT.size(), size_of::<State>());
    assert_eq!(State::LAYOUT.align(), align_of::<State>());
    assert_eq!(<Option<NonZero<i64>>>::LAYOUT.size(), size_of::<Option<NonZero<i64>>>());
}
