// M08: what each name means is tested on the watch dog; here, that each is known.
mod always {
    #[ppair::main(restart = "always")]
    pub fn main() {}
}
mod on_abnormal {
    #[ppair::main(restart = "on_abnormal")]
    pub fn main() {}
}
mod never {
    #[ppair::main(restart = "never", max_restarts = 0, restart_delay = "0s")]
    pub fn main() {}
}

#[ppair::main()]
fn main() {
    let _: [fn(); 3] = [always::main, on_abnormal::main, never::main];
}
