// M21
mod reexport {
    pub use ppair::*;
}

#[ppair::main(crate = crate::reexport)]
#[crate::reexport::main]
fn main() {}
