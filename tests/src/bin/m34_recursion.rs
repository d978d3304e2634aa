//! M34: a worker calls `main` again, itself or by way of another function.
#![allow(clippy::main_recursion)]

#[ppair::main]
fn main() {
    println!("main");
    match std::env::args().nth(1).as_deref() {
        Some("directly") => main(),
        Some("indirectly") => again(),
        _ => {}
    }
}

fn again() {
    main();
}
