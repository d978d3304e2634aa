// M11: the one call of the nested function is no use of a deprecated one.
#![deny(warnings)]

#[ppair::main]
#[deprecated]
#[rustfmt::skip]
#[clippy::cognitive_complexity = "3"]
fn main() {}
