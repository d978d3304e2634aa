// M22
#[ppair::main(hang_time_out = "30s")]
fn main() {}
