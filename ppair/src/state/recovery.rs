//! What a new worker starts from: the newest checkpoint that is whole. Pure; it reads the segment and writes nothing into
//! it, so it may itself be killed anywhere.

use super::commit::{Region, SLOTS};
use super::layout::Layout;

/// Which checkpoint a worker starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Nothing was committed yet, or nothing that is whole is left: the type's `Default`.
    Initial,
    /// The last committed checkpoint.
    Current,
    /// An earlier one: the last committed checkpoint was damaged, for instance by a wild write.
    Previous,
    /// What [`Pair::restore`](crate::Pair::restore) was given: this pair has committed nothing yet.
    Stored,
}

/// The origin of one hard state: which checkpoint it is, and its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    name: &'static str,
    source: Source,
    generation: u64,
    committed: u64,
    /// The generation that the pair began with.
    base: u64,
    /// The slot, if it is not the published one.
    slot: Option<usize>,
}

impl Origin {
    /// The name of the hard state's type.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Which checkpoint it is.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// The generation of the checkpoint; 0 for [`Source::Initial`].
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The generation that was committed last. It differs from [`generation`](Self::generation) if that checkpoint was
    /// damaged.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// Whether committed checkpoints were left behind.
    pub(crate) fn is_rolled_back(&self) -> bool {
        self.source != Source::Current && self.committed != self.base
    }

    /// The slot that must not be overwritten before something else is published.
    pub(crate) fn slot_to_keep(&self) -> Option<usize> {
        self.slot
    }
}

/// A recovered hard state: its origin, and its bytes unless it is the initial one.
#[derive(Clone, Debug)]
pub(crate) struct Recovered {
    pub(crate) origin: Origin,
    pub(crate) bytes: Option<Box<[u8]>>,
}

/// Finds what the next worker starts from: the published checkpoint if its slot is whole and every value in it is valid,
/// else the one before it, else the newest whole one; if none was committed or none is left, the bytes that `stored` has from
/// before the pair began, else the initial one.
pub(crate) fn recover(
    region: &Region<'_>,
    layout: &Layout,
    stored: &mut dyn FnMut() -> Option<Vec<u8>>,
) -> Recovered {
    let base = region.base();
    let nothing = Origin {
        name: layout.name(),
        source: Source::Initial,
        generation: 0,
        committed: region.published().generation,
        base,
        slot: None,
    };
    if let Some(recovered) = newest(region, layout, nothing) {
        return recovered;
    }
    let stored = if base == 0 { None } else { stored() };
    let origin = match stored {
        None => nothing,
        Some(_) => Origin {
            source: Source::Stored,
            generation: base,
            ..nothing
        },
    };
    Recovered {
        origin,
        bytes: stored.map(Vec::into_boxed_slice),
    }
}

/// The newest whole checkpoint of those that this pair has committed.
fn newest(region: &Region<'_>, layout: &Layout, origin: Origin) -> Option<Recovered> {
    let published = region.published();
    let committed = published.generation;
    let mut bytes = vec![0; region.bytes()].into_boxed_slice();
    let whole = |slot, bytes: &mut [u8]| {
        let generation = region.read_checked(slot, bytes)?;
        layout.validate(bytes).is_ok().then_some(generation)
    };
    if whole(published.slot, &mut bytes) == Some(committed) {
        let origin = Origin {
            source: Source::Current,
            generation: committed,
            ..origin
        };
        return Some(Recovered {
            origin,
            bytes: Some(bytes),
        });
    }
    // Ordered by: is it the one just before the published one, then its generation. The first generation, while nothing is
    // published, is the very first commit, whose worker died before it became true.
    let (generation, slot) = (0..SLOTS)
        .filter_map(|slot| Some((whole(slot, &mut bytes)?, slot)))
        .filter(|&(generation, _)| committed != origin.base || generation > committed + 1)
        .max_by_key(|&(generation, _)| {
            (generation.checked_add(1) == Some(committed), generation)
        })?;
    if whole(slot, &mut bytes) != Some(generation) {
        return None;
    }
    let origin = Origin {
        source: Source::Previous,
        generation,
        slot: Some(slot),
        ..origin
    };
    Some(Recovered {
        origin,
        bytes: Some(bytes),
    })
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;
