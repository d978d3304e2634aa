// M19: the keyword that names the item is underlined.
#[ppair::main]
const LIMIT: u32 = 3;

#[ppair::main]
pub(crate) unsafe trait Marker {}

#[ppair::main]
unsafe impl Marker for u8 {}

#[ppair::main]
extern crate core;

fn main() {
    let _ = LIMIT;
}
