mod reexport {
    pub use ppair::*;
}

#[derive(Clone, Copy, reexport::HardState)]
#[hard(crate = crate::reexport)]
#[repr(C)]
struct Bare {
    count: u32,
}

#[derive(Clone, Copy, reexport::HardState)]
#[hard(crate = "crate::reexport",)]
#[repr(C)]
struct Quoted<T>(T);

#[derive(Clone, Copy, reexport::HardState)]
#[hard()]
#[repr(C)]
struct Default;

fn main() {
    use reexport::HardState;
    assert_eq!(Bare::LAYOUT.size(), 4);
    assert_eq!(Quoted::<u8>::LAYOUT.size(), 1);
    assert_eq!(Default::LAYOUT.size(), 0);
}
