//! Enums without fields, with an integer that stores them.
#![deny(warnings)]
#![forbid(unsafe_code)]

use ppair::{HardState, Kind};

const BASE: i16 = 100;

#[derive(Clone, Copy, HardState)]
#[repr(u8)]
enum One {
    Only,
}

#[derive(Clone, Copy, HardState)]
#[repr(i16)]
#[non_exhaustive]
enum Sparse {
    Low = -300,
    Next,
    Computed = BASE * 3 + 1,
    r#Self_ = 7,
}

#[derive(Clone, Copy, HardState)]
#[repr(u64)]
enum Wide {
    Zero,
    Largest = u64::MAX,
}

#[derive(Clone, Copy, HardState)]
#[repr(isize)]
enum Pointer {
    Least = isize::MIN,
}

#[derive(Clone, Copy, HardState)]
#[repr(u8)]
#[deprecated]
enum Old {
    #[deprecated]
    Older,
}

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Holds<T> {
    one: One,
    sparse: [Sparse; 3],
    wide: T,
}

fn numbers<T: HardState>() -> Vec<(&'static str, i128)> {
    let Kind::Enum { variants, .. } = T::LAYOUT.kind() else {
        panic!("an enum")
    };
    variants.iter().map(|variant| (variant.name(), variant.number())).collect()
}

#[allow(deprecated)]
fn main() {
    assert_eq!(numbers::<One>(), [("Only", 0)]);
    assert_eq!(numbers::<Sparse>(), [("Low", -300), ("Next", -299), ("Computed", 301), ("Self_", 7)]);
    assert_eq!(numbers::<Wide>(), [("Zero", 0), ("Largest", u64::MAX.into())]);
    assert_eq!(numbers::<Pointer>(), [("Least", isize::MIN as i128)]);
    assert_eq!(numbers::<Old>(), [("Older", 0)]);
    let _ = [Sparse::Low, Sparse::Next, Sparse::Computed, Sparse::r#Self_];
    let _ = ([Wide::Zero, Wide::Largest], One::Only, Pointer::Least, Old::Older);
    let layout = <Holds<Wide>>::LAYOUT;
    assert_eq!(layout.size(), 16);
    assert!(layout.validate(&[0; 16]).is_err());
    let mut bytes = [0; 16];
    for at in [2, 4, 6] {
        bytes[at..at + 2].copy_from_slice(&301_i16.to_ne_bytes());
    }
    assert_eq!(layout.validate(&bytes), Ok(()));
    bytes[4] = 0;
    let invalid = layout.validate(&bytes).unwrap_err();
    assert_eq!(invalid.path(), "sparse[1]");
    let _ = Holds { one: One::Only, sparse: [Sparse::Low; 3], wide: 0_u8 };
}
