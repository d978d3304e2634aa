// M27
#[ppair::main(max_restarts = 1,, "3", restart = "never" 4)]
fn main() {}
