//! No lint fires in the expansion.
#![forbid(unsafe_code)]
#![deny(warnings)]
#![deny(
    missing_docs,
    non_local_definitions,
    single_use_lifetimes,
    unreachable_pub,
    unused,
    unused_qualifications,
    unused_results
)]

use ppair::HardState;

/// A row.
#[derive(Clone, Copy, HardState)]
#[repr(C)]
pub struct Row {
    /// Not used any more.
    #[deprecated]
    pub old: u8,
    /// Its letters.
    pub letters: [char; 3],
}

/// In a function.
fn local() -> usize {
    #[derive(Clone, Copy, HardState)]
    #[repr(C)]
    struct Local(u8, u64);
    Local::LAYOUT.size()
}

fn main() {
    assert_eq!(local(), 16);
    assert_eq!(Row::LAYOUT.size(), 16);
}
