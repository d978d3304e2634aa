//! Workers that die soon after their start, as the first argument says:
//!
//! | argument | what each worker does |
//! |---|---|
//! | `prints` | commits and prints a number, again and again |
//! | `only-prints` | prints, again and again |
//! | `usage` | says how it is called, and exits with 2 |
//! | `missing` | says what is missing, and exits with 1 |
//! | `waits N` | exits with 1 until it is the Nth |
//! | `poison N` | commits and panics, N times in all |
//! | `lives N MS` | lives for so long, commits and panics, N times in all |

use std::process::exit;
use std::thread;
use std::time::Duration;

use ppair::{Checkpoint, Worker};

#[ppair::main]
fn main(count: Checkpoint<u32>, worker: Worker) {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |at: usize| -> u32 { arguments[at].parse().expect("a number") };
    match arguments[1].as_str() {
        "prints" => loop {
            count.update(|count| *count += 1);
            println!("{}", count.load());
        },
        "only-prints" => loop {
            println!("line");
        },
        "usage" => {
            eprintln!("error: unexpected argument; Usage: service [OPTIONS]");
            exit(2);
        }
        "missing" => {
            eprintln!("cannot open the input");
            exit(1);
        }
        "waits" if worker.incarnation() < number(2) => exit(1),
        "poison" if count.load() < number(2) => {
            count.update(|count| *count += 1);
            panic!("job {} is poison", count.load());
        }
        "lives" if count.load() < number(2) => {
            // The length of this life is what is tried, and nothing waits for it.
            thread::sleep(Duration::from_millis(number(3).into()));
            count.update(|count| *count += 1);
            panic!("a bug");
        }
        _ => println!("done after {} commits", count.load()),
    }
}
