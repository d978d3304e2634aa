// M25
fn read(number: u32) -> u32 {
    number
}

#[ppair::main(setup = read(3))]
fn main() {
    read(4);
}
