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

mod no_codes {
    #[ppair::main(never_restart = [])]
    pub fn main() {}
}

mod codes {
    const CODES: [u8; 2] = [3, 4];

    #[ppair::main(never_restart = CODES)]
    pub fn main() {}
}

mod borrowed_codes {
    #[ppair::main(never_restart = &[5, 6])]
    pub fn main() {}
}

#[ppair::main(
    never_restart = "none",
    max_restarts = "unlimited",
    max_early_exits = "unlimited",
    stop_timeout = "unlimited"
)]
fn main() {
    let _: fn() = the_defaults::main;
    let _: [fn(); 3] = [no_codes::main, codes::main, borrowed_codes::main];
}
