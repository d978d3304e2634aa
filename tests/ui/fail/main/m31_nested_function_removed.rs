// M31: whatever removes the nested function, the program does not compile.
#[ppair::main]
#[cfg_attr(not(test), core::prelude::v1::test)]
fn main() {}
