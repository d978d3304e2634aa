// M25
mod number {
    #[ppair::main(never_restart = 2)]
    pub fn main() {}
}

mod text {
    #[ppair::main(never_restart = "2,64")]
    pub fn main() {}
}

mod negative {
    #[ppair::main(never_restart = [-1])]
    pub fn main() {}
}

mod limit {
    #[ppair::main(max_early_exits = "three")]
    pub fn main() {}
}

fn main() {}
