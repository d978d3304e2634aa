//! What a store of a database has saved, so that it writes only what has changed since.

use core::fmt;
use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

use super::StoreError;
use crate::state::stored::Stored;

/// The newest checkpoint of each name that is in the database, as far as this process knows.
#[derive(Debug, Default)]
pub(crate) struct Saved(HashMap<String, Mark>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    generation: u64,
    value: u64,
}

/// A checkpoint as a row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) generation: i64,
    /// [`Stored::to_bytes`].
    pub(crate) bytes: Vec<u8>,
}

impl Saved {
    /// Those that are not in the database as they are.
    pub(crate) fn changed<'a>(&self, newest: &'a [Stored]) -> Vec<&'a Stored> {
        let differs = |stored: &&Stored| self.0.get(stored.name()) != Some(&Mark::of(stored));
        newest.iter().filter(differs).collect()
    }

    /// They are there now.
    pub(crate) fn remember(&mut self, written: &[&Stored]) {
        let marks = written
            .iter()
            .map(|stored| (stored.name().to_owned(), Mark::of(stored)));
        self.0.extend(marks);
    }

    /// Nobody knows what is there.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

impl Mark {
    fn of(stored: &Stored) -> Self {
        Self {
            generation: stored.generation(),
            value: xxh3_64(stored.value()),
        }
    }
}

impl Row {
    /// The row of a checkpoint in a database that keeps no value longer than `limit`.
    pub(crate) fn of(stored: &Stored, limit: usize) -> Result<Self, StoreError> {
        let bytes = stored.to_bytes();
        if bytes.len() > limit {
            return Err(StoreError::unusable(format_args!(
                "the hard state {} has {} bytes, and the database keeps no value of more than {limit}: use `file:PATH` for it",
                stored.name(),
                bytes.len(),
            )));
        }
        Ok(Self {
            name: stored.name().to_owned(),
            // At most 2 to the power of 51.
            generation: i64::try_from(stored.generation()).unwrap_or(i64::MAX),
            bytes,
        })
    }

    /// What tells apart two of the same name and generation.
    pub(crate) fn hash(&self) -> i64 {
        i64::from_ne_bytes(xxh3_64(&self.bytes).to_ne_bytes())
    }
}

/// The checkpoint that a row holds, in the table `table`.
pub(crate) fn read(table: &str, name: &str, bytes: &[u8]) -> Result<Stored, StoreError> {
    let of = |what: &dyn fmt::Display| {
        StoreError::unusable(format_args!(
            "the row `{name}` of the table {table}: {what}"
        ))
    };
    let stored = Stored::from_bytes(bytes).map_err(|unreadable| of(&unreadable))?;
    if stored.name() != name {
        return Err(of(&format!("it holds a checkpoint of `{}`", stored.name())));
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_changed_is_written() {
        let (one, other) = (Stored::of(&7_u64, 3), Stored::of(&7_u32, 3));
        let both = [one.clone(), other.clone()];
        let mut saved = Saved::default();
        assert_eq!(saved.changed(&both), [&one, &other]);
        saved.remember(&[&one]);
        assert_eq!(saved.changed(&both), [&other]);
        saved.remember(&[&other]);
        assert!(saved.changed(&both).is_empty());
        for changed in [Stored::of(&7_u64, 4), Stored::of(&8_u64, 3)] {
            let newest = [changed, other.clone()];
            assert_eq!(saved.changed(&newest), [&newest[0]]);
        }
        saved.forget();
        assert_eq!(saved.changed(&both), [&one, &other]);
    }

    #[test]
    fn what_is_too_big_is_refused_with_numbers() {
        let stored = Stored::of(&7_u64, 3);
        let size = stored.to_bytes().len();
        assert!(Row::of(&stored, size).is_ok());
        let error = Row::of(&stored, size - 1).unwrap_err().to_string();
        let expected = format!("the hard state u64 has {size} bytes, and");
        assert!(error.starts_with(&expected), "{error}");
    }

    #[test]
    fn a_row_is_read_as_what_it_says_it_is() {
        let stored = Stored::of(&7_u64, 3);
        let bytes = stored.to_bytes();
        assert_eq!(read("t", "u64", &bytes), Ok(stored));
        for (name, bytes, error) in [
            (
                "u32",
                &bytes[..],
                "the row `u32` of the table t: it holds a checkpoint of `u64`",
            ),
            (
                "u64",
                &bytes[..40],
                "the row `u64` of the table t: the stored checkpoint is cut short: 40 bytes",
            ),
        ] {
            assert_eq!(read("t", name, bytes).unwrap_err().to_string(), error);
        }
    }
}
