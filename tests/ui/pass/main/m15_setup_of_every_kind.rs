// M15: a value, a `Result` with a displayed or a debugged error, a generic function, a closure.
use std::fmt::Debug;

fn parse<T: std::str::FromStr<Err: Debug>>() -> Result<T, T::Err> {
    "3".parse()
}

#[derive(Debug)]
struct OnlyDebug;

fn debugged() -> Result<u8, OnlyDebug> {
    Ok(3)
}

mod value {
    #[ppair::main(setup = String::new)]
    pub fn main(text: &String) {
        let _: &str = text;
    }
}

mod closure {
    #[ppair::main(setup = || std::env::args().collect::<Vec<_>>())]
    pub fn main(arguments: &Vec<String>) {
        let _: &[String] = arguments;
    }
}

mod only_debug {
    #[ppair::main(setup = super::debugged)]
    pub fn main(value: &u8) {
        let _: u8 = *value;
    }
}

#[ppair::main(setup = parse::<u16>)]
fn main(number: &u16) {
    assert_eq!(*number, 3);
    let _: [fn(); 3] = [value::main, closure::main, only_debug::main];
}
