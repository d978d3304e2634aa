// M08: a function by its path, and a closure; every event is told as `ppair` has it.
#![deny(warnings)]

use ppair::{Event, Next};

fn tell(event: &Event<'_>) {
    match event {
        Event::Died { death, restarts, next: Next::Restart(delay) } => {
            eprintln!("{death}, {restarts} restarts, again in {delay:?}");
        }
        Event::Degraded { errno, .. } => {
            eprintln!("{}", std::io::Error::from_raw_os_error(*errno));
        }
        other => eprintln!("{other:?}"),
    }
}

mod closure {
    #[ppair::main(on_event = |event| drop(format!("{event:?}")))]
    pub fn main() {}
}

#[ppair::main(on_event = tell)]
fn main() {
    let _: fn() = closure::main;
}
