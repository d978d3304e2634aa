// M15
#[ppair::main]
fn main(x: u32) {
    let _: u32 = x;
}
