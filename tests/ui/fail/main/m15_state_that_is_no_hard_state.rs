// M15
#[derive(Clone, Copy, Default)]
struct Progress<T>(T);

#[ppair::main(state = Progress<u8>)]
fn main() {}
