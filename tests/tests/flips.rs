//! Wild writes: whatever a segment holds, a worker starts from a committed value, or is told that it does not.

use std::panic::catch_unwind;
use std::time::Duration;

use ppair::__private::Snapshot;
use ppair::Source;
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

#[test]
fn every_flipped_bit_of_a_segment_of_four_kibibytes() {
    // Numbers of commits of which one flip makes another one, or none.
    for commits in [1, 4, 5, 8] {
        let case = format!("page-{commits}");
        let (snapshot, mut image) = image_of::<Page>(&case, commits);
        assert!(
            (3_500..=4_096).contains(&image.len()),
            "{} bytes",
            image.len()
        );
        let values = values::<Page>(commits);
        let mut last = 0;
        for bit in 0..image.len() * 8 {
            image[bit / 8] ^= 1 << (bit % 8);
            let what = || format!("bit {bit} after {commits} commits");
            last += usize::from(check(&snapshot, &image, &values, &what));
            image[bit / 8] ^= 1 << (bit % 8);
        }
        println!("{} bits, {last} without any loss", image.len() * 8);
        // Only the current slot's bits can cost the last commit.
        assert!(last < image.len() * 8 && last > image.len() * 6);
    }
}

fn wild_stores<T: Subject>(case: &str, commits: u64, rounds: usize) {
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
