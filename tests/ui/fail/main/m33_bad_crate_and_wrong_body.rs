// M33: both are shown.
#[ppair::main(crate = 3)]
fn main(x: u32) {
    let _: &str = x;
}
