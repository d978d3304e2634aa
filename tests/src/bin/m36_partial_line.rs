//! M36: a worker leaves text in the buffer of standard output.

#[ppair::main]
fn main() {
    print!("partial");
}
