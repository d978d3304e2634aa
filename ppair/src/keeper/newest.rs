//! What the keeper reads in the segment, beside a worker that commits: it writes nothing there that a worker looks at, and takes no lock.

use crate::state::recovery::{Recovered, Source, recover};
use crate::state::region::Region;
use crate::state::segment::Segment;
use crate::state::stored::Stored;

/// How often a checkpoint is read that is overwritten while it is read. Of a big state, a worker that replaces all of it again and again may be faster than
/// who reads it; then the next look may do better.
const TRIES: u32 = 50;

/// How often the same has to be found that is not whole.
const SAME: u32 = 4;

/// What is found of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Whole(Stored),
    /// Workers have died of it, and it was left behind. This is what the next one starts from; `None` if that is nothing of this pair.
    LeftBehind(Option<Stored>),
    /// Commits were faster.
    Overtaken,
    /// A wild write has hit it.
    Damaged,
}

/// The generation that is to be in the store: what is committed, or what the pair has begun with; `None` if there is nothing, or a wild write has hit it.
pub(super) fn committed(segment: &Segment, number: usize) -> Option<u64> {
    let region = segment.region(number);
    let published = region.published(incarnation(&region));
    (published.is_whole && published.generation != 0).then_some(published.generation)
}

/// Reads it. Not for what the pair has begun with, which is nowhere in the region.
pub(super) fn read(segment: &Segment, number: usize) -> Found {
    let region = segment.region(number);
    let layout = segment.specs()[number].layout;
    let stored =
        |Recovered { origin, bytes }| Some(Stored::new(layout, origin.generation(), bytes?));
    let (mut before, mut times) = (None, 0);
    for _ in 0..TRIES {
        let incarnation = incarnation(&region);
        let published = region.published(incarnation);
        let found = recover(&region, incarnation, layout, &mut || None);
        let is_current = found.origin.source() == Source::Current;
        let is_poisoned = found.origin.is_poisoned();
        match stored(found) {
            Some(stored) if is_current => return Found::Whole(stored),
            // The same again and again: nobody commits meanwhile.
            other if before == Some((incarnation, published)) && times == SAME => {
                return if is_poisoned {
                    Found::LeftBehind(other)
                } else {
                    Found::Damaged
                };
            }
            _ if before == Some((incarnation, published)) => times += 1,
            _ => (before, times) = (Some((incarnation, published)), 1),
        }
        std::thread::yield_now();
    }
    Found::Overtaken
}

/// Whose turn it is. The keeper outlives incarnations, so it looks. A watch dog that is just handing over, or was killed while it did, has named the next one, whose
/// publishing word says what was true two incarnations ago.
fn incarnation(region: &Region<'_>) -> u32 {
    let turn = u32::try_from(region.turn()).unwrap_or(0);
    if region.is_taken_over(turn) {
        turn
    } else {
        turn.wrapping_sub(1)
    }
}

#[cfg(test)]
#[path = "newest_tests.rs"]
mod tests;
