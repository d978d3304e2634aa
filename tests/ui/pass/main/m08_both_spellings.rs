// M08: what the environment and systemd write, the attribute takes too.
#![deny(warnings)]

mod other {
    #[ppair::main(guard = "off", hang_timeout = 0, restart_delay = "0", store_interval = 0)]
    pub fn main() {}
}

#[ppair::main(
    restart = "on-failure",
    guard = "on",
    hang_timeout = "0",
    stop_timeout = 0,
    restart_delay = "0s"
)]
fn main() {
    let _: fn() = other::main;
}
