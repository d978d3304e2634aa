use super::super::commit::Committer;
use super::super::recovery::{Loss, loss};
use super::super::region::Shape;
use super::*;
use crate::sys::atomic::{AtomicU64, Ordering};

const SIZE: usize = 24;

struct Memory {
    words: Vec<AtomicU64>,
    copies: Vec<Vec<AtomicU64>>,
}

fn zeros(count: usize) -> Vec<AtomicU64> {
    (0..count).map(|_| AtomicU64::new(0)).collect()
}

impl Memory {
    /// With so many commits of the first incarnation, each filled with its generation.
    fn with_commits(count: u8) -> Self {
        let shape = Shape::new(SIZE);
        let memory = Self {
            words: zeros(shape.words()),
            copies: (0..REJECTED).map(|_| zeros(shape.slot_words())).collect(),
        };
        memory.region().format(0).unwrap();
        memory.region().fence(1).unwrap();
        for generation in 1..=count {
            memory.commit(1, generation);
        }
        memory
    }

    fn region(&self) -> Region<'_> {
        Region::new(Words::open(&self.words), SIZE, 5).unwrap()
    }

    fn commit(&self, incarnation: u32, fill: u8) {
        let start = choose(&self.region(), incarnation);
        let published = self.region().published(incarnation).slot;
        let committer = Committer {
            incarnation,
            keep: start
                .map(|(_, chain)| chain.slot)
                .filter(|slot| *slot < SLOTS && *slot != published),
            start: 0,
        };
        self.region().commit(&committer, &[fill; SIZE]).unwrap();
    }

    fn healthy(&self, generation: u8) {
        self.region()
            .keep_healthy_small(1, generation.into(), &[generation; SIZE])
            .unwrap();
    }

    fn reject(&self, incarnation: u32) -> bool {
        self.region()
            .reject(incarnation, &mut |copy| {
                Some(Words::open(&self.copies[copy]))
            })
            .unwrap()
    }

    fn recover(&self, incarnation: u32) -> Option<(Source, u64)> {
        choose(&self.region(), incarnation).map(|(source, chain)| (source, chain.generation))
    }

    fn rejects(&self) -> Vec<u64> {
        let region = self.region();
        region
            .rejects()
            .map(|(copy, generation)| {
                let mut bytes = [0; SIZE];
                let found = region.read_slot(Words::open(&self.copies[copy]), &mut bytes);
                assert_eq!(found, Some(generation));
                assert_eq!(bytes.map(u64::from), [generation; SIZE]);
                generation
            })
            .collect()
    }
}

#[test]
fn the_ladder_goes_from_the_last_one_over_the_one_before_and_the_healthy_one_to_the_initial_state()
{
    let memory = Memory::with_commits(3);
    memory.healthy(1);
    memory.commit(1, 4);
    assert_eq!(memory.recover(1), Some((Source::Current, 4)));
    assert!(memory.reject(1));
    assert_eq!(memory.recover(1), Some((Source::Previous, 3)));
    assert!(memory.reject(1));
    assert_eq!(memory.recover(1), Some((Source::Healthy, 1)));
    assert!(memory.reject(1));
    assert_eq!(memory.recover(1), None);
    assert!(!memory.reject(1));
    assert_eq!(memory.rejects(), [4, 3, 1]);
}

#[test]
fn the_loss_says_what_comes_next() {
    let memory = Memory::with_commits(4);
    memory.healthy(1);
    for expected in [Loss::Commits, Loss::SinceHealthy, Loss::All] {
        assert_eq!(loss(&memory.region(), 1), Some(expected));
        assert!(memory.reject(1));
    }
    assert_eq!(loss(&memory.region(), 1), None);
    let once = Memory::with_commits(1);
    once.healthy(1);
    assert_eq!(loss(&once.region(), 1), Some(Loss::All));
}

#[test]
fn a_healthy_checkpoint_that_is_the_rejected_one_goes_with_it() {
    let memory = Memory::with_commits(3);
    memory.healthy(3);
    assert!(memory.reject(1));
    assert_eq!(memory.recover(1), Some((Source::Previous, 2)));
    assert!(memory.reject(1));
    assert_eq!(memory.recover(1), None);
}

#[test]
fn what_was_left_behind_does_not_come_back_after_newer_commits() {
    let memory = Memory::with_commits(3);
    assert!(memory.reject(1));
    memory.region().fence(2).unwrap();
    assert_eq!(memory.recover(2), Some((Source::Previous, 2)));
    memory.commit(2, 4);
    assert_eq!(memory.recover(2), Some((Source::Current, 4)));
    assert!(memory.reject(2));
    assert_eq!(memory.recover(2), Some((Source::Previous, 2)));
    assert_eq!(memory.rejects(), [4], "the last one is kept");
}

#[test]
fn what_the_pair_began_with_is_the_last_that_is_left_behind() {
    let memory = Memory::with_commits(0);
    memory.region().format(40).unwrap();
    assert!(memory.region().has_stored());
    assert!(memory.reject(1));
    assert!(!memory.region().has_stored());
    assert!(!memory.reject(1));
}

#[test]
fn without_room_for_a_copy_it_is_left_behind_all_the_same() {
    let memory = Memory::with_commits(2);
    assert!(memory.region().reject(1, &mut |_| None).unwrap());
    assert_eq!(memory.recover(1), Some((Source::Previous, 1)));
    assert_eq!(memory.rejects(), [0; 0]);
}

#[test]
fn a_mark_does_not_outlive_what_it_was_for() {
    let memory = Memory::with_commits(2);
    memory.region().set_marked(true).unwrap();
    assert!(memory.reject(1));
    assert!(!memory.region().is_marked());
    assert!(
        memory
            .words
            .iter()
            .any(|word| word.load(Ordering::Relaxed) != 0)
    );
}

#[test]
fn a_healthy_checkpoint_is_never_written_over_the_last_one() {
    let memory = Memory::with_commits(3);
    let generations = || {
        let mut found = [4, 5].map(|slot| memory.region().slot_generation(slot));
        found.sort_unstable();
        found
    };
    memory.healthy(1);
    memory.healthy(2);
    assert_eq!(generations(), [1, 2]);
    memory.healthy(3);
    assert_eq!(generations(), [2, 3]);
    // The worker after it has the other one of the slots for its own.
    memory.region().fence(2).unwrap();
    memory
        .region()
        .keep_healthy_small(2, 4, &[4; SIZE])
        .unwrap();
    assert_eq!(generations(), [3, 4]);
}
