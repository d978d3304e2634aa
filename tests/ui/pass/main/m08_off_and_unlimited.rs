// M08: words for what has no number, with each of the other words.
#![deny(warnings)]

mod the_defaults {
    #[ppair::main(
        max_deaths = "unlimited",
        hang_timeout = "off",
        on_watchdog_death = "exit",
        orphans = "kill",
        thread_panic = "continue"
    )]
    pub fn main() {}
}

#[ppair::main(max_restarts = "unlimited", stop_timeout = "unlimited")]
fn main() {
    let _: fn() = the_defaults::main;
}
