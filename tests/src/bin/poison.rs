//! A worker that dies of what it loads, or of its input. The argument says which; each worker says what it started from and what was
//! left behind.

use std::io::BufRead;
use std::process::abort;
use std::time::Duration;

use ppair::{Checkpoint, Config, HardState, Pair, Worker};

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct State {
    number: u64,
    /// A worker that loads this dies of it.
    poison: bool,
}

/// Another hard state, which nothing is wrong with.
#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Innocent {
    number: u64,
}

struct Handles {
    state: Checkpoint<State>,
    innocent: Checkpoint<Innocent>,
    worker: Worker,
}

impl Handles {
    fn commit(&self, number: u64, poison: bool) {
        self.state.store(State { number, poison });
    }

    fn is_first(&self) -> bool {
        self.worker.incarnation() == 1
    }

    /// Says what it starts from, and dies if that is poisoned.
    fn load(&self) {
        let State { number, poison } = self.state.load();
        let rejected: Vec<_> = self.worker.rejected();
        let rejected: Vec<_> = rejected
            .iter()
            .filter(|stored| stored.name() == "State")
            .map(|stored| {
                let state: State = stored.get().expect("it is of this program");
                format!("{}:{}", stored.generation(), state.number)
            })
            .collect();
        println!(
            "{number} {:?} innocent={} rejected={}",
            self.state.origin().source(),
            self.innocent.load().number,
            rejected.join(",")
        );
        assert!(!poison, "poisoned");
    }
}

fn main() {
    let config = Config::new()
        .restart_delay(Duration::from_millis(1))
        .restart_delay_max(Duration::from_millis(1))
        .healthy_after(match std::env::args().nth(1).as_deref() {
            Some("healthy-after") => Duration::from_millis(50),
            _ => Duration::from_secs(3600),
        });
    let mut pair = Pair::new(config);
    let state = pair.prepare::<Checkpoint<State>>();
    let innocent = pair.prepare::<Checkpoint<Innocent>>();
    let worker = pair.start();
    let handles = Handles {
        state: state.enter(&worker),
        innocent: innocent.enter(&worker),
        worker,
    };
    match std::env::args().nth(1).as_deref() {
        Some("current") => {
            if handles.is_first() {
                handles.innocent.store(Innocent { number: 7 });
                (1..=4).for_each(|number| handles.commit(number, number == 4));
                panic!("the poison was committed");
            }
            handles.load();
            // From here on all is well: commit and die again, which rolls nothing back.
            let number = handles.state.load().number + 1;
            handles.commit(number * 10, false);
            if handles.worker.incarnation() < 8 {
                abort();
            }
        }
        Some("healthy") => {
            if handles.is_first() {
                handles.commit(1, false);
                handles
                    .worker
                    .mark_healthy()
                    .expect("this worker may commit");
                (2..=5).for_each(|number| handles.commit(number, number > 2));
                panic!("the poison was committed");
            }
            handles.load();
        }
        Some("all") => {
            if handles.is_first() {
                handles.commit(1, true);
                handles
                    .worker
                    .mark_healthy()
                    .expect("this worker may commit");
                (2..=5).for_each(|number| handles.commit(number, true));
                panic!("the poison was committed");
            }
            handles.load();
        }
        Some("input") => {
            handles.load();
            if handles.worker.incarnation() > 30 {
                return;
            }
            handles.commit(handles.state.load().number + 1, false);
            panic!("the input");
        }
        Some("once") => {
            handles.load();
            match handles.worker.incarnation() {
                1 => {
                    handles.commit(1, false);
                    abort();
                }
                2 => abort(),
                _ => {}
            }
        }
        Some("healthy-after") => {
            if handles.is_first() {
                handles.commit(1, false);
                // Until the test says so.
                let mut line = String::new();
                std::io::stdin()
                    .lock()
                    .read_line(&mut line)
                    .expect("a line");
                (2..=5).for_each(|number| handles.commit(number, true));
                panic!("the poison was committed");
            }
            handles.load();
        }
        other => panic!("no case {other:?}"),
    }
}
