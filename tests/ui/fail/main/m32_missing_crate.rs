// M32
mod path {
    pub mod to {}
}

#[ppair::main(crate = path::to::missing)]
fn main() {}
