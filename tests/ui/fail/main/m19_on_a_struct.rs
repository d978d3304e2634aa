// M19: the struct stays usable.
#[ppair::main]
pub struct Service {
    name: &'static str,
}

fn main() {
    println!("{}", Service { name: "name" }.name);
}
