// M25
fn tell(_: &ppair::Event<'_>) {}

#[ppair::main(on_event = tell())]
fn main() {
    let _ = tell;
}
