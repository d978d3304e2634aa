// M08: both spellings, and M32: with `crate = renamed` the renamed crate is found.
extern crate ppair as renamed;

mod bare {
    #[renamed::main(crate = renamed)]
    pub fn main() {}
}

#[renamed::main(crate = "renamed", restart = "never")]
fn main() {
    let _: fn() = bare::main;
}
