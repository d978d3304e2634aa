// M14: nobody calls it, and the compiler says so as of any function.
#![deny(dead_code)]

mod inner {
    #[ppair::main]
    fn main() {}
}

fn main() {}
