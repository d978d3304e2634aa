//! ppair's commits, each beside its floor.

use std::hint::black_box;

use ppair::__private::Snapshot;
use ppair::{Checkpoint, Config, HardState, Pair};
use ppair_tests::Random;

use crate::Subject;
use crate::floors::{ROW, Slots, UndoLog};

/// So many words.
#[derive(Clone, Copy, HardState)]
#[repr(C)]
pub(crate) struct Words<const N: usize> {
    words: [u64; N],
}

impl<const N: usize> Words<N> {
    fn of(number: u64) -> Self {
        Self { words: [number; N] }
    }

    #[cfg(feature = "full")]
    fn bytes(&self) -> Vec<u8> {
        self.words
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect()
    }
}

impl<const N: usize> Default for Words<N> {
    fn default() -> Self {
        Self::of(0)
    }
}

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
pub(crate) struct FourGaps {
    a: u8,
    b: u64,
    c: u16,
    d: u64,
    e: u32,
    f: u64,
    g: u8,
    h: u64,
}

#[derive(Clone, Copy, Default, HardState)]
#[hard(no_padding)]
#[repr(C)]
pub(crate) struct NoGaps {
    a: u8,
    gap_a: [u8; 7],
    b: u64,
    c: u16,
    gap_c: [u8; 6],
    d: u64,
    e: u32,
    gap_e: [u8; 4],
    f: u64,
    g: u8,
    gap_g: [u8; 7],
    h: u64,
}

const ROWS: usize = 8 * 1024 * 1024 / ROW;

#[derive(Clone, Copy, HardState)]
#[repr(C)]
pub(crate) struct Table {
    rows: [[u64; ROW / 8]; ROWS],
}

impl Default for Table {
    #[allow(
        clippy::large_stack_arrays,
        reason = "a big state is what this is about"
    )]
    fn default() -> Self {
        Self {
            rows: [[0; ROW / 8]; ROWS],
        }
    }
}

/// The checkpoints of the one pair of this process.
pub(crate) struct Handles {
    pub(crate) bytes_8: Checkpoint<Words<1>>,
    pub(crate) bytes_64: Checkpoint<Words<8>>,
    pub(crate) bytes_1024: Checkpoint<Words<128>>,
    pub(crate) bytes_4096: Checkpoint<Words<512>>,
    pub(crate) bytes_61440: Checkpoint<Words<7680>>,
    four_gaps: Checkpoint<FourGaps>,
    no_gaps: Checkpoint<NoGaps>,
    table: Checkpoint<Table>,
}

pub(crate) fn enter() -> Handles {
    let mut pair = Pair::new(Config::new());
    let bytes_8 = pair.prepare();
    let bytes_64 = pair.prepare();
    let bytes_1024 = pair.prepare();
    let bytes_4096 = pair.prepare();
    let bytes_61440 = pair.prepare();
    let four_gaps = pair.prepare();
    let no_gaps = pair.prepare();
    let table = pair.prepare();
    let worker = pair.start();
    Handles {
        bytes_8: bytes_8.enter(&worker),
        bytes_64: bytes_64.enter(&worker),
        bytes_1024: bytes_1024.enter(&worker),
        bytes_4096: bytes_4096.enter(&worker),
        bytes_61440: bytes_61440.enter(&worker),
        four_gaps: four_gaps.enter(&worker),
        no_gaps: no_gaps.enter(&worker),
        table: table.enter(&worker),
    }
}

/// A whole value: copied, copied and checked, and committed.
pub(crate) fn beside_floors<const N: usize>(checkpoint: &Checkpoint<Words<N>>) -> Vec<Subject> {
    let size = N * 8;
    let batch = 4_000_000 / (200 + u32::try_from(size).expect("a small size"));
    let floor = move |checked| {
        let slots = Slots::new(size);
        move |number| {
            let value = black_box(Words::<N>::of(number));
            // SAFETY: an array of words, each of whose bytes is initialised.
            let bytes =
                unsafe { core::slice::from_raw_parts((&raw const value).cast::<u8>(), size) };
            slots.commit(bytes, checked);
        }
    };
    let checkpoint = checkpoint.clone();
    vec![
        Subject::new("copy", batch, floor(false)),
        Subject::new("copy and checksum", batch, floor(true)),
        Subject::new("ppair: store", batch, move |number| {
            checkpoint.store(black_box(Words::of(number)));
        }),
    ]
}

/// A struct without gaps, and the same with four.
pub(crate) fn gaps(handles: &Handles) -> Vec<Subject> {
    let (none, four) = (handles.no_gaps.clone(), handles.four_gaps.clone());
    // Made beforehand, as a value that was just put together from its fields is slow to read as a whole, and that is not the commit.
    let with = (0..VALUES).map(|number| FourGaps {
        b: number,
        h: number,
        ..FourGaps::default()
    });
    let without = (0..VALUES).map(|number| NoGaps {
        b: number,
        h: number,
        ..NoGaps::default()
    });
    let (with, without): (Vec<_>, Vec<_>) = (with.collect(), without.collect());
    let at = |number: u64| usize::try_from(number % VALUES).expect("a small number");
    vec![
        Subject::new("ppair: no gaps", 20_000, move |number| {
            none.store(*black_box(&without[at(number)]));
        }),
        Subject::new("ppair: four gaps", 20_000, move |number| {
            four.store(*black_box(&with[at(number)]));
        }),
    ]
}

const VALUES: u64 = 64;

fn add_one(row: &mut [u64; ROW / 8]) -> u64 {
    for word in &mut *row {
        *word += 1;
    }
    row[0]
}

/// 64 bytes at a random place of 8 MiB. If `ONE_BY_ONE`, where the next place is comes out of the row before it, as requests come one
/// after the other; else the processor may look for many rows at once.
pub(crate) fn part<const ONE_BY_ONE: bool>(handles: &Handles) -> Vec<Subject> {
    let mut random = Random::new(7);
    let places: Vec<usize> = (0..1 << 16)
        .map(|_| usize::try_from(random.below(ROWS as u64)).expect("a small number"))
        .collect();
    let others = places.clone();
    // All rows add up to nothing here, but nobody knows before they are read.
    let mask = black_box(1 << 40);
    let place = move |places: &[usize], number: u64, last: u64| {
        let number = if ONE_BY_ONE {
            number + (last & mask)
        } else {
            number
        };
        places[usize::try_from(number).expect("a small number") % places.len()]
    };
    let log = UndoLog::new(ROWS * ROW);
    let table = handles.table.clone();
    let (mut last_of_log, mut last_of_table) = (0, 0);
    vec![
        Subject::new("undo log", 20_000, move |number| {
            let row = place(&others, number, last_of_log);
            last_of_log = log.commit(row, add_one);
        }),
        Subject::new("ppair: patch", 20_000, move |number| {
            let row = place(&places, number, last_of_table);
            last_of_table = table.patch(|table| &table.rows[row], add_one);
        }),
    ]
}

#[cfg(feature = "full")]
/// The bytes of the value with this number.
pub(crate) fn bytes_of<const N: usize>(number: u64) -> Vec<u8> {
    Words::<N>::of(number).bytes()
}

/// The same commit by a worker whose segment is guarded. It has a segment of its own.
pub(crate) fn guarded<const N: usize>(checkpoint: &Checkpoint<Words<N>>) -> Vec<Subject> {
    let snapshot = Snapshot::<Words<N>>::new().expect("shared memory");
    snapshot.fence(1);
    snapshot.guard().expect("a read-only mapping");
    let guarded = snapshot.enter(1);
    vec![
        store(checkpoint),
        Subject::new("ppair: store, guarded", 10_000, move |number| {
            guarded.store(black_box(Words::of(number)));
        }),
    ]
}

/// ppair itself, in a table of what would be used instead.
pub(crate) fn store<const N: usize>(checkpoint: &Checkpoint<Words<N>>) -> Subject {
    let checkpoint = checkpoint.clone();
    Subject::new("ppair: store", 10_000, move |number| {
        checkpoint.store(black_box(Words::of(number)));
    })
}
