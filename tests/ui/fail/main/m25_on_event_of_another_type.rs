// M25
fn tell(line: &str) {
    eprintln!("{line}");
}

#[ppair::main(on_event = tell)]
fn main() {}
