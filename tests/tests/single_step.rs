//! A worker that is killed after any instruction of a commit leaves the value before or the value after, and never a mixture.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ppair::__private::{Found, Snapshot};
use ppair::{CommitError, Source};
use ppair_tests::broken::{self, Broken};
use ppair_tests::step::{Steps, may_trace, single_step};
use ppair_tests::subject::{Big, Kilobyte, Packed, Padded, Small, Subject, bytes_of};
use ppair_tests::{Power, lacks};

const STEPPER: &str = env!("CARGO_BIN_EXE_stepper");

fn cannot_trace(test: &str) -> bool {
    lacks(test, &Power::new("ptrace", may_trace()))
}

/// Returns true in a build in which each instruction of a whole big state is stepped through.
/// Unoptimised code takes a million of them, and minutes, for what an optimised one does in
/// thousands; the full check runs the optimised one. `PPAIR_ALL_STEPS=1` asks for all of them.
fn steps_through_all() -> bool {
    !cfg!(debug_assertions) || std::env::var_os("PPAIR_ALL_STEPS").is_some()
}

/// Returns true if a part is left to the optimised build; then that is said.
fn leaves_out(test: &str) -> bool {
    lacks(test, &Power::new("all_steps", steps_through_all()))
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
        if guard && leaves_out("parts_of_a_big_state, guarded") {
            continue;
        }
        commit::<Big>("big", 2, guard);
    }
}

#[test]
fn a_big_state_whose_log_is_full() {
    if cannot_trace("a_big_state_whose_log_is_full") {
        return;
    }
    if leaves_out("a_big_state_whose_log_is_full") {
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
    if leaves_out("a_big_state_as_a_whole") {
        return;
    }
    commit::<Big>("big-whole", 2, false);
    commit::<Big>("big-first", 0, false);
}

/// A copy that is made for bad days changes nothing of what is recovered today, and there is one for bad days at every instruction.
#[test]
fn a_healthy_checkpoint() {
    if cannot_trace("a_healthy_checkpoint") {
        return;
    }
    for guard in [false, true] {
        marked::<Small>("healthy", guard, 1);
    }
    // To go on from each image would take too long.
    if steps_through_all() {
        marked::<Big>("healthy-big", false, 20);
    }
}

/// Looks for the healthy checkpoint in each image whose number is a multiple of `every`, and in the last one.
fn marked<T: Subject>(case: &str, guard: bool, every: usize) {
    let snapshot = Snapshot::<T>::new().expect("shared memory");
    let expected = bytes_of(&T::after(4));
    let (mut kept, mut count, mut last) = (Vec::new(), 0, Vec::new());
    let steps = single_step(STEPPER, &[case], guard, snapshot.size(), |image| {
        let found = snapshot.recover(image, 2);
        assert_eq!(found.origin.generation(), 4, "{case}");
        assert!(
            found.bytes.is_some_and(|bytes| *bytes == *expected),
            "{case}"
        );
        if count % every == 0 {
            kept.push(healthy(&snapshot, image));
        }
        count += 1;
        last.clear();
        last.extend_from_slice(image);
    });
    kept.push(healthy(&snapshot, &last));
    print(case, steps, 0);
    // A guarded one is a single write.
    assert!(steps.images > usize::from(!guard), "{case}: {steps:?}");
    assert!(kept.is_sorted(), "{case}: {kept:?}");
    let ends = (kept.first().copied(), kept.last().copied());
    assert_eq!(ends, (Some(2), Some(4)), "{case}");
    assert!(kept.iter().all(|kept| [2, 4].contains(kept)), "{case}");
}

/// The generation of the healthy checkpoint in an image: what is found when the next worker has gone on, and all that it left is left behind.
fn healthy<T: Subject>(snapshot: &Snapshot<T>, image: &[u8]) -> u64 {
    snapshot.fill(image, 2);
    let worker = snapshot.enter(2);
    for number in 5..=6 {
        T::after(number).commit(&worker);
    }
    for _ in 0..2 {
        assert_eq!(snapshot.reject(), Ok(true));
    }
    let found = snapshot.recover_filled(2);
    assert_eq!(found.origin.source(), Source::Healthy);
    let generation = found.origin.generation();
    let expected = bytes_of(&T::after(generation));
    assert!(found.bytes.is_some_and(|bytes| *bytes == *expected));
    generation
}

/// The last image of a case, in a file.
struct Image {
    bytes: Vec<u8>,
    path: PathBuf,
}

impl Image {
    fn of<T: Subject>(snapshot: &Snapshot<T>, from: &str, case: &str) -> Self {
        let mut bytes = Vec::new();
        single_step(STEPPER, &[from], false, snapshot.size(), |now| {
            bytes = now.to_vec();
        });
        let name = format!("ppair-{case}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        Self { bytes, path }
    }

    fn step<T: Subject>(
        &self,
        snapshot: &Snapshot<T>,
        case: &str,
        look: impl FnMut(&[u8]),
    ) -> Steps {
        std::fs::write(&self.path, &self.bytes).expect("a file");
        let arguments = [case, self.path.to_str().expect("a plain name")];
        let steps = single_step(STEPPER, &arguments, false, snapshot.size(), look);
        print(case, steps, 0);
        steps
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A takeover at any instruction of which everything stops, or a late commit of the earlier worker comes in.
#[test]
fn a_takeover() {
    if cannot_trace("a_takeover") {
        return;
    }
    taken_over::<Kilobyte>("take-over", "kilobyte");
    taken_over::<Big>("take-over-big", "big");
}

fn taken_over<T: Subject>(case: &str, from: &str) {
    let snapshot = Snapshot::<T>::new().expect("shared memory");
    let image = Image::of(&snapshot, from, case);
    let expect = |found: &Found, generation: u64| {
        assert_eq!(found.origin.source(), Source::Current, "{case}");
        assert_eq!(found.origin.generation(), generation, "{case}");
        let bytes = bytes_of(&T::after(generation));
        assert!(found.bytes.as_deref() == Some(&*bytes), "{case}");
    };
    let mut late = Vec::new();
    let steps = image.step(&snapshot, case, |image| {
        expect(&snapshot.recover(image, 2), 3);
        // The worker before, which is still there.
        snapshot.overwrite(image);
        let committed = snapshot.enter(1).try_store(T::after(4));
        snapshot.fence(2);
        let generation = match committed {
            Ok(generation) => generation,
            Err(CommitError::Fenced) => 3,
            Err(other) => panic!("{case}: {other}"),
        };
        expect(&snapshot.recover_filled(2), generation);
        T::after(generation + 1).commit(&snapshot.enter(2));
        snapshot.fence(3);
        expect(&snapshot.recover_filled(3), generation + 1);
        late.push(generation);
    });
    assert!(steps.images > 3, "{case}: {steps:?}");
    // Once it is too late, it stays so.
    assert!(late.iter().rev().is_sorted(), "{case}: {late:?}");
    assert_eq!((late[0], late.last()), (4, Some(&3)), "{case}: {late:?}");
}

/// A worker that dies while it recovers leaves everything as it was.
#[test]
fn recovery_stores_nothing() {
    if cannot_trace("recovery_stores_nothing") {
        return;
    }
    recovered::<Kilobyte>("recover", "kilobyte");
    if !leaves_out("recovery_stores_nothing, of a big state") {
        recovered::<Big>("recover-big", "big");
    }
}

fn recovered<T: Subject>(case: &str, from: &str) {
    let snapshot = Snapshot::<T>::new().expect("shared memory");
    let mut image = Image::of(&snapshot, from, case);
    // One flipped bit in what was committed last, so that more than that is looked at.
    let found = snapshot.recover(&image.bytes, 2).bytes;
    let found = found.expect("it has committed");
    let mut windows = image.bytes.windows(8);
    let at = windows.rposition(|window| found.starts_with(window));
    image.bytes[at.expect("the value is in the segment")] ^= 4;
    let found = snapshot.recover(&image.bytes, 2);
    assert_eq!(found.origin.source(), Source::Previous, "{case}");
    let images = image.step(&snapshot, case, |_| {});
    assert_eq!(images.images, 0, "{case}");
    assert!(images.steps > 1_000, "{case}: {images:?}");
}

/// What is recovered is looked at: commits of parts, one after the other, are taken for what they would be if they were one.
#[test]
fn a_commit_in_parts_is_caught() {
    if cannot_trace("a_commit_in_parts_is_caught") {
        return;
    }
    in_parts::<Kilobyte>("in-parts");
    in_parts::<Big>("in-parts-big");
}

fn in_parts<T: Subject>(case: &str) {
    let snapshot = Snapshot::<T>::new().expect("shared memory");
    let whole = [2, 3].map(|number| bytes_of(&T::after(number)));
    let mut mixed = 0;
    let steps = single_step(STEPPER, &[case], false, snapshot.size(), |image| {
        let bytes = snapshot.recover(image, 2).bytes.map(Vec::from);
        mixed += usize::from(!whole.iter().any(|whole| bytes.as_ref() == Some(whole)));
    });
    print(case, steps, mixed);
    assert!(mixed > 50 && mixed < steps.images, "{case}: {mixed}");
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
