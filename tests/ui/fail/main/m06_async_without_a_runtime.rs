// M06
#[ppair::main]
async fn main() {}
