//! Wild writes: whatever a segment holds, a worker starts from a committed value, or is told that it does not.

use std::io::{self, Write as _};
use std::panic::catch_unwind;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use ppair::__private::Snapshot;
use ppair::{Checkpoint, CommitError, Source};
use ppair_tests::subject::{Big, Page, Subject, bytes_of};
use ppair_tests::{Fixture, Random};

const STEPPER: &str = env!("CARGO_BIN_EXE_stepper");

/// A segment after this many commits.
fn image_of<T: Subject>(case: &str, commits: u64) -> (Snapshot<T>, Vec<u8>) {
    let snapshot = Snapshot::<T>::new().expect("shared memory");
    let file = std::env::temp_dir().join(format!("ppair-image-{case}-{}", std::process::id()));
    let end = Fixture::new(STEPPER)
        .args(["image", case, &commits.to_string()])
        .arg(&file)
        .env("PPAIR", "off")
        .spawn()
        .finish();
    end.expect_code(0);
    let mut image = std::fs::read(&file).expect("the image");
    std::fs::remove_file(&file).expect("the file is there");
    image.truncate(snapshot.size());
    (snapshot, image)
}

/// Looks at what is recovered from an image that was changed after `commits` commits. Returns whether it is the last one.
fn check<T: Subject>(
    snapshot: &Snapshot<T>,
    image: &[u8],
    values: &[Vec<u8>],
    what: &dyn Fn() -> String,
) -> bool {
    let found = catch_unwind(core::panic::AssertUnwindSafe(|| snapshot.recover(image, 2)));
    let found = found.unwrap_or_else(|_| panic!("{}: a panic", what()));
    let Some(bytes) = found.bytes else {
        assert_eq!(found.origin.source(), Source::Initial, "{}", what());
        return false;
    };
    let generation = usize::try_from(found.origin.generation()).expect("a small number");
    assert!(
        values
            .get(generation)
            .is_some_and(|value| **value == *bytes),
        "{}: no committed value, {:?}",
        what(),
        found.origin
    );
    let is_last = generation == values.len() - 1;
    if !is_last {
        // It is told.
        assert_ne!(found.origin.source(), Source::Current, "{}", what());
    }
    is_last
}

fn values<T: Subject>(commits: u64) -> Vec<Vec<u8>> {
    (0..=commits)
        .map(|number| bytes_of(&T::after(number)))
        .collect()
}

/// Ends the tests if it lives for too long: what must not hang.
struct Deadline {
    _alive: Sender<()>,
}

impl Deadline {
    fn new(what: &'static str, limit: Duration) -> Self {
        let (alive, end) = channel();
        thread::spawn(move || {
            if end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                // Past what libtest captures.
                let _ = writeln!(io::stderr(), "{what}: it hangs");
                std::process::abort();
            }
        });
        Self { _alive: alive }
    }
}

/// What the next worker, or the watch dog, does with a damaged segment.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Store,
    Commit,
    MarkHealthy,
    Reject,
}

impl Deed {
    fn of(number: usize) -> Self {
        [Self::Store, Self::Commit, Self::MarkHealthy, Self::Reject][number % 4]
    }

    /// Does it as this worker, and takes over from it: what is found is the commit, if it was one, and else a committed value. Says
    /// whether it was done.
    fn is_done<T: Subject>(
        self,
        snapshot: &Snapshot<T>,
        worker: &Checkpoint<T>,
        values: &[Vec<u8>],
        what: &dyn Fn() -> String,
    ) -> bool {
        let next = T::after(values.len() as u64);
        let committed = match self {
            Self::Store => worker.try_store(next).map(drop),
            Self::Commit => next.try_commit(worker),
            Self::MarkHealthy => Snapshot::mark_healthy(worker),
            Self::Reject => {
                snapshot.reject().expect("memory for the copy");
                Ok(())
            }
        };
        let is_commit = matches!(self, Self::Store | Self::Commit) && committed.is_ok();
        let generation = worker.generation();
        snapshot.fence(snapshot.incarnation() + 1);
        let found = snapshot.recover_filled(snapshot.incarnation());
        if is_commit {
            let what = format!("{}: {self:?}, {:?}", what(), found.origin);
            assert_eq!(found.origin.source(), Source::Current, "{what}");
            assert_eq!(found.origin.generation(), generation, "{what}");
            assert!(found.bytes.as_deref() == Some(&bytes_of(&next)), "{what}");
        } else if let Some(bytes) = found.bytes {
            let generation = usize::try_from(found.origin.generation()).expect("a small number");
            let value = values.get(generation);
            assert!(
                value.is_some_and(|value| **value == *bytes),
                "{}: no committed value after {self:?}, {:?}",
                what(),
                found.origin
            );
        }
        for (generation, bytes) in snapshot.rejects() {
            let value = values.get(usize::try_from(generation).expect("a small number"));
            assert!(value.is_some_and(|value| **value == *bytes), "{}", what());
        }
        match committed {
            Ok(()) => true,
            Err(CommitError::Damaged) => false,
            Err(other) => panic!("{}: {other}", what()),
        }
    }
}

#[test]
fn every_flipped_bit_of_a_segment_of_four_kibibytes() {
    let _deadline = Deadline::new("every flipped bit", Duration::from_secs(300));
    // Numbers of commits of which one flip makes another one, or none.
    for (number, commits) in [1, 4, 5, 8].into_iter().enumerate() {
        let case = format!("page-{commits}");
        let (snapshot, mut image) = image_of::<Page>(&case, commits);
        assert!(
            (4_096..=10_240).contains(&image.len()),
            "{} bytes",
            image.len()
        );
        let values = values::<Page>(commits);
        let (mut last, mut initial, mut refused) = (0, 0, 0);
        for bit in 0..image.len() * 8 {
            image[bit / 8] ^= 1 << (bit % 8);
            let what = || format!("bit {bit} after {commits} commits");
            last += usize::from(check(&snapshot, &image, &values, &what));
            let found = snapshot.recover_filled(2).origin;
            assert!(commits - found.generation() <= 1, "{}: {found:?}", what());
            initial += usize::from(found.source() == Source::Initial);
            // Each deed with each bit, for one of the numbers of commits.
            let deed = Deed::of(bit + number + bit / 8);
            snapshot.fill(&image, 2);
            let worker = snapshot.enter(2);
            refused += usize::from(!deed.is_done(&snapshot, &worker, &values, &what));
            image[bit / 8] ^= 1 << (bit % 8);
        }
        println!(
            "{} bits, {last} without any loss, {initial} led to the initial state, {refused} to a commit that is refused",
            image.len() * 8
        );
        // Only the current slot's bits can cost the last commit, and the first one has none before it.
        let slot = (2 * 8 + size_of::<Page>()) * 8;
        assert!(last < image.len() * 8 && last >= image.len() * 8 - slot - 64);
        assert_eq!(initial, if commits == 1 { slot } else { 0 });
        assert!(refused < slot, "{refused}");
    }
}

/// A worker that has committed, and goes on.
#[test]
fn every_bit_that_is_flipped_beneath_a_worker() {
    let _deadline = Deadline::new("every bit beneath a worker", Duration::from_secs(300));
    for (number, commits) in [4, 5].into_iter().enumerate() {
        let (snapshot, image) = image_of::<Page>(&format!("beneath-{commits}"), commits);
        let values = values::<Page>(commits + 1);
        let mut refused = 0;
        for bit in 0..image.len() * 8 {
            snapshot.fill(&image, 2);
            let worker = snapshot.enter(2);
            Page::after(commits + 1).commit(&worker);
            snapshot.flip(bit);
            let deed = Deed::of(bit + 2 * number + bit / 8);
            let what = || format!("bit {bit} after {commits} commits");
            refused += usize::from(!deed.is_done(&snapshot, &worker, &values, &what));
        }
        println!(
            "{} bits, {refused} led to a commit that is refused",
            image.len() * 8
        );
        // The bits of the current slot and of its word, for three of four deeds at most.
        let slot = (3 * 8 + size_of::<Page>()) * 8;
        assert!((1..slot).contains(&refused), "{refused}");
    }
}

fn wild_stores<T: Subject>(case: &str, commits: u64, rounds: usize) {
    let _deadline = Deadline::new("wild stores", Duration::from_secs(300));
    let (snapshot, image) = image_of::<T>(case, commits);
    let values = values::<T>(commits);
    let mut random = Random::seeded(case);
    let mut last = 0;
    let mut wild = image.clone();
    for round in 0..rounds {
        let length = 8 + usize::try_from(random.below(57)).expect("a small number");
        let room = (image.len() - length) as u64;
        let at = usize::try_from(random.below(room)).expect("a small number");
        for byte in &mut wild[at..at + length] {
            *byte = random.next_u64().to_le_bytes()[5];
        }
        let what = || format!("round {round}: {length} bytes at {at}");
        last += usize::from(check(&snapshot, &wild, &values, &what));
        if round % 8 == 0 {
            snapshot.fill(&wild, 2);
            let worker = snapshot.enter(2);
            Deed::of(round / 8).is_done(&snapshot, &worker, &values, &what);
        }
        wild[at..at + length].copy_from_slice(&image[at..at + length]);
    }
    println!("{case}: {rounds} wild stores, {last} without any loss");
    assert!(last > 0 && last < rounds);
}

#[test]
fn wild_stores_into_a_small_state() {
    wild_stores::<Page>("page", 5, 100_000);
}

#[test]
fn wild_stores_into_a_big_state() {
    wild_stores::<Big>("big", 8, 3_000);
}

/// The same in a real pair, two hundred times.
#[test]
fn a_pair_lives_with_wild_stores_and_its_watch_dog_does_not_die_of_them() {
    let mut pair = Fixture::new(env!("CARGO_BIN_EXE_scribbler"))
        .deadline(Duration::from_secs(60))
        .spawn();
    for _ in 0..200 {
        let died = pair.event("died");
        assert_eq!(died.get("signal"), Some("SIGABRT"), "{died}");
    }
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.stdout.len(), 201);
    let other = end
        .stdout
        .iter()
        .filter(|line| !line.ends_with("Current"))
        .count();
    println!("{other} of 200 workers started from another checkpoint than the last one");
    assert!(end.stdout.iter().all(|line| line.starts_with("found ")));
    assert!(other > 1, "no wild store hit anything");
}

/// Not even the kernel writes into a guarded segment for the worker, but by a commit.
#[test]
fn a_guarded_segment_takes_no_wild_store() {
    let end = Fixture::new(env!("CARGO_BIN_EXE_scribbler"))
        .env("PPAIR_GUARD", "on")
        .spawn()
        .finish();
    end.expect_code(0);
    assert_eq!(end.stdout.len(), 2, "{:?}", end.stdout);
    assert!(end.stdout[1].starts_with("refused"), "{:?}", end.stdout);
    assert!(end.events("died").is_empty());
}

/// A store that runs over an end of the segment, or into a guarded one, ends the worker and harms no checkpoint.
fn is_caught(place: &str, guard: &str) {
    let end = Fixture::new(env!("CARGO_BIN_EXE_overrun"))
        .arg(place)
        .env("PPAIR_GUARD", guard)
        .spawn()
        .finish();
    end.expect_code(0);
    assert_eq!(end.stdout, ["found Current true"], "{place}");
    let died = end.events("died");
    assert_eq!(died.len(), 1, "{place}");
    assert_eq!(died[0].get("signal"), Some("SIGSEGV"), "{place}");
}

#[test]
fn a_store_behind_the_segment_or_before_it_is_caught() {
    for guard in ["off", "on"] {
        is_caught("behind", guard);
        is_caught("before", guard);
    }
}

#[test]
fn a_plain_store_into_a_guarded_segment_is_caught() {
    is_caught("inside", "on");
}
