// M25
async fn read() -> u32 {
    3
}

#[ppair::main(setup = read)]
fn main(number: &u32) {
    let _ = number;
}
