//! What the keeper reads in the segment, beside a worker that commits: it writes nothing there that a worker looks at, and takes no lock.

use crate::state::recovery::{Source, recover};
use crate::state::segment::Segment;
use crate::state::stored::Stored;

/// How often a checkpoint is read that is overwritten while it is read. Of a big state, a worker that replaces all of it again and again may be faster than
/// who reads it; then the next look may do better.
const TRIES: u32 = 50;

/// The generation that is committed in the region with this number; `None` if this pair has committed nothing there, or a wild write has hit it.
pub(super) fn committed(segment: &Segment, number: usize) -> Option<u64> {
    let region = segment.region(number);
    let published = region.published(incarnation(segment, number));
    (published.is_whole && region.base() != Some(published.generation))
        .then_some(published.generation)
}

/// Reads it.
pub(super) fn read(segment: &Segment, number: usize) -> Option<Stored> {
    let region = segment.region(number);
    let layout = segment.specs()[number].layout;
    for _ in 0..TRIES {
        let found = recover(&region, incarnation(segment, number), layout, &mut || None);
        if let (Source::Current, Some(bytes)) = (found.origin.source(), found.bytes) {
            return Some(Stored::new(layout, found.origin.generation(), bytes));
        }
        std::thread::yield_now();
    }
    None
}

/// Whose turn it is. The keeper outlives incarnations, so it looks.
fn incarnation(segment: &Segment, number: usize) -> u32 {
    u32::try_from(segment.region(number).turn()).unwrap_or(0)
}
