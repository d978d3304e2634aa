//! What became of a stored checkpoint that a pair was given.

use super::fit::{Fit, Initial, Rejection, takes};
use super::segment::{Given, RegionSpec, Segment};
use super::stored::Stored;

/// What became of a checkpoint that [`Pair::restore`](crate::Pair::restore) was given.
#[derive(Debug)]
pub struct Restored {
    stored: Stored,
    fit: Result<Fit, Rejection>,
}

impl Restored {
    /// What becomes of `bytes`, which are meant for the region with this number, or for none. `None` if they are damaged. Runs
    /// none of the user's code.
    pub(crate) fn of(bytes: &[u8], region: Option<usize>, specs: &[RegionSpec]) -> Option<Self> {
        let stored = Stored::from_bytes(bytes).ok()?;
        let fit = match region {
            None => Err(Rejection::of_nobody(
                stored.name(),
                candidates(stored.name(), specs).len(),
            )),
            Some(number) => Fit::of(stored.descriptor(), specs[number].layout).and_then(|fit| {
                fit.check(stored.value())?;
                Ok(fit)
            }),
        };
        Some(Self { stored, fit })
    }

    /// The hard state's bytes. Runs the user's migrations.
    ///
    /// # Errors
    ///
    /// Why it was set aside.
    pub(crate) fn apply(&self, initial: Initial<'_>) -> Result<Vec<u8>, Rejection> {
        let fit = self.fit.as_ref().map_err(Rejection::clone)?;
        Ok(fit.apply(self.stored.value(), initial)?)
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

    /// The fields and variants that were stored under a name that they had earlier (`#[hard(was =
    /// "..")]`), each as `was -> is`, such as `rows[].us -> rows[].microseconds`. Each is named
    /// once, however often it is there.
    ///
    /// ```no_run
    /// # fn show(worker: &ppair::Worker) {
    /// for restored in worker.restored() {
    ///     println!("renamed: {}", restored.renamed().join(", "));
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn renamed(&self) -> &[String] {
        self.fit.as_ref().map_or(&[], Fit::renamed)
    }
}

/// All that the pair was given.
pub(crate) fn all(segment: &Segment) -> Vec<Restored> {
    let restored = segment
        .given()
        .filter_map(|(region, bytes)| Restored::of(&bytes?, region, segment.specs()));
    restored.collect()
}

/// What the region with this number was given; `None` if it is damaged.
pub(crate) fn of_region(segment: &Segment, number: usize) -> Option<Restored> {
    let (region, bytes) = segment
        .given()
        .find(|(region, _)| *region == Some(number))?;
    Restored::of(&bytes?, region, segment.specs())
}

/// The regions whose hard state this name can mean: those that are called so, or else those that were.
fn candidates(name: &str, specs: &[RegionSpec]) -> Vec<usize> {
    let of = |is_meant: &dyn Fn(&RegionSpec) -> bool| -> Vec<usize> {
        (0..specs.len())
            .filter(|&number| is_meant(&specs[number]))
            .collect()
    };
    let called_so = of(&|spec| spec.layout.name() == name);
    if called_so.is_empty() {
        of(&|spec| takes(spec.layout, name))
    } else {
        called_so
    }
}

/// Finds for each of these checkpoints the region that it is meant for, by its name. If several are meant for one, it is
/// for that with the highest generation; if one is meant for several, for none of them.
pub(crate) fn assign(mut stored: Vec<Stored>, specs: &[RegionSpec]) -> Vec<Given> {
    stored.sort_by_key(|stored| core::cmp::Reverse(stored.generation()));
    let mut taken = vec![false; specs.len()];
    let given = stored.iter().map(|stored| {
        let region = match candidates(stored.name(), specs)[..] {
            [number] if !taken[number] => Some(number),
            _ => None,
        };
        if let Some(number) = region {
            taken[number] = true;
        }
        Given {
            region,
            // Zero stands for nothing.
            generation: stored.generation().max(1),
            bytes: stored.to_bytes(),
        }
    });
    given.collect()
}

#[cfg(test)]
#[path = "restored_tests.rs"]
mod tests;
