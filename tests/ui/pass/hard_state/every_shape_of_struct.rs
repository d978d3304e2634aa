use std::marker::PhantomData;

use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Unit;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Braces {}

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Tuple(u8, u64, [bool; 2]);

#[derive(Clone, Copy, HardState)]
#[repr(transparent)]
struct Transparent(PhantomData<fn()>, u32, PhantomData<str>);

#[derive(Clone, Copy, HardState)]
#[repr(C, align(4096))]
struct Page {
    byte: u8,
}

#[derive(Clone, Copy, HardState)]
#[repr(align(16))]
#[repr(C)]
struct TwoReprs(u8);

#[derive(Clone, Copy, HardState)]
#[r#repr(C)]
struct RawRepr(u8);

#[derive(Clone, Copy, HardState)]
#[cfg_attr(all(), repr(C))]
struct ConditionalRepr(u8);

#[derive(Clone, Copy, HardState)]
#[repr(C, packed)]
struct Packed {
    byte: u8,
    word: u64,
    page: [u128; 2],
}

#[derive(Clone, Copy, HardState)]
#[repr(C, packed(2))]
struct PackedByTwo(u8, u64, bool);

fn main() {
    fn check<T: HardState>() {
        assert_eq!(T::LAYOUT.size(), size_of::<T>());
        assert_eq!(T::LAYOUT.align(), align_of::<T>());
    }
    check::<Unit>();
    check::<Braces>();
    check::<Tuple>();
    check::<Transparent>();
    check::<Page>();
    check::<TwoReprs>();
    check::<RawRepr>();
    check::<ConditionalRepr>();
    check::<Packed>();
    check::<PackedByTwo>();
    assert!(!Packed::LAYOUT.is_padded());
    assert!(Page::LAYOUT.is_padded());
}
