// M06: none of these takes the `async` away.
/// Documented.
#[ppair::main]
#[inline(never)]
#[rustfmt::skip]
#[allow(unused)]
async fn main() {}
