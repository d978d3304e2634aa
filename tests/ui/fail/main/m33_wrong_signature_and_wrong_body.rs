// M33: both are shown.
#[ppair::main]
async fn main() {
    let _: u32 = "text";
}
