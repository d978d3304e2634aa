//! Two numbers of 32 bits in one word.

/// The word.
pub(super) const fn pair(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

/// Its upper half.
pub(super) const fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

/// Its lower half.
pub(super) const fn low(word: u64) -> u32 {
    (word & 0xffff_ffff) as u32
}

/// The bits of a number.
pub(super) const fn unsigned(number: i32) -> u32 {
    u32::from_ne_bytes(number.to_ne_bytes())
}

/// The number of these bits.
pub(super) const fn signed(bits: u32) -> i32 {
    i32::from_ne_bytes(bits.to_ne_bytes())
}
