use std::time::Duration;

use ppair::HardState;

#[derive(Clone, Copy, HardState)]
#[hard(version = 2)]
struct State {
    name: &'static str,
    #[hard(default = 1)]
    count: u32,
    since: Duration,
    pair: (u8, u8),
}

fn main() {}
