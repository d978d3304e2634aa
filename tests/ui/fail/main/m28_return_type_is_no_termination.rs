// M28
struct Foo;

#[ppair::main]
fn main() -> Foo {
    Foo
}
