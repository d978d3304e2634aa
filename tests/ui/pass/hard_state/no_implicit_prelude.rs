#![no_implicit_prelude]
#![forbid(unsafe_code)]

#[derive(::core::clone::Clone, ::core::marker::Copy, ::ppair::HardState)]
#[repr(C)]
struct State<T, const N: usize> {
    items: [T; N],
    ok: bool,
}

#[derive(::core::clone::Clone, ::core::marker::Copy, ::ppair::HardState)]
#[repr(C)]
struct Tuple(State<u8, 3>, char);

fn main() {}
