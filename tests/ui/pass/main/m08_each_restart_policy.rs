// M08: what each name means is tested on the watch dog; here, that each is known.
mod always {
    #[ppair::main(restart = "always")]
    pub fn main() {}
}
mod on_success {
    #[ppair::main(restart = "on_success")]
    pub fn main() {}
}
mod on_abnormal {
    #[ppair::main(restart = "on_abnormal")]
    pub fn main() {}
}
mod on_abort {
    #[ppair::main(restart = "on_abort")]
    pub fn main() {}
}
mod on_watchdog {
    #[ppair::main(restart = "on_watchdog")]
    pub fn main() {}
}
mod never {
    #[ppair::main(restart = "never", max_restarts = 0, restart_delay = "0s")]
    pub fn main() {}
}

#[ppair::main()]
fn main() {
    let _: [fn(); 6] = [
        always::main,
        on_success::main,
        on_abnormal::main,
        on_abort::main,
        on_watchdog::main,
        never::main,
    ];
}
