//! Prints the number of each signal that its worker gets, once for each time. `SIGTERM` ends it with status 7 if the argument
//! is `leaves`; `SIGUSR2` always ends it with status 0. With `default`, it waits without any handler; with `dies` it ends with status 1 at once.

use std::process::exit;
use std::thread;

use ppair::{Config, Pair};
use signal_hook::consts::signal::{
    SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;

fn main() {
    let argument = std::env::args().nth(1).unwrap_or_default();
    let _worker = Pair::new(Config::new()).start();
    if argument == "dies" {
        exit(1);
    }
    if argument == "default" {
        println!("ready");
        loop {
            thread::park();
        }
    }
    let all = [
        SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT,
    ];
    // It keeps each instance of a signal and not only the fact that there was one.
    let mut signals = SignalsInfo::<WithOrigin>::new(all).expect("the handlers can be installed");
    println!("ready");
    for origin in signals.forever() {
        println!("got {}", origin.signal);
        match origin.signal {
            SIGUSR2 => exit(0),
            SIGTERM if argument == "leaves" => exit(7),
            _ => {}
        }
    }
}
