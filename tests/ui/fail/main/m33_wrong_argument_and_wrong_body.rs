// M33: both are shown.
#[ppair::main(max_restart = 3)]
fn main() {
    let _: u32 = "text";
}
