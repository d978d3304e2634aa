//! Version 1 of a service: stores its hard state in the file that it is given.

use std::path::PathBuf;

use ppair::{HardState, Text};

#[derive(Clone, Copy, Debug, Default, HardState)]
#[repr(u8)]
enum Mode {
    #[default]
    Idle,
    Busy = 7,
}

#[derive(Clone, Copy, Debug, Default, HardState)]
#[repr(C)]
struct Progress {
    next: u32,
    on: bool,
    hits: u64,
    mode: Mode,
    name: Text<8>,
}

fn main() {
    let file = PathBuf::from(std::env::args_os().nth(1).expect("a file"));
    ppair_tests::upgrade::serve::<Progress>(&file, |progress| {
        progress.next += 7;
        progress.on = true;
        progress.hits += 9;
        progress.mode = Mode::Busy;
        progress.name = Text::try_from("köln").expect("it has room");
    });
}
