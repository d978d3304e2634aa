// M18
#[ppair::main(max_restart = 3)]
fn main<T>(x: u32) {
    let _: u32 = x;
}
