// M29
#[ppair::main]
fn main() -> Result<(), std::num::ParseIntError> {
    let _: u32 = "1".parse()?;
}
