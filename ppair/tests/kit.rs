//! The test kit, used as unit tests of a user's crate use it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::thread;

use ppair::testing::{Kit, checkpoint};
use ppair::{Checkpoint, CommitError, HardState, MigrateFrom, Source, Stored, SyncError, Worker};

#[derive(Clone, Copy, Debug, Default, PartialEq, HardState)]
#[repr(C)]
struct Progress {
    next: u32,
    checked: u64,
}

/// 80 KiB: a big state.
#[derive(Clone, Copy, HardState)]
#[hard(zeroed)]
#[repr(C)]
struct Table {
    sum: u64,
    hits: [u64; ROWS],
}

const ROWS: usize = 10_000;

/// Fewer where each step is interpreted.
fn rounds(many: u32) -> u32 {
    if cfg!(miri) { many.div_ceil(100) } else { many }
}

#[test]
fn kits_in_parallel_know_nothing_of_each_other() {
    thread::scope(|scope| {
        for first in 0..8 {
            scope.spawn(move || {
                for number in 0..rounds(200) {
                    let kit = Kit::new();
                    let progress = kit.checkpoint::<Progress>();
                    assert_eq!(progress.load(), Progress::default());
                    progress.update(|p| p.next = first * 1000 + number);
                    kit.next_worker();
                    let progress = kit.checkpoint::<Progress>();
                    assert_eq!(progress.load().next, first * 1000 + number);
                    assert_eq!(progress.generation(), 1);
                }
            });
        }
    });
}

#[test]
fn a_kit_beside_a_kit_may_have_the_same_type() {
    let (one, other) = (Kit::new(), Kit::new());
    one.checkpoint::<u64>().store(1);
    other.checkpoint::<u64>().store(2);
    assert_eq!(one.checkpoint::<u64>().load(), 1);
    assert_eq!(other.checkpoint::<u64>().load(), 2);
    assert!(ppair::checkpoint::<u64>().is_none(), "it is no pair's");
}

#[test]
fn what_was_committed_stays_and_a_dead_worker_commits_nothing() {
    let kit = Kit::new();
    let progress = kit.checkpoint::<Progress>();
    assert_eq!(progress.origin().source(), Source::Initial);
    progress.store(Progress {
        next: 3,
        checked: 0,
    });
    kit.next_worker();
    let fenced = progress.try_update(|p| p.next = 99);
    assert_eq!(fenced, Err(CommitError::Fenced));
    assert_eq!(progress.sync(), Err(SyncError::Commit(CommitError::Fenced)));
    let progress = kit.checkpoint::<Progress>();
    assert_eq!(progress.origin().source(), Source::Current);
    assert_eq!((progress.load().next, progress.generation()), (3, 1));
    progress.update(|p| p.next += 1);
    for number in 3..20 {
        assert_eq!(kit.next_worker().incarnation(), number);
        assert_eq!(kit.checkpoint::<Progress>().load().next, 4);
    }
    assert_eq!(kit.checkpoint::<Progress>().generation(), 2);
}

#[test]
fn a_panic_in_a_closure_commits_nothing_and_hurts_nothing() {
    let kit = Kit::new();
    let progress = kit.checkpoint::<Progress>();
    progress.update(|p| p.next = 1);
    for _ in 0..3 {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            progress.update(|p| {
                p.next = 2;
                panic!("half-way");
            });
        }));
        assert!(panicked.is_err());
        let inside = catch_unwind(AssertUnwindSafe(|| {
            progress.update(|_| progress.store(Progress::default()));
        }));
        assert!(inside.is_err(), "a commit inside its own update");
        assert_eq!(progress.load().next, 1);
    }
    kit.next_worker();
    assert_eq!(kit.checkpoint::<Progress>().load().next, 1);
}

#[test]
fn big_states_are_patched_edited_and_read() {
    let kit = Kit::new();
    let table = kit.checkpoint::<Table>();
    table.patch(|table| &table.hits[17], |hits| *hits += 5);
    table.edit(|edit| {
        edit.patch(|table| &table.hits[ROWS - 1], |hits| *hits += 1);
        edit.patch(|table| &table.sum, |sum| *sum += 6);
    });
    let check = |table: &Checkpoint<Table>| {
        assert_eq!(table.get(|table| &table.hits[17]), 5);
        assert_eq!(table.read(|table| table.hits.iter().sum::<u64>()), 6);
        assert_eq!(table.get(|table| &table.sum), 6);
    };
    check(&table);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        table.edit(|edit| {
            edit.patch(|table| &table.sum, |sum| *sum = 7);
            panic!("half-way");
        });
    }));
    assert!(panicked.is_err());
    let too_much = table.try_edit(|edit| {
        for row in (0..ROWS).step_by(2) {
            edit.patch(|table| &table.hits[row], |hits| *hits = 9);
        }
    });
    assert!(matches!(too_much, Err(CommitError::TooLarge { .. })));
    for _ in 0..4 {
        kit.next_worker();
        check(&kit.checkpoint());
    }
    let table = kit.checkpoint::<Table>();
    table.update(|table| table.hits[0] = 1);
    kit.next_worker();
    assert_eq!(kit.checkpoint::<Table>().load().hits[0], 1);
    let fenced = table.try_patch(|table| &table.sum, |sum| *sum = 0);
    assert_eq!(fenced, Err(CommitError::Fenced));
}

#[test]
fn threads_commit_one_after_the_other() {
    let kit = Kit::new();
    let (small, big) = (kit.checkpoint::<Progress>(), kit.checkpoint::<Table>());
    let each = rounds(500);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..each {
                    small.update(|p| p.next += 1);
                    big.patch(|table| &table.sum, |sum| *sum += 1);
                }
            });
        }
    });
    kit.next_worker();
    assert_eq!(kit.checkpoint::<Progress>().load().next, 4 * each);
    let sum = kit.checkpoint::<Table>().get(|table| &table.sum);
    assert_eq!(sum, u64::from(4 * each));
}

#[test]
fn a_thread_in_an_update_is_superseded() {
    let kit = Kit::new();
    let progress = kit.checkpoint::<Progress>();
    let (inside, wait) = channel();
    let (go_on, gone_on) = channel();
    let late = thread::spawn(move || {
        progress.try_update(|p| {
            p.next = 1;
            inside.send(()).expect("a receiver");
            gone_on.recv().expect("a sender");
        })
    });
    wait.recv().expect("it gets there");
    kit.next_worker();
    go_on.send(()).expect("a receiver");
    assert_eq!(late.join().expect("no panic"), Err(CommitError::Fenced));
    assert_eq!(kit.checkpoint::<Progress>().load().next, 0);
}

mod earlier {
    use ppair::HardState;

    #[derive(Clone, Copy, Default, HardState)]
    #[repr(C)]
    pub(crate) struct Settings {
        pub(crate) seconds: u32,
        pub(crate) limit: u32,
        pub(crate) legacy: u8,
    }

    #[derive(Clone, Copy, Default, HardState)]
    #[repr(C)]
    pub(crate) struct Unlike {
        pub(crate) text: ppair::Text<8>,
    }
}

#[derive(Clone, Copy, Default, HardState)]
#[hard(evolve, was = "Settings")]
#[repr(C)]
struct Evolved {
    limit: u64,
    #[hard(was = "seconds")]
    delay: u32,
    #[hard(default = 40)]
    added: u32,
}

#[derive(Clone, Copy, Default, HardState)]
#[hard(version = 1, migrate_from = earlier::Settings)]
#[repr(C)]
struct Migrated {
    milliseconds: u64,
}

impl MigrateFrom<earlier::Settings> for Migrated {
    fn migrate_from(old: earlier::Settings) -> Self {
        Self {
            milliseconds: u64::from(old.seconds) * 1000,
        }
    }
}

/// As the earlier one is called.
#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Unlike {
    number: u32,
}

fn stored_earlier() -> Stored {
    let old = checkpoint::<earlier::Settings>();
    old.store(earlier::Settings {
        seconds: 3,
        limit: 9,
        legacy: 1,
    });
    old.update(|_| ());
    Stored::from_bytes(&old.stored().to_bytes()).expect("whole")
}

#[test]
fn what_was_stored_is_migrated() {
    let kit = Kit::new().restore(stored_earlier());
    let evolved = kit.checkpoint::<Evolved>();
    assert_eq!(evolved.origin().source(), Source::Stored);
    assert_eq!(evolved.generation(), 2);
    let Evolved { delay, added, .. } = evolved.load();
    assert_eq!((delay, added), (3, 40));
    let restored = kit.restored::<Evolved>().expect("it was given");
    assert!(restored.rejection().is_none());
    assert!(
        restored
            .dropped()
            .iter()
            .any(|field| field.contains("legacy"))
    );

    let kit = Kit::new().restore(stored_earlier());
    for _ in 0..3 {
        // It has committed nothing, so the next worker migrates it again.
        assert_eq!(kit.checkpoint::<Migrated>().load().milliseconds, 3000);
        kit.next_worker();
    }
    kit.checkpoint::<Migrated>().update(|m| m.milliseconds += 1);
    kit.next_worker();
    assert_eq!(kit.checkpoint::<Migrated>().load().milliseconds, 3001);
    assert_eq!(kit.checkpoint::<Migrated>().generation(), 3);
}

#[test]
fn what_does_not_fit_is_set_aside_with_the_reason() {
    let unlike = checkpoint::<earlier::Unlike>();
    unlike.update(|u| u.text = "x".parse().expect("it fits"));
    let bytes = unlike.stored().to_bytes();
    let kit = Kit::new()
        .restore(Stored::from_bytes(&bytes).expect("whole"))
        .restore(stored_earlier());
    // Of this name nothing was given.
    assert!(kit.restored::<Progress>().is_none());
    let restored = kit.restored::<Unlike>().expect("it was given");
    let rejection = restored.rejection().expect("it does not fit");
    assert!(rejection.to_string().contains("number"), "{rejection}");
    assert_eq!(
        kit.checkpoint::<Unlike>().origin().source(),
        Source::Initial
    );
}

#[test]
fn durable_commits_do_as_they_are_told() {
    let kit = Kit::new();
    let progress = kit.checkpoint::<Progress>();
    assert_eq!(progress.sync(), Ok(0));
    progress.update_durable(|p| p.next = 1).expect("it works");
    kit.fail_store("disk on fire");
    let failed = progress.update_durable(|p| p.next = 2);
    assert_eq!(
        failed,
        Err(SyncError::Failed {
            generation: 2,
            reason: "disk on fire".to_owned()
        })
    );
    assert_eq!(progress.load().next, 2);
    let stored = kit.stored();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].generation(), 1);
    kit.remove_store();
    assert_eq!(progress.sync(), Err(SyncError::NoStore));
    kit.mend_store();
    assert_eq!(progress.sync(), Ok(2));
    let table = kit.checkpoint::<Table>();
    table
        .edit_durable(|edit| edit.patch(|table| &table.sum, |sum| *sum = 3))
        .expect("it works");
    progress.update(|p| p.next = 4);

    let after = kit.stored().into_iter().fold(Kit::new(), Kit::restore);
    assert_eq!(after.checkpoint::<Progress>().load().next, 2);
    assert_eq!(after.checkpoint::<Table>().get(|table| &table.sum), 3);
}

/// As code that takes a worker does.
fn serve(worker: &Worker, progress: &Checkpoint<Progress>) {
    assert!(worker.last_death().is_none() && !worker.is_degraded() && !worker.has_watchdog());
    progress.update(|p| p.next += 1);
    worker.mark_healthy().expect("nobody has taken over");
    worker.ready();
    ppair::alive();
}

#[test]
fn a_worker_says_that_it_is_ready() {
    let kit = Kit::new();
    assert!(!kit.is_ready());
    serve(&kit.worker(), &kit.checkpoint());
    assert!(kit.is_ready());
    let worker = kit.next_worker();
    assert_eq!(worker.incarnation(), 2);
    assert!(!kit.is_ready());
    assert!(worker.origins().is_empty() && worker.restored().is_empty());
    assert!(worker.rejected().is_empty() && worker.store().is_none());
    serve(&worker, &kit.checkpoint());
    assert!(kit.is_ready());
}

#[test]
fn handles_outlive_their_kit_and_its_workers() {
    let kit = Kit::new();
    let (first, worker) = (kit.checkpoint::<Progress>(), kit.worker());
    kit.next_worker();
    let second = kit.checkpoint::<Progress>();
    drop(kit);
    assert_eq!(
        first.try_store(Progress::default()),
        Err(CommitError::Fenced)
    );
    thread::spawn(move || {
        assert_eq!(second.try_store(Progress::default()), Ok(1));
        assert_eq!(second.sync(), Ok(1));
    })
    .join()
    .expect("no panic");
    assert_eq!(worker.mark_healthy(), Err(CommitError::Fenced));
    drop(first);
    assert_eq!(worker.mark_healthy(), Ok(()));
    assert_eq!(format!("{:?}", worker.origins()), "[]");
}

#[cfg(not(miri))]
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc");
    let pages = statm.split(' ').nth(1).expect("a second number");
    pages.parse::<usize>().expect("a number") * 4096
}

/// Ten thousand at once take no descriptor each, and give their memory back, again and again. In a
/// process of its own: other tests use memory too.
#[cfg(not(miri))]
#[test]
fn ten_thousand_checkpoints_leave_nothing_behind() {
    const NAME: &str = "ten_thousand_checkpoints_leave_nothing_behind";
    if std::env::var_os("PPAIR_TEST_OF_KIT").is_none() {
        let program = std::env::current_exe().expect("a test program");
        let status = std::process::Command::new(program)
            .args(["--exact", NAME, "--nocapture"])
            .env("PPAIR_TEST_OF_KIT", "1")
            // None of them is read.
            .env("PPAIR_STORE", "nonsense")
            .env("PPAIR_RESTART", "nonsense")
            .env("PPAIR", "nonsense")
            .status();
        assert!(status.expect("it starts").success());
        return;
    }
    let descriptors = || std::fs::read_dir("/proc/self/fd").expect("/proc").count();
    let before = descriptors();
    let round = || {
        let all: Vec<Kit> = (0..10_000).map(|_| Kit::new()).collect();
        for (number, kit) in (0..).zip(&all) {
            kit.checkpoint::<Progress>().update(|p| p.next = number);
            kit.next_worker();
            kit.checkpoint::<Progress>().update(|p| p.next += 1);
        }
        assert_eq!(descriptors(), before);
        for (number, kit) in (0..).zip(&all) {
            assert_eq!(kit.checkpoint::<Progress>().load().next, number + 1);
        }
        for _ in 0..50 {
            checkpoint::<Table>().patch(|table| &table.sum, |sum| *sum += 1);
        }
        resident()
    };
    let first = round();
    let second = round();
    let third = round();
    println!(
        "resident with ten thousand kits: {first}, {second}, {third}; afterwards {}",
        resident()
    );
    // One page more of each would be 40 MB.
    assert!(second < first + (20 << 20) && third < first + (20 << 20));
}
