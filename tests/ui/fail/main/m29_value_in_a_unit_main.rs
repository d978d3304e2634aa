// M29
#[ppair::main]
fn main() {
    Ok(())
}
