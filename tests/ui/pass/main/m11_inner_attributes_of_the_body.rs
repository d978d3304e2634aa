// M11: the body is handed on as it is.
#![deny(warnings)]

#[ppair::main]
fn main() {
    #![allow(unused_variables)]
    let unused = 3;
}
