//! Two hard states with all kinds of fields, of which each follows from the generation, so that a mixture of two commits is found out. It does what the
//! lines of its standard input say:
//!
//! | line | what it does |
//! |---|---|
//! | `commit N` | N commits of each state |
//! | `run` | commits as fast as it can from there on |
//! | `exit N`, `abort`, `panic`, `kill` | ends the worker |
//! | `mark` | keeps what is committed as healthy |
//!
//! With `wide` as its argument the second state is committed as a whole each time, and not only what has changed of it.

use std::io;
use std::process::{abort, exit};
use std::sync::mpsc::{self, TryRecvError};
use std::time::Duration;
use std::{num::NonZero, panic, thread};

use nix::sys::signal::{Signal, raise};
use ppair::{Checkpoint, Elapsed, HardState, Maybe, Text, Timestamp, Vector, Worker};

#[derive(Clone, Copy, Default, HardState)]
#[repr(u8)]
enum Mode {
    #[default]
    Idle,
    Odd = 3,
    Even = 4,
}

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Point {
    x: f64,
    y: f32,
}

#[derive(Clone, Copy, HardState)]
#[repr(C)]
#[hard(version = 7)]
struct Kinds {
    small: u8,
    count: u64,
    negative: i32,
    huge: u128,
    half: f32,
    flag: bool,
    letter: char,
    mode: Mode,
    point: Point,
    points: [Point; 6],
    list: [u16; 40],
    text: Text<20>,
    vector: Vector<u32, 8>,
    there: Maybe<u32>,
    missing: Maybe<u64>,
    elapsed: Elapsed,
    time: Timestamp,
    never_zero: NonZero<u16>,
    empty: (),
}

impl Kinds {
    fn of(n: u64) -> Self {
        let low = u32::try_from(n & 0x00ff_ffff).expect("24 bits");
        let short = u16::try_from(n & 0xfff).expect("12 bits");
        let point = |plus: u16| Point {
            x: f64::from(low) + 0.5,
            y: f32::from(short + plus),
        };
        Self {
            small: n.to_le_bytes()[0],
            count: n,
            negative: -i32::try_from(low).expect("24 bits"),
            huge: u128::MAX - u128::from(n),
            half: f32::from(short) / 2.0,
            flag: n % 2 == 1,
            letter: char::from_u32(0x3b1 + low % 10).expect("a Greek letter"),
            mode: if n % 2 == 1 { Mode::Odd } else { Mode::Even },
            point: point(0),
            points: [0, 1, 2, 3, 4, 5].map(point),
            list: std::array::from_fn(|at| short + u16::try_from(at).expect("small")),
            text: Text::try_from(format!("commit \"{low}\"").as_str()).expect("it fits"),
            vector: Vector::try_from(
                &[low, low + 1, low + 2, low + 3, low + 4, low + 5, low + 6]
                    [..usize::from(n.to_le_bytes()[0] % 8)],
            )
            .expect("it fits"),
            there: Maybe::some(low),
            missing: Maybe::none(),
            elapsed: Elapsed::new(Duration::from_millis(u64::from(low) * 250)),
            time: Timestamp::new(i64::from(low), 0).expect("a time"),
            never_zero: NonZero::new(short | 0x1000).expect("not zero"),
            empty: (),
        }
    }
}

impl Default for Kinds {
    fn default() -> Self {
        Self::of(0)
    }
}

const ROWS: usize = 1_100;
const ROW: usize = 8;

/// 70,000 bytes. The commit with number N writes N into all words of the row N of so many, and at both ends.
#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Big {
    first: u64,
    rows: [[u64; ROW]; ROWS],
    last: u32,
}

impl Default for Big {
    #[allow(
        clippy::large_stack_arrays,
        reason = "a big state is what this is about"
    )]
    fn default() -> Self {
        Self {
            first: 0,
            rows: [[0; ROW]; ROWS],
            last: 0,
        }
    }
}

fn commit(kinds: &Checkpoint<Kinds>, big: &Checkpoint<Big>, wide: bool) {
    kinds.store(Kinds::of(kinds.generation() + 1));
    let number = big.generation() + 1;
    let row = usize::try_from(number % ROWS as u64).expect("small");
    let low = u32::try_from(number & 0xffff_ffff).expect("the low half");
    if wide {
        big.update(|big| {
            big.first = number;
            big.rows[row] = [number; ROW];
            big.last = low;
        });
        return;
    }
    big.edit(|edit| {
        edit.patch(|big| &big.first, |first| *first = number);
        edit.patch(|big| &big.rows[row], |words| *words = [number; ROW]);
        edit.patch(|big| &big.last, |last| *last = low);
    });
}

#[ppair::main(restart_delay = "1ms")]
fn main(kinds: Checkpoint<Kinds>, big: Checkpoint<Big>, worker: Worker) {
    let wide = std::env::args().nth(1).as_deref() == Some("wide");
    println!("begin {}", worker.incarnation());
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        // Unbuffered, so that the next worker gets what this one has not read.
        while let Ok(1..) = read_line(&mut line) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                return;
            }
        }
    });
    let mut runs = false;
    loop {
        let line = if runs {
            match lines.try_recv() {
                Ok(line) => line,
                Err(TryRecvError::Empty) => {
                    commit(&kinds, &big, wide);
                    continue;
                }
                Err(TryRecvError::Disconnected) => return,
            }
        } else {
            let Ok(line) = lines.recv() else { return };
            line
        };
        let (word, number) = line
            .trim_end()
            .split_once(' ')
            .unwrap_or((line.trim_end(), ""));
        match word {
            "commit" => {
                let count: u32 = number.parse().expect("a number");
                (0..count).for_each(|_| commit(&kinds, &big, wide));
                println!("done {}", kinds.generation());
            }
            "run" => {
                runs = true;
                println!("runs");
            }
            "mark" => {
                worker.mark_healthy().expect("this worker may commit");
                println!("marked");
            }
            "exit" => exit(number.parse().expect("a number")),
            "abort" => abort(),
            "panic" => panic!("as \"told\""),
            "kill" => raise(Signal::SIGKILL).expect("it can be sent"),
            other => panic!("unknown line {other:?}"),
        }
    }
}

/// A line, byte by byte.
fn read_line(line: &mut String) -> io::Result<usize> {
    loop {
        let mut byte = [0];
        if nix::unistd::read(io::stdin(), &mut byte)? == 0 {
            return Ok(line.len());
        }
        line.push(char::from(byte[0]));
        if byte[0] == b'\n' {
            return Ok(line.len());
        }
    }
}
