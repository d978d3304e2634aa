// M29
#[ppair::main]
fn main() {
    let _: u32 = "1".parse()?;
}
