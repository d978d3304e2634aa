//! The segment of another program, whose types are not known here: what is published in it, by the descriptors that lie beside the slots.
//! It is read while others commit, and nothing is ever stored into it.
//!
//! Nothing here trusts what it reads: any bytes end in an answer or in an error, never in a panic.

use core::time::Duration;
use std::os::fd::AsFd;

use xxhash_rust::xxh3::xxh3_64;

use super::blob::{self, blob_words};
use super::commit::Published;
use super::delivery::{self, Delivery};
use super::descriptor::{Descriptor, Undecodable};
use super::recovery::Source;
use super::redo::Chain;
use super::region::{ALL_SLOTS, FINGERPRINT, LINE_WORDS, Region, SIZE, SLOTS, Shape};
use super::segment::{
    DELIVERY, FIRST_REGION, FORMAT, HEADER_FORMAT, HEADER_MAGIC, HEADER_REGIONS, HEADER_SIZE,
    MAGIC, STATUS, given_in, words_of,
};
use super::status::{self, Report, Status};
use super::stored::Stored;
use super::words::Words;
use crate::sys::atomic::{AtomicU64, Ordering, fence};
use crate::sys::memory::Mapping;
use crate::sys::{Errno, clock};

/// How long a reader goes on against a worker that commits faster than it reads.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a file cannot be read as a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It is something else.
    NotOne,
    /// It has a format that is not known here, of this number.
    Format(u64),
    /// It contradicts itself, or a wild write has hit it.
    Damaged(&'static str),
    System(Errno),
}

/// A segment that belongs to others.
#[derive(Debug)]
pub(crate) struct Foreign {
    mapping: Mapping,
    places: Vec<Place>,
    /// Where the regions end.
    end: usize,
}

/// One hard state's part of it.
#[derive(Debug)]
struct Place {
    start: usize,
    shape: Shape,
    fingerprint: u64,
    descriptor: Descriptor,
    encoded: Box<[u8]>,
    /// Where the descriptor's words end.
    end: usize,
}

/// One hard state as it was seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) name: String,
    /// The incarnation that may commit; 0 before the first worker.
    pub(crate) incarnation: u32,
    /// The generation that was committed last; `None` if a wild write has hit the word that says so.
    pub(crate) committed: Option<u64>,
    /// Which checkpoint it is.
    pub(crate) source: Source,
    /// The checkpoint; `None` for the initial value, which is not in the segment.
    pub(crate) stored: Option<Stored>,
}

impl Foreign {
    /// Maps the segment in `file` for looking only.
    pub(crate) fn open(file: &impl AsFd) -> Result<Self, Unusable> {
        let mapping = Mapping::read_only(file.as_fd()).map_err(|errno| match errno {
            Errno::EINVAL => Unusable::NotOne,
            errno => Unusable::System(errno),
        })?;
        let words = words_of(&mapping);
        let word = |at: usize| words.get(at).map(|word| word.load(Ordering::Relaxed));
        if word(HEADER_MAGIC) != Some(MAGIC) {
            return Err(Unusable::NotOne);
        }
        match word(HEADER_FORMAT) {
            Some(FORMAT) => {}
            format => return Err(Unusable::Format(format.unwrap_or(0))),
        }
        if word(HEADER_SIZE) != Some(words.len() as u64) || words.len() < FIRST_REGION {
            return Err(Unusable::Damaged("its head says another size"));
        }
        let count = word(HEADER_REGIONS).unwrap_or(0);
        let (mut places, mut at) = (Vec::new(), FIRST_REGION);
        for _ in 0..count {
            let place = Place::find(words, at)?;
            at = place.end.next_multiple_of(LINE_WORDS);
            places.push(place);
        }
        Ok(Self {
            mapping,
            places,
            end: at,
        })
    }

    /// What the watch dog has put down; `None` if it has put down nothing.
    pub(crate) fn report(&self) -> Option<Report> {
        let words = words_of(&self.mapping).get(STATUS..STATUS + status::WORDS)?;
        let status = Status::new(Words::open(words))?;
        let until = clock::now().saturating_add(PATIENCE / 10);
        loop {
            let report = status.report();
            if report.is_some() || clock::now() >= until {
                return report;
            }
            std::thread::yield_now();
        }
    }

    /// What the keeper says, with the reason of the last failure; `None` if there is none, or it has said nothing yet.
    pub(crate) fn delivery(&self) -> Option<(delivery::Report, Option<String>)> {
        let words = words_of(&self.mapping).get(DELIVERY..DELIVERY + delivery::WORDS)?;
        let delivery = Delivery::new(Words::open(words))?;
        let report = delivery.report();
        (report.begun != 0).then(|| (report, delivery.reason()))
    }

    /// The generations that are in the store, of all hard states together.
    pub(crate) fn stored_generation(&self) -> u64 {
        let regions = self.places.iter().filter_map(|place| self.region(place));
        regions.fold(0, |sum: u64, region| sum.wrapping_add(region.stored()))
    }

    /// All hard states, each as it was committed at some moment of this call.
    pub(crate) fn states(&self) -> Vec<Seen> {
        let regions = self.places.iter().enumerate();
        regions
            .filter_map(|(number, place)| self.see(number, place))
            .collect()
    }

    /// Commits of all hard states together.
    pub(crate) fn generation(&self) -> u64 {
        let regions = self.places.iter().filter_map(|place| self.region(place));
        regions
            .map(|region| region.published(turn(&region)))
            .filter(|published| published.is_whole)
            .fold(0, |sum: u64, published| {
                sum.wrapping_add(published.generation)
            })
    }

    fn region(&self, place: &Place) -> Option<Region<'_>> {
        let words = words_of(&self.mapping).get(place.start..)?;
        let words = words.get(..place.shape.words())?;
        Region::new(Words::open(words), place.shape.bytes(), place.fingerprint)
    }

    fn see(&self, number: usize, place: &Place) -> Option<Seen> {
        let region = self.region(place)?;
        let mut bytes = vec![0; place.shape.bytes()].into_boxed_slice();
        let until = clock::now().saturating_add(PATIENCE);
        loop {
            let incarnation = turn(&region);
            let now = region.published(incarnation);
            let seen = |source, stored| Seen {
                name: place.descriptor.name().to_owned(),
                incarnation,
                committed: now.is_whole.then_some(now.generation),
                source,
                stored,
            };
            if now.is_whole && region.base() == Some(now.generation) {
                // This pair has committed nothing yet.
                let given = self.given(number).filter(|_| region.has_stored());
                let source = given.as_ref().map_or(Source::Initial, |_| Source::Stored);
                return Some(seen(source, given));
            }
            let mut found = None;
            if now.is_whole && read(&region, chain_of(now), &mut bytes) {
                found = Some((Source::Current, now.generation));
            } else if is_same(&region, incarnation, now) {
                // Nobody commits, and what was committed last is just being folded, is damaged, or was left behind.
                found = search(&region, now, &mut bytes);
            }
            if found.is_none_or(|(source, _)| source != Source::Current)
                && !is_same(&region, incarnation, now)
                && clock::now() < until
            {
                // A commit has overtaken this reader.
                std::thread::yield_now();
                continue;
            }
            let Some((source, generation)) = found else {
                let given = self.given(number).filter(|_| region.has_stored());
                let source = given.as_ref().map_or(Source::Initial, |_| Source::Stored);
                return Some(seen(source, given));
            };
            let (descriptor, encoded) = (place.descriptor.clone(), place.encoded.clone());
            let stored = Stored::of_foreign(descriptor, encoded, generation, bytes);
            return Some(seen(source, Some(stored)));
        }
    }

    /// The stored checkpoint that the pair was given for the region with this number.
    fn given(&self, number: usize) -> Option<Stored> {
        let words = words_of(&self.mapping);
        let mut given = given_in(words, self.end, self.places.len());
        let (_, bytes) = given.find(|(region, _)| *region == Some(number))?;
        Stored::from_bytes(&bytes?).ok()
    }
}

impl Place {
    /// The region that starts at word `start`.
    fn find(words: &[AtomicU64], start: usize) -> Result<Self, Unusable> {
        let cut = Unusable::Damaged("a hard state reaches beyond its end");
        let region = words.get(start..).ok_or(cut)?;
        let word = |at: usize| region.get(at).map(|word| word.load(Ordering::Relaxed));
        let size = word(SIZE).and_then(|size| usize::try_from(size).ok());
        // What is larger than the segment is not in it, and no number beyond it is calculated with.
        let size = size.filter(|size| *size <= size_of_val(words)).ok_or(cut)?;
        let fingerprint = word(FINGERPRINT).ok_or(cut)?;
        let shape = Shape::new(size);
        let behind = region.get(shape.words()..).ok_or(cut)?;
        let encoded = blob::read(behind).ok_or(Unusable::Damaged("a descriptor is not whole"))?;
        let descriptor = Descriptor::decode(&encoded).map_err(|undecodable| match undecodable {
            Undecodable::Format(format) => Unusable::Format(format.into()),
            Undecodable::Target(_) | Undecodable::Damaged => {
                Unusable::Damaged("a descriptor is none")
            }
        })?;
        if descriptor.size() != size || xxh3_64(&encoded) != fingerprint {
            return Err(Unusable::Damaged("a descriptor is that of another type"));
        }
        Ok(Self {
            start,
            shape,
            fingerprint,
            descriptor,
            end: start + shape.words() + blob_words(encoded.len()),
            encoded: encoded.into(),
        })
    }
}

/// The incarnation that may commit.
fn turn(region: &Region<'_>) -> u32 {
    // More than that is what a wild write left.
    u32::try_from(region.turn()).unwrap_or(0)
}

fn chain_of(published: Published) -> Chain {
    Chain {
        slot: published.slot,
        generation: published.generation,
    }
}

/// Whether nothing was committed meanwhile.
fn is_same(region: &Region<'_>, incarnation: u32, before: Published) -> bool {
    fence(Ordering::Acquire);
    turn(region) == incarnation && region.published(incarnation) == before
}

/// The newest checkpoint that is whole and not newer than what is published: what a worker has written and not published yet is none.
fn search(region: &Region<'_>, now: Published, bytes: &mut [u8]) -> Option<(Source, u64)> {
    let limit = if now.is_whole {
        now.generation
    } else {
        u64::MAX
    };
    let mut chains: Vec<(bool, Chain)> = (0..ALL_SLOTS)
        .map(|slot| {
            let generation = region.chain_end(slot, limit);
            (slot < SLOTS, Chain { slot, generation })
        })
        .filter(|(_, chain)| (1..=limit).contains(&chain.generation))
        .collect();
    // Healthy ones, which are older, come last.
    chains
        .sort_unstable_by_key(|(is_slot, chain)| core::cmp::Reverse((*is_slot, chain.generation)));
    let found = chains
        .into_iter()
        .find(|(_, chain)| read(region, *chain, bytes));
    found.map(|(is_slot, chain)| {
        let source = match is_slot {
            true if now.is_whole && chain.generation == now.generation => Source::Current,
            true => Source::Previous,
            false => Source::Healthy,
        };
        (source, chain.generation)
    })
}

/// Copies the state of `chain`, of which others may overwrite the slot and the log at any time.
fn read(region: &Region<'_>, chain: Chain, bytes: &mut [u8]) -> bool {
    // A slot's bytes are checked where they were copied to; entries of a log are checked where they lie, and so once more afterwards.
    if region.read_checked(chain.slot, bytes) == Some(chain.generation) {
        return true;
    }
    let copied = region.read_chain(chain, bytes);
    fence(Ordering::Acquire);
    copied && region.reach(chain.slot, chain.generation) == chain.generation
}

#[cfg(test)]
#[path = "foreign_tests.rs"]
mod tests;
