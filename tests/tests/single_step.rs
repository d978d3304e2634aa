//! A worker that is killed after any instruction of a commit leaves the value before or the value after, and never a mixture.

use std::collections::BTreeMap;

use ppair::__private::Snapshot;
use ppair_tests::broken::{self, Broken};
use ppair_tests::step::{Steps, may_trace, single_step};
use ppair_tests::subject::{Big, Kilobyte, Packed, Padded, Small, Subject, bytes_of};
use ppair_tests::{Power, lacks};

const STEPPER: &str = env!("CARGO_BIN_EXE_stepper");

fn cannot_trace(test: &str) -> bool {
    lacks(test, &Power::new("ptrace", may_trace()))
}

fn print(case: &str, steps: Steps, mixed: usize) {
    let Steps { steps, images } = steps;
    println!("| {case} | {steps} | {images} | {mixed} |");
}

/// Steps through the commit that follows on `before` ones, and looks at each image.
fn commit<T: Subject>(case: &str, before: u64, guard: bool) -> Steps {
    let snapshot = Snapshot::<T>::new().expect("shared memory");
    let old = (before > 0).then(|| bytes_of(&T::after(before)));
    let new = Some(bytes_of(&T::after(before + 1)));
    let mut seen = (0, 0);
    let steps = single_step(STEPPER, &[case], guard, snapshot.size(), |image| {
        let found = snapshot.recover(image, 2);
        let bytes = found.bytes.map(Vec::from);
        if bytes == new {
            assert_eq!(found.origin.generation(), before + 1, "{case}");
            seen.1 += 1;
        } else {
            assert!(bytes == old, "{case}: a mixture, {:?}", found.origin);
            assert_eq!(found.origin.generation(), before, "{case}");
            assert_eq!(seen.1, 0, "{case}: it was new, and is old again");
            seen.0 += 1;
        }
        // What is told of it is true: an unpublished commit is no damage.
        assert_eq!(
            found.origin.committed(),
            found.origin.generation(),
            "{case}"
        );
    });
    print(
        &format!("{case}{}", if guard { ", guarded" } else { "" }),
        steps,
        0,
    );
    assert!(seen.0 > 1 && seen.1 > 0, "{case}: {seen:?} of {steps:?}");
    steps
}

#[test]
fn small_states() {
    if cannot_trace("small_states") {
        return;
    }
    for guard in [false, true] {
        commit::<Small>("small", 2, guard);
        commit::<Small>("first", 0, guard);
        commit::<Padded>("padded", 2, guard);
        commit::<Packed>("packed", 2, guard);
        commit::<Kilobyte>("kilobyte", 2, guard);
    }
}

#[test]
fn parts_of_a_big_state() {
    if cannot_trace("parts_of_a_big_state") {
        return;
    }
    for guard in [false, true] {
        commit::<Big>("big", 2, guard);
    }
}

#[test]
fn a_big_state_whose_log_is_full() {
    if cannot_trace("a_big_state_whose_log_is_full") {
        return;
    }
    for guard in [false, true] {
        let steps = commit::<Big>("big-full", 11, guard);
        // More than an entry for the log: a whole slot.
        assert!(steps.images > 300, "{steps:?}");
    }
}

#[test]
fn a_big_state_as_a_whole() {
    if cannot_trace("a_big_state_as_a_whole") {
        return;
    }
    commit::<Big>("big-whole", 2, false);
    commit::<Big>("big-first", 0, false);
}

/// A copy that is made for bad days changes nothing of what is recovered today.
#[test]
fn a_healthy_checkpoint() {
    if cannot_trace("a_healthy_checkpoint") {
        return;
    }
    marked::<Small>("healthy");
    marked::<Big>("healthy-big");
}

fn marked<T: Subject>(case: &str) {
    let snapshot = Snapshot::<T>::new().expect("shared memory");
    let expected = bytes_of(&T::after(3));
    let steps = single_step(STEPPER, &[case], false, snapshot.size(), |image| {
        let found = snapshot.recover(image, 2);
        assert_eq!(found.origin.generation(), 3, "{case}");
        assert!(
            found.bytes.is_some_and(|bytes| *bytes == *expected),
            "{case}"
        );
    });
    print(case, steps, 0);
    assert!(steps.images > 1, "{case}: {steps:?}");
}

/// A worker that dies while it recovers leaves everything as it was.
#[test]
fn recovery_stores_nothing() {
    if cannot_trace("recovery_stores_nothing") {
        return;
    }
    recovered::<Kilobyte>("recover", "kilobyte");
    recovered::<Big>("recover-big", "big");
}

fn recovered<T: Subject>(case: &str, from: &str) {
    let snapshot = Snapshot::<T>::new().expect("shared memory");
    let mut image = Vec::new();
    single_step(STEPPER, &[from], false, snapshot.size(), |now| {
        image = now.to_vec();
    });
    // So that more than the current checkpoint is looked at: a flip in each word that could be a bad one.
    let found = snapshot.recover(&image, 2).bytes.expect("it has committed");
    let at = image
        .windows(8)
        .rposition(|window| found.starts_with(window));
    image[at.expect("the value is in the segment")] ^= 4;
    let file = std::env::temp_dir().join(format!("ppair-{case}-{}", std::process::id()));
    std::fs::write(&file, &image).expect("a file");
    let arguments = [case, file.to_str().expect("a plain name")];
    let images = single_step(STEPPER, &arguments, false, snapshot.size(), |_| {});
    std::fs::remove_file(&file).expect("the file is there");
    print(case, images, 0);
    assert_eq!(images.images, 0, "{case}");
    assert!(images.steps > 1_000, "{case}: {images:?}");
}

/// The same harness finds what is wrong with protocols that are wrong.
#[test]
fn broken_protocols_are_caught() {
    if cannot_trace("broken_protocols_are_caught") {
        return;
    }
    for case in ["in-place", "published-first"] {
        let mut found = BTreeMap::new();
        let steps = single_step(STEPPER, &[case], false, broken::SIZE, |image| {
            *found.entry(Broken::recover(image)).or_insert(0) += 1;
        });
        let mixed = found.get(&None).copied().unwrap_or(0);
        print(case, steps, mixed);
        assert!(steps.images > 100, "{case}: {steps:?}");
        assert!(mixed > 100, "{case}: {found:?}");
        assert!(found.contains_key(&Some(3)), "{case}: {found:?}");
    }
}
