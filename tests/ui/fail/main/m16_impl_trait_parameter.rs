// M16
#[ppair::main]
fn main(x: impl Copy) {
    let _ = x;
}
