// M25: the options are constants; what is only known at run time is for the environment to say.
fn limit() -> u32 {
    3
}

#[ppair::main(max_restarts = limit())]
fn main() {}
