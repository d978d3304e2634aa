//! What pairs have confirmed of stores that a third hand moves about, and what that must agree
//! with.

use std::collections::BTreeMap;

use ppair::HardState;

/// Numbers that are confirmed one after the other. A store that is made anew begins another line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, HardState)]
#[repr(C)]
pub struct Line {
    /// Which line it is: drawn at random with its first number, 0 before.
    pub lineage: u64,
    /// The last number.
    pub number: u64,
}

/// What was confirmed.
#[derive(Debug, Default)]
pub struct History(BTreeMap<u64, BTreeMap<u64, usize>>);

impl History {
    /// A pair, the `pair`th that was started, confirms a number.
    ///
    /// # Errors
    ///
    /// If that number was confirmed already.
    pub fn confirm(&mut self, pair: usize, line: Line) -> Result<(), String> {
        let Line { lineage, number } = line;
        let numbers = self.0.entry(lineage).or_default();
        match numbers.insert(number, pair) {
            None => Ok(()),
            Some(other) => Err(format!(
                "number {number} of {lineage:016x} was confirmed twice: by pair {other}, and by pair {pair}"
            )),
        }
    }

    /// A store holds this in the end, or a pair begins with it.
    ///
    /// # Errors
    ///
    /// If more than that was confirmed of its line.
    pub fn found(&self, line: Line) -> Result<(), String> {
        let Line { lineage, number } = line;
        let last = self.0.get(&lineage).and_then(BTreeMap::last_key_value);
        match last {
            Some((&last, pair)) if last > number => Err(format!(
                "a store of {lineage:016x} holds {number}, and pair {pair} had confirmed {last}"
            )),
            _ => Ok(()),
        }
    }

    /// How many lines there are, and how many numbers of all of them.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        (self.0.len(), self.0.values().map(BTreeMap::len).sum())
    }
}
