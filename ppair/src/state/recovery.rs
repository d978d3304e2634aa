//! What a new worker starts from: the newest checkpoint that is whole. Pure; it reads the segment and writes nothing into
//! it, so it may itself be killed anywhere.

use super::commit::after;
use super::layout::Layout;
use super::redo::Chain;
use super::region::{Region, SLOTS};

/// Which checkpoint a worker starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Nothing was committed yet, or nothing that is whole is left: the type's `Default`.
    Initial,
    /// The last committed checkpoint.
    Current,
    /// Another one: the last committed checkpoint was damaged, for instance by a wild write, or workers that started from it died
    /// without progress.
    Previous,
    /// The last one that was marked as healthy, by [`Worker::mark_healthy`](crate::Worker::mark_healthy) or because the worker lived for
    /// `healthy_after`: the others were damaged, or left behind.
    Healthy,
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
    /// Whether this pair has committed anything, as far as the segment tells.
    has_commits: bool,
    /// Where it lies, if it is a checkpoint of this pair.
    chain: Option<Chain>,
    /// Whether the last committed checkpoint was left behind because workers died of it.
    is_poisoned: bool,
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
    /// damaged, or left behind.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// Whether committed checkpoints were left behind.
    pub(crate) fn is_rolled_back(&self) -> bool {
        self.source != Source::Current && self.has_commits
    }

    /// Whether they were left behind because workers died of them, and not because they were damaged.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.is_poisoned
    }

    /// The slot that must not be overwritten before something else is published.
    pub(crate) fn slot_to_keep(&self) -> Option<usize> {
        let slot = self.chain.map(|chain| chain.slot);
        slot.filter(|slot| *slot < SLOTS)
    }

    /// Where it lies in the segment.
    pub(crate) fn chain(&self) -> Option<Chain> {
        self.chain
    }
}

/// A recovered hard state: its origin, and its bytes unless it is the initial one.
#[derive(Clone, Debug)]
pub(crate) struct Recovered {
    pub(crate) origin: Origin,
    pub(crate) bytes: Option<Box<[u8]>>,
}

/// Finds what the worker of this incarnation starts from: the published checkpoint if it is whole and every value in it is valid,
/// else the newest one that is, else the healthy one; if none was committed or none is left, the bytes that `stored` has from before
/// the pair began, else the initial one.
pub(crate) fn recover(
    region: &Region<'_>,
    incarnation: u32,
    layout: &Layout,
    stored: &mut dyn FnMut() -> Option<Vec<u8>>,
) -> Recovered {
    let committed = region.published(incarnation);
    let nothing = Origin {
        name: layout.name(),
        source: Source::Initial,
        generation: 0,
        committed: committed.generation,
        has_commits: !committed.is_whole || region.base() != Some(committed.generation),
        chain: None,
        is_poisoned: region.poisoned() == committed.generation,
    };
    let mut bytes: Option<Box<[u8]>> = None;
    let mut try_all = |choices: Choices| {
        choices.into_iter().find(|(_, chain)| {
            let bytes = bytes.get_or_insert_with(|| vec![0; region.bytes()].into_boxed_slice());
            region.read_chain(*chain, bytes) && layout.validate(bytes).is_ok()
        })
    };
    let choices = Choices::of(region, incarnation);
    let mut found = try_all(choices);
    if choices.has_current() && found.is_none_or(|(source, _)| source != Source::Current) {
        // The worker before may have folded it meanwhile, if it was about to commit when it was taken over from.
        found = try_all(Choices::of(region, incarnation));
    }
    if let Some((source, chain)) = found {
        let origin = Origin {
            source,
            generation: chain.generation,
            chain: Some(chain),
            ..nothing
        };
        return Recovered { origin, bytes };
    }
    let stored = if region.has_stored() { stored() } else { None };
    let origin = match stored {
        None => nothing,
        Some(_) => Origin {
            source: Source::Stored,
            generation: region.base().unwrap_or(0),
            ..nothing
        },
    };
    Recovered {
        origin,
        bytes: stored.map(Vec::into_boxed_slice),
    }
}

/// What the worker of this incarnation would start from, without taking its bytes anywhere and without an allocation.
pub(crate) fn choose(region: &Region<'_>, incarnation: u32) -> Option<(Source, Chain)> {
    let mut choices = Choices::of(region, incarnation).into_iter();
    choices.find(|(_, chain)| region.is_whole_chain(*chain))
}

/// What a worker would start from after the checkpoint that this one starts from is left behind: the less that loses, the less it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// Another of the last checkpoints.
    Commits,
    /// The healthy one.
    SinceHealthy,
    /// Nothing of this pair.
    All,
}

/// What it would cost to leave behind what the worker of this incarnation would start from; `None` if that is the initial state.
pub(crate) fn loss(region: &Region<'_>, incarnation: u32) -> Option<Loss> {
    let mut choices = Choices::of(region, incarnation)
        .into_iter()
        .filter(|(_, chain)| region.is_whole_chain(*chain));
    let Some((first, left)) = choices.next() else {
        return region.has_stored().then_some(Loss::All);
    };
    // Behind the one before the last, older ones are not tried.
    let next = choices.find(|(source, chain)| {
        chain.generation != left.generation
            && (*source == Source::Healthy || first == Source::Current)
    });
    Some(match next {
        Some((Source::Healthy, _)) => Loss::SinceHealthy,
        Some(_) => Loss::Commits,
        // A big state's earlier commits are in the same chain.
        None if first == Source::Current && region.goes_back(left) => Loss::Commits,
        None => Loss::All,
    })
}

/// The checkpoints in a region that claim to be there, in the order in which they are tried.
#[derive(Clone, Copy, Debug)]
struct Choices {
    choices: [Option<(Source, Chain)>; 1 + SLOTS + 2],
}

impl Choices {
    /// Whether what was committed last seems to be there.
    fn has_current(&self) -> bool {
        let mut choices = self.choices.iter().flatten();
        choices.any(|(source, _)| *source == Source::Current)
    }

    fn of(region: &Region<'_>, incarnation: u32) -> Self {
        let published = region.published(incarnation);
        let committed = published.generation;
        let mut choices = [None; 1 + SLOTS + 2];
        let (first, others) = choices.split_at_mut(1);
        let (slots, healthy) = others.split_at_mut(SLOTS);
        let has_commits = !published.is_whole || region.base() != Some(committed);
        if published.is_whole && has_commits {
            // What is published is valid whatever else the head of the region says.
            let reached = region.reach(published.slot, committed);
            first[0] = (reached == committed).then_some(Chain {
                slot: published.slot,
                generation: committed,
            });
        }
        for (slot, choice) in slots.iter_mut().enumerate() {
            let generation = region.chain_end(slot, u64::MAX);
            *choice = (generation != 0).then_some(Chain { slot, generation });
        }
        for (number, choice) in healthy.iter_mut().enumerate() {
            let slot = SLOTS + number;
            let generation = region.slot_generation(slot);
            *choice = (generation != 0).then_some(Chain { slot, generation });
        }
        for group in [slots, healthy] {
            group.sort_unstable_by_key(|chain| {
                core::cmp::Reverse(chain.map_or(0, |chain| chain.generation))
            });
        }
        let mut at = 0;
        Self {
            choices: choices.map(|chain| {
                let is_slot = at <= SLOTS;
                at += 1;
                let chain = chain?;
                // If nothing of this pair is published, this is the very first commit, whose worker died before it became true. (Later
                // ones are void, or the publishing word was overwritten.)
                if is_slot && !has_commits && chain.generation <= after(committed) {
                    return None;
                }
                // A fold that was not published yet is as good as what it was folded from. Small states have none: there, a
                // published word that names another slot is a wrong one.
                let is_current = published.is_whole
                    && chain.generation == committed
                    && (at == 1 || region.shape.is_big());
                let source = match (is_slot, is_current) {
                    (true, true) => Source::Current,
                    (true, false) => Source::Previous,
                    (false, _) => Source::Healthy,
                };
                Some((source, chain))
            }),
        }
    }
}

impl IntoIterator for Choices {
    type Item = (Source, Chain);
    type IntoIter =
        core::iter::Flatten<core::array::IntoIter<Option<(Source, Chain)>, { 1 + SLOTS + 2 }>>;

    fn into_iter(self) -> Self::IntoIter {
        self.choices.into_iter().flatten()
    }
}

#[cfg(test)]
#[path = "recovery_tests.rs"]
mod tests;
