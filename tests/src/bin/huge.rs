//! A pair whose hard state is larger than any stack: 64 MiB that start as zeros. The argument says
//! which version of the program it is:
//!
//! | argument | its type |
//! |---|---|
//! | `first` | a count and an array |
//! | `evolved` | the same fields in another order, and one more |
//! | `migrated` | made from that of `first` by a function |
//!
//! It prints what it starts with, and does what each line of its standard input says:
//!
//! | line | what it does |
//! |---|---|
//! | `add` | one more at the end of the array |
//! | `durable` | the same, and waits until it is stored |
//! | `healthy` | marks what is committed |
//! | `panic` | ends the worker |
//! | `poison` | commits, twice, what ends each worker that starts with it, and ends the worker |
//! | `exit` | ends the program |

use std::io::{Write, stdin};
use std::process::abort;

use ppair::{Checkpoint, Config, HardState, MigrateFrom, Pair};

const WORDS: usize = 8 << 20;
/// No worker lives with it.
const POISON: u64 = u64::MAX;

mod first {
    use super::{HardState, WORDS};

    #[derive(Clone, Copy, HardState)]
    #[hard(zeroed)]
    #[repr(C)]
    pub(crate) struct Heap {
        pub(crate) count: u64,
        pub(crate) words: [u64; WORDS],
    }
}

mod evolved {
    use super::{HardState, WORDS};

    #[derive(Clone, Copy, HardState)]
    #[hard(zeroed, evolve)]
    #[repr(C)]
    pub(crate) struct Heap {
        pub(crate) words: [u64; WORDS],
        pub(crate) count: u64,
        #[hard(default = [7; WORDS / 8])]
        pub(crate) added: [u64; WORDS / 8],
    }
}

mod migrated {
    use super::{HardState, WORDS, first};

    #[derive(Clone, Copy, HardState)]
    #[hard(zeroed, version = 1, migrate_from = first::Heap)]
    #[repr(C)]
    pub(crate) struct Heap {
        pub(crate) words: [u64; WORDS],
    }
}

impl MigrateFrom<first::Heap> for migrated::Heap {
    fn migrate_from(first: first::Heap) -> Self {
        let mut words = first.words;
        words[0] = first.count;
        Self { words }
    }
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("first") => run::<first::Heap>(|heap| &heap.words[WORDS - 1], |heap| &heap.count),
        Some("evolved") => run::<evolved::Heap>(
            |heap| &heap.words[WORDS - 1],
            |heap| &heap.added[WORDS / 8 - 1],
        ),
        Some("migrated") => {
            run::<migrated::Heap>(|heap| &heap.words[WORDS - 1], |heap| &heap.words[0]);
        }
        other => panic!("no such version: {other:?}"),
    }
}

fn run<T: HardState + Default + Send>(last: fn(&T) -> &u64, other: fn(&T) -> &u64) {
    let mut pair = Pair::new(Config::new());
    let heap = pair.prepare::<Checkpoint<T>>();
    let worker = pair.start();
    let heap = heap.enter(&worker);
    let (at_last, at_other) = heap.read(|heap| (*last(heap), *other(heap)));
    if at_last == POISON {
        abort();
    }
    say(&format!(
        "worker={} source={:?} last={at_last} other={at_other}",
        worker.incarnation(),
        heap.origin().source()
    ));
    for line in stdin().lines() {
        match &*line.expect("standard input") {
            "add" => heap.patch(|heap| last(heap), |last| *last += 1),
            "durable" => heap
                .edit_durable(|edit| edit.patch(|heap| last(heap), |last| *last += 1))
                .expect("a store"),
            "healthy" => worker.mark_healthy().expect("nobody has taken over"),
            "panic" => panic!("as it was told"),
            "poison" => {
                for _ in 0..2 {
                    heap.patch(|heap| last(heap), |last| *last = POISON);
                }
                abort();
            }
            "exit" => return,
            other => panic!("no such command: {other}"),
        }
        say(&format!("last={}", heap.get(|heap| last(heap))));
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").expect("standard output");
}
