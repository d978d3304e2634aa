// M22
#[ppair::main(stroe = "file:/var/lib/service", store_intervall = "1s", persist = true)]
fn main() {}
