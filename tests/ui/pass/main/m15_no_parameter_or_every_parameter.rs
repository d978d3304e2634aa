// M15: in any order and number, under any pattern, with attributes.
#![deny(warnings)]

use ppair::{Checkpoint, HardState, Worker};

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct First {
    next: u32,
}

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Second([u8; 3]);

struct Config {
    limit: u32,
    name: String,
}

fn read() -> Result<Config, std::io::Error> {
    Ok(Config { limit: 3, name: "name".to_owned() })
}

#[ppair::main(setup = read)]
fn main(
    _: Worker,
    mut first: Checkpoint<First>,
    &Config { limit, ref name }: &'static Config,
    #[allow(unused_variables)] second: Checkpoint<Second>,
    #[cfg(windows)] missing: u32,
    #[cfg(unix)] _third: Checkpoint<[u64; 2]>,
) {
    let borrowed: &mut Checkpoint<First> = &mut first;
    borrowed.store(First { next: limit });
    assert_eq!((first.load().next, name.as_str()), (3, "name"));
}
