// M30
#[ppair::main]
fn main() {
    let s = String::new();
    s.
}
