//! Options from each place that they may come from, as the arguments say: `config`, `builder` or `constant`, and what is set there. What ends in `-later` goes
//! wrong once the file that `MARKER` names is there, which it then is.

use std::fs::File;
use std::time::Duration;

use ppair::{Config, Pair, Restart, Worker};

/// What the arguments ask for.
fn read_options() -> Config {
    println!("options in {}", std::process::id());
    let config = Config::new();
    match std::env::args().nth(2).as_deref() {
        Some("never") => config.restart(Restart::Never),
        Some("max_deaths") => config.max_deaths(0),
        Some("max_deaths_within") => config.max_deaths_within(Duration::ZERO),
        Some("hang_timeout") => config.hang_timeout(Duration::from_millis(9)),
        Some("store") => config.store("disk:/var/lib/state"),
        Some("panic") => panic!("no options"),
        Some("thread") => {
            drop(std::thread::spawn(std::thread::park));
            config
        }
        Some("wrong-later") if is_later() => config.max_deaths(0),
        Some("panic-later") if is_later() => panic!("no options"),
        Some("wrong-later" | "panic-later") => config,
        other => panic!("`{other:?}` is nothing to set"),
    }
}

/// Whether the file that `MARKER` names is there; it is from now on.
fn is_later() -> bool {
    let marker = std::env::var("MARKER").expect("the marker is named");
    File::create_new(marker).is_err()
}

mod config {
    use ppair::{Checkpoint, Worker};

    #[ppair::main(config = super::read_options, setup = super::prepare)]
    pub(crate) fn main(count: Checkpoint<u32>, worker: Worker) {
        if !worker.is_degraded() {
            super::fail();
        }
        // A commit is where it may become a pair again.
        while worker.is_degraded() {
            count.update(|count| *count += 1);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        // The end of the input is when the test has seen enough.
        let _ = std::io::stdin().read_line(&mut String::new());
        println!("the worker goes on");
    }
}

mod constant {
    const DEATHS: u32 = 0;

    #[ppair::main(max_deaths = DEATHS, setup = super::prepare)]
    pub(crate) fn main() {
        super::fail();
    }
}

fn builder() {
    let _: Worker = Pair::new(read_options()).setup(prepare).start();
    fail();
}

fn prepare() {
    println!("setup");
}

fn fail() {
    println!("worker");
    std::process::exit(1);
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("config") => config::main(),
        Some("builder") => builder(),
        Some("constant") => constant::main(),
        other => panic!("`{other:?}` is no place for options"),
    }
}
