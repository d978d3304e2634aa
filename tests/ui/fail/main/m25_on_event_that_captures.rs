// M25: a function has nothing to keep it in.
#[ppair::main(on_event = {
    let name = String::from("service");
    move |event| eprintln!("{name}: {event:?}")
})]
fn main() {}
