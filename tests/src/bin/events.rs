//! Prints each event that its watch dog hands out, with the process that got it. Its first worker exits with code 3, the second one ends in order. With
//! the argument `panics` the function that gets the events panics at each.

use std::io::Write;

use ppair::{Death, Event, Next, Worker};

fn tell(event: &Event<'_>) {
    let pid = std::process::id();
    let line = match event {
        Event::Started {
            watchdog,
            worker,
            incarnation,
            ..
        } => format!("started {incarnation} watchdog={watchdog} worker={worker}"),
        Event::Died { death, next, .. } => format!("died {} {}", describe(death), then(*next)),
        Event::Stopped { code } => format!("stopped {code}"),
        other => format!("{other:?}"),
    };
    let _ = writeln!(std::io::stderr(), "event in {pid}: {line}");
    if std::env::args().nth(1).as_deref() == Some("panics") {
        panic!("in the function of `on_event`");
    }
}

fn describe(death: &Death) -> String {
    death
        .to_string()
        .split(" after")
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn then(next: Next) -> &'static str {
    match next {
        Next::Restart(_) => "restart",
        Next::Stop => "stop",
        _ => "something else",
    }
}

#[ppair::main(on_event = tell)]
fn main(worker: Worker) {
    if worker.incarnation() == 1 {
        std::process::exit(3);
    }
}
