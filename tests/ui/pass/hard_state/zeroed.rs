//! H13: types that start as zeros, whatever they are made of.

use core::marker::PhantomData;
use core::num::{NonZeroU32, Wrapping};

use ppair::{Elapsed, HardState, Maybe, Text, Timestamp, Vector};

#[derive(Clone, Copy, Debug, PartialEq, HardState)]
#[hard(zeroed)]
#[repr(u8)]
enum Mode {
    Busy = 7,
    Idle = 0,
}

#[derive(Clone, Copy, HardState)]
#[hard(zeroed)]
#[repr(C)]
struct Every {
    integer: i128,
    float: f64,
    on: bool,
    letter: char,
    unit: (),
    option: Option<NonZeroU32>,
    wrapping: Wrapping<u16>,
    mode: Mode,
    text: Text<40>,
    vector: Vector<NonZeroU32, 50>,
    maybe: Maybe<NonZeroU32>,
    elapsed: Elapsed,
    timestamp: Timestamp,
    nested: [Row<u8>; 1000],
    none: [NonZeroU32; 0],
    phantom: PhantomData<NonZeroU32>,
}

#[derive(Clone, Copy, HardState)]
#[hard(zeroed, version = 3)]
#[repr(C, packed)]
struct Row<T> {
    value: T,
    count: u64,
}

#[derive(Clone, Copy, HardState)]
#[hard(zeroed)]
#[repr(C)]
struct Table<const N: usize>([u64; N]);

#[derive(Clone, Copy, HardState)]
#[hard(zeroed)]
#[repr(C)]
struct Unit;

/// A part of one that does not.
#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Whole {
    table: Table<100>,
    mode: Mode,
}

fn is_default<T: HardState + Default>() -> T {
    T::default()
}

impl Default for Outer {
    fn default() -> Self {
        Self {
            every: is_default(),
            number: NonZeroU32::MIN,
        }
    }
}

#[derive(Clone, Copy, HardState)]
#[repr(C)]
struct Outer {
    every: Every,
    number: NonZeroU32,
}

fn main() {
    let every = is_default::<Every>();
    assert_eq!((every.integer, every.on, every.letter), (0, false, '\0'));
    assert_eq!((every.mode, every.option), (Mode::Idle, None));
    assert_eq!((&*every.text, every.vector.len()), ("", 0));
    assert!(every.maybe.get().is_none() && every.none.is_empty());
    assert_eq!({ every.nested[999].count }, 0);
    assert_eq!(is_default::<Table<1000>>().0, [0; 1000]);
    let Unit = is_default();
    assert_eq!(is_default::<Whole>().mode, Mode::Idle);
    assert_eq!(is_default::<Outer>().number.get(), 1);

    // Of all these there is a checkpoint.
    let table = ppair::testing::checkpoint::<Table<100_000>>();
    table.patch(|table| &table.0[99_999], |last| *last = 1);
    assert_eq!(table.read(|table| table.0.iter().sum::<u64>()), 1);
    ppair::testing::checkpoint::<Every>().update(|every| every.mode = Mode::Busy);
}
