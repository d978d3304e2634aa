//! Prints at the wrong moments. With the argument `buffered`, `setup` and the function of
//! `on_event` print without a line feed, with `print!` and with C's `printf`. With `prompt`, each
//! worker writes to standard error as soon as it can, in pieces, and ends.

use std::process::exit;

use nix::libc;
use ppair::{Config, Event, Pair};

fn print(rust: &str, c: &core::ffi::CStr) {
    print!("{rust}");
    // SAFETY: a text that ends with a zero, with nothing to be filled in.
    unsafe { libc::printf(c.as_ptr()) };
}

fn on_event(event: &Event<'_>) {
    if matches!(event, Event::Started { .. }) {
        print("rust-event;", c"c-event;");
    }
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("buffered") {
        let pair = Pair::new(Config::new()).on_event(on_event);
        let worker = pair.setup(|| print("rust;", c"c;")).start();
        exit(i32::from(worker.incarnation() < 4));
    }
    let worker = Pair::new(Config::new()).start();
    eprintln!("hello {}", worker.incarnation());
    eprintln!("Error: {:?}", Some("an error"));
    exit(i32::from(worker.incarnation() < 100));
}
