//! Makes some commits, and one more between two marks. The argument says of what.

use std::fs::File;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::raise;
use nix::unistd::{Pid, ftruncate};
use ppair::__private::Snapshot;
use ppair::{Checkpoint, Config, Pair, Worker};
use ppair_tests::broken::{self, Broken};
use ppair_tests::mapped::Mapped;
use ppair_tests::step::{END, MARK};
use ppair_tests::subject::{Big, Kilobyte, Packed, Padded, Page, Small, Subject};

fn between_marks(work: impl FnOnce()) {
    raise(MARK).expect("a signal for this process");
    work();
    raise(END).expect("a signal for this process");
}

fn enter<T: Subject>() -> (Checkpoint<T>, Worker) {
    let mut pair = Pair::new(Config::new());
    let checkpoint = pair.prepare::<Checkpoint<T>>();
    let worker = pair.start();
    (checkpoint.enter(&worker), worker)
}

fn commit<T: Subject>(before: u64) {
    let (checkpoint, _) = enter::<T>();
    (1..=before).for_each(|number| T::after(number).commit(&checkpoint));
    let next = T::after(before + 1);
    between_marks(|| next.commit(&checkpoint));
}

fn store_big() {
    let (checkpoint, _) = enter::<Big>();
    checkpoint.store(Big::after(1));
    Big::after(2).commit(&checkpoint);
    let next = Big::after(3);
    between_marks(|| checkpoint.store(next));
}

/// Each place of the state in a commit of its own: what is not to be seen of one commit.
fn commit_in_parts<T: Subject>(before: u64) {
    let (checkpoint, _) = enter::<T>();
    (1..=before).for_each(|number| T::after(number).commit(&checkpoint));
    let next = T::after(before + 1);
    between_marks(|| next.commit_in_parts(&checkpoint));
}

/// With two healthy checkpoints that were kept before: the first one is to be replaced, and not the second.
fn mark_healthy<T: Subject>() {
    let (checkpoint, worker) = enter::<T>();
    let mark = || worker.mark_healthy().expect("this worker may commit");
    for number in 1..=4 {
        T::after(number).commit(&checkpoint);
        if number <= 2 {
            mark();
        }
    }
    between_marks(mark);
}

/// The watch dog's part of a takeover from worker 1.
fn take_over<T: Subject>() {
    let snapshot = Snapshot::<T>::new().expect("shared memory");
    snapshot.overwrite(&std::fs::read(argument(2)).expect("an image"));
    between_marks(|| snapshot.fence(2));
}

/// Recovers a snapshot with one damaged slot, which a handed over segment is.
fn recover<T: Subject>() {
    let snapshot = Snapshot::<T>::new().expect("shared memory");
    let image = std::fs::read(argument(2)).expect("an image");
    snapshot.fill(&image, 2);
    between_marks(|| drop(snapshot.recover_filled(2)));
}

/// Makes commits and copies the segment into a file.
fn image<T: Subject>() {
    let (checkpoint, _) = enter::<T>();
    let commits: u64 = argument(3).parse().expect("a number");
    (1..=commits).for_each(|number| T::after(number).commit(&checkpoint));
    let segment = ppair_tests::step::segment_of(Pid::this()).expect("a segment");
    let mut file = File::create(argument(4)).expect("a file");
    std::io::copy(&mut &segment, &mut file).expect("a copy");
}

fn argument(number: usize) -> String {
    std::env::args().nth(number).expect("one more argument")
}

fn commit_broken(protocol: Broken) {
    let memory = memfd_create(c"ppair", MFdFlags::empty()).expect("shared memory");
    ftruncate(&memory, broken::SIZE.try_into().expect("a small number")).expect("its size");
    let file = File::from(memory);
    let memory = Mapped::words(&file, broken::WORDS);
    for number in 1..=2 {
        protocol.commit(memory, number);
    }
    between_marks(|| protocol.commit(memory, 3));
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("small") => commit::<Small>(2),
        Some("first") => commit::<Small>(0),
        Some("padded") => commit::<Padded>(2),
        Some("packed") => commit::<Packed>(2),
        Some("kilobyte") => commit::<Kilobyte>(2),
        Some("big") => commit::<Big>(2),
        Some("big-first") => commit::<Big>(0),
        // One whole commit, and ten of parts, which fill the log: this one folds it.
        Some("big-full") => commit::<Big>(11),
        Some("big-whole") => store_big(),
        Some("healthy") => mark_healthy::<Small>(),
        Some("healthy-big") => mark_healthy::<Big>(),
        Some("in-parts") => commit_in_parts::<Kilobyte>(2),
        Some("in-parts-big") => commit_in_parts::<Big>(2),
        Some("take-over") => take_over::<Kilobyte>(),
        Some("take-over-big") => take_over::<Big>(),
        Some("recover") => recover::<Kilobyte>(),
        Some("recover-big") => recover::<Big>(),
        Some("image") => match argument(2).as_str() {
            "big" => image::<Big>(),
            _ => image::<Page>(),
        },
        Some("in-place") => commit_broken(Broken::InPlace),
        Some("published-first") => commit_broken(Broken::PublishedFirst),
        other => panic!("no case {other:?}"),
    }
}
