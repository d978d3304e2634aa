//! M01, M10: the smallest pair, under lints that generated code must not break. Clippy reads its
//! own when it checks this package.
#![forbid(unsafe_code)]
#![warn(clippy::all, clippy::pedantic, clippy::nursery)]
#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    unused_results
)]

#[ppair::main]
fn main() {}
