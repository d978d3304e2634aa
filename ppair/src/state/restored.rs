//! What became of a stored checkpoint that a pair was given.

use super::fit::{Fit, Initial, Rejection, takes};
use super::layout::Invalid;
use super::segment::{Given, RegionSpec, Segment};
use super::stored::Stored;

/// What became of a checkpoint that [`Pair::restore`](crate::Pair::restore) was given.
#[derive(Debug)]
pub struct Restored {
    stored: Stored,
    fit: Result<Fit, Rejection>,
}

impl Restored {
    /// What becomes of `bytes`, which are meant for `spec`, or for nothing in the program. `None` if they are damaged.
    pub(crate) fn of(bytes: &[u8], spec: Option<&RegionSpec>) -> Option<Self> {
        let stored = Stored::from_bytes(bytes).ok()?;
        let fit = match spec {
            None => Err(Rejection::unwanted(stored.name())),
            Some(RegionSpec {
                layout, initial, ..
            }) => Fit::of(stored.descriptor(), layout).and_then(|fit| {
                fit.begin(stored.value(), initial)?;
                Ok(fit)
            }),
        };
        Some(Self { stored, fit })
    }

    /// The hard state's bytes, if it was not rejected. Runs the user's migrations.
    pub(crate) fn apply(&self, initial: Initial<'_>) -> Option<Result<Vec<u8>, Invalid>> {
        let fit = self.fit.as_ref().ok()?;
        Some(fit.apply(self.stored.value(), initial))
    }

    /// The stored checkpoint, as it was given. A rejected one may be kept for later: it is [all of
    /// it](Stored::to_bytes).
    #[must_use]
    pub fn stored(&self) -> &Stored {
        &self.stored
    }

    /// Why it was set aside, if it was. The hard state then starts from its `Default`.
    #[must_use]
    pub fn rejection(&self) -> Option<&Rejection> {
        self.fit.as_ref().err()
    }

    /// Whether it was taken over as it is, but for names.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.fit.as_ref().is_ok_and(Fit::is_unchanged)
    }

    /// How many [`MigrateFrom`](crate::MigrateFrom) lead from it to this program's type.
    #[must_use]
    pub fn migrations(&self) -> usize {
        self.fit.as_ref().map_or(0, Fit::migrations)
    }

    /// The stored fields whose values were not taken over, each with its type: they are gone, or have another type now.
    #[must_use]
    pub fn dropped(&self) -> &[String] {
        self.fit.as_ref().map_or(&[], Fit::dropped)
    }

    /// The fields for which nothing was stored, so that they have their default.
    #[must_use]
    pub fn added(&self) -> &[String] {
        self.fit.as_ref().map_or(&[], Fit::added)
    }
}

/// All that the pair was given.
pub(crate) fn all(segment: &Segment) -> Vec<Restored> {
    let restored = segment.given().filter_map(|(region, bytes)| {
        Restored::of(&bytes, region.map(|region| &segment.specs()[region]))
    });
    restored.collect()
}

/// What the region with this number was given.
pub(crate) fn of_region(segment: &Segment, number: usize) -> Option<Restored> {
    let (_, bytes) = segment
        .given()
        .find(|(region, _)| *region == Some(number))?;
    Restored::of(&bytes, Some(&segment.specs()[number]))
}

/// Finds for each of these checkpoints the region that it is meant for: by its type, or else by the names that types have and
/// had. If several are meant for one region, the one with the highest generation is for it.
pub(crate) fn assign(mut stored: Vec<Stored>, specs: &[RegionSpec]) -> Vec<Given> {
    stored.sort_by_key(|stored| core::cmp::Reverse(stored.generation()));
    let mut taken = vec![false; specs.len()];
    // Those whose type is there go first, so that none is taken by what only had its name.
    let mut regions = vec![None; stored.len()];
    for same_type in [true, false] {
        for (stored, region) in stored.iter().zip(&mut regions) {
            let fits = |spec: &RegionSpec| {
                if same_type {
                    *spec.descriptor == *stored.encoded()
                } else {
                    takes(spec.layout, stored.name())
                }
            };
            if region.is_none() {
                *region = (0..specs.len()).find(|&number| !taken[number] && fits(&specs[number]));
            }
            if let Some(number) = *region {
                taken[number] = true;
            }
        }
    }
    let given = stored.iter().zip(regions).map(|(stored, region)| Given {
        region,
        // Zero stands for nothing.
        generation: stored.generation().max(1),
        bytes: stored.to_bytes(),
    });
    given.collect()
}
