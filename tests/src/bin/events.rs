//! Prints each event that its watch dog hands out, with the process that got it. Its first worker exits with code 3, the second one ends in order. With
//! the argument `panics` the function that gets the events panics at each; with `starts` it starts a process at each death.

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
    if std::env::args().nth(1).as_deref() == Some("starts") && line.starts_with("died") {
        let mut child = std::process::Command::new("sleep");
        let child = child
            .arg("1000")
            .stdout(std::process::Stdio::null())
            .spawn();
        println!("{}", child.expect("`sleep` can be started").id());
    }
    if std::env::args().nth(1).as_deref() == Some("panics") {
        panic!("in the function of `on_event`");
    }
}

fn describe(death: &Death) -> String {
    death
        .to_string()
        .split(", ")
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

#[ppair::main(on_event = tell, restart_delay = "1ms")]
fn main(worker: Worker) {
    let deaths = match std::env::args().nth(1).as_deref() {
        Some("starts") => 3,
        _ => 1,
    };
    if worker.incarnation() <= deaths {
        std::process::exit(3);
    }
}
