// M09: `$crate` leads to the crate of the macro.
pub use ppair::*;

macro_rules! entry {
    ($($argument:tt)*) => {
        #[ppair::main(crate = $crate, $($argument)*)]
        fn main() {}
    };
}

entry!(max_restarts = "unlimited", restart = ("never"));
