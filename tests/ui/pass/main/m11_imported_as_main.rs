// M11: macros and functions have namespaces of their own.
#![deny(warnings)]

use ppair::main;

#[main]
fn main() {}
