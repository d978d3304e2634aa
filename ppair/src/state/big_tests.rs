//! Big states, through the handle that users have.

use core::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use crate::state::region::{ALL_SLOTS, healthy_slot};

use super::tests::{enter, in_time, segment};
use super::*;

#[derive(Clone, Copy, Debug, Default, PartialEq, crate::HardState)]
#[hard(crate = crate)]
#[repr(C)]
struct Row {
    on: bool,
    hits: u64,
    last: u16,
}

const ROWS: usize = 4_000;

#[derive(Clone, Copy, PartialEq, crate::HardState)]
#[hard(crate = crate)]
#[repr(C)]
struct Table {
    total: u64,
    rows: [Row; ROWS],
    tail: [u8; 13],
}

impl Default for Table {
    #[allow(
        clippy::large_stack_arrays,
        reason = "a big state is what this is about"
    )]
    fn default() -> Self {
        Self {
            total: 7,
            rows: [Row::default(); ROWS],
            tail: [1; 13],
        }
    }
}

const _: () = assert!(is_big::<Table>());

fn hit(table: &Checkpoint<Table>, row: usize) {
    table.edit(|edit| {
        edit.patch(|table| &table.rows[row], |row| row.hits += 1);
        edit.patch(|table| &table.total, |total| *total += 1);
    });
}

#[test]
fn places_are_changed_one_by_one_and_found_by_the_next_worker() {
    let segment = segment::<Table>();
    let first = enter::<Table>(segment, 1);
    assert_eq!(
        (first.get(|table| &table.total), first.generation()),
        (7, 0)
    );
    for row in 0..100 {
        hit(&first, row * 39);
    }
    first.patch(|table| &table.tail[12], |last| *last = 99);
    first.patch(|table| &table.rows[3].on, |on| *on = true);
    assert_eq!(first.generation(), 102);
    for incarnation in 2..5 {
        let next = enter::<Table>(segment, incarnation);
        assert!(next.read(|value| first.read(|expected| value == expected)));
        assert_eq!(next.get(|table| &table.total), 107);
        assert_eq!(next.get(|table| &table.rows[39].hits), 1);
        assert_eq!(
            next.get(|table| &table.tail),
            [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 99]
        );
        assert_eq!(next.generation(), 102);
    }
}

#[test]
fn thousands_of_changes_fold_the_log_and_all_of_them_count() {
    let segment = segment::<Table>();
    let table = enter::<Table>(segment, 1);
    for round in 0..8_000 {
        hit(&table, round % ROWS);
    }
    let next = enter::<Table>(segment, 2);
    assert!(next.read(|table| table.rows.iter().all(|row| row.hits == 2)));
    assert_eq!(next.generation(), 8_000);
}

#[test]
fn one_edit_sees_its_own_changes_and_commits_them_at_once() {
    let table = enter::<Table>(segment::<Table>(), 1);
    let seen = table.edit(|edit| {
        edit.patch(|table| &table.rows[5].hits, |hits| *hits = 1);
        edit.patch(|table| &table.rows[5], |row| row.hits += 1);
        assert_eq!(
            table.get(|table| &table.rows[5].hits),
            0,
            "not committed yet"
        );
        edit.patch(|table| &table.rows[5].last, |last| *last = 3);
        edit.get(|table| &table.rows[5])
    });
    assert_eq!((seen.hits, seen.last), (2, 3));
    assert_eq!(
        (table.get(|table| &table.rows[5]), table.generation()),
        (seen, 1)
    );
    table.edit(|_| {});
    assert_eq!(table.generation(), 1, "nothing was changed");
}

#[test]
fn a_whole_value_and_parts_take_turns() {
    let segment = segment::<Table>();
    let table = enter::<Table>(segment, 1);
    table.update(|table| table.total = 1);
    hit(&table, 8);
    table.update(|table| table.total *= 10);
    hit(&table, 8);
    let next = enter::<Table>(segment, 2);
    next.read(|table| assert_eq!((table.total, table.rows[8].hits), (21, 2)));
    assert_eq!(next.stored().generation(), 4);
}

/// Places next to each other, and again and again, take no more of the log than what they are.
#[test]
fn a_place_that_is_changed_again_needs_no_more_room() {
    let segment = segment::<Table>();
    let table = enter::<Table>(segment, 1);
    hit(&table, 1);
    table.edit(|edit| {
        for _ in 0..25_000 {
            edit.patch(|table| &table.total, |total| *total += 1);
        }
        for round in 0..3 {
            for row in 0..ROWS / 4 {
                edit.patch(|table| &table.rows[row], |row| row.hits = round);
            }
        }
        // Over the ends of what was changed before.
        edit.patch(|table| &table.rows[ROWS / 4 - 1], |row| row.hits += 5);
        edit.patch(|table| &table.rows[ROWS / 4], |row| row.hits += 6);
    });
    let next = enter::<Table>(segment, 2);
    assert_eq!(next.get(|table| &table.total), 25_008);
    let expected = |row| match row {
        row if row == ROWS / 4 - 1 => 7,
        row if row == ROWS / 4 => 6,
        row if row < ROWS / 4 => 2,
        _ => 0,
    };
    next.read(|table| {
        for (row, found) in table.rows.iter().enumerate() {
            assert_eq!(found.hits, expected(row), "row {row}");
        }
    });
}

#[derive(Clone, Copy, crate::HardState)]
#[hard(crate = crate)]
#[repr(C)]
struct Forty([u64; 40]);

impl Default for Forty {
    fn default() -> Self {
        Self([0; 40])
    }
}

/// Fills `N` words from word `at` on, and sees what was there.
fn fill<const N: usize>(edit: &mut Edit<'_, Forty>, model: &mut [u64; 40], at: usize, by: u64) {
    let at = at % (40 - N + 1);
    edit.patch(
        |state| {
            state.0[at..at + N]
                .first_chunk::<N>()
                .expect("so many words")
        },
        |words| {
            assert_eq!(words[..], model[at..at + N]);
            *words = [by; N];
        },
    );
    model[at..at + N].fill(by);
}

#[test]
fn places_that_lie_over_each_other_are_changed_in_the_order_of_the_changes() {
    let state = enter::<Forty>(segment::<Forty>(), 1);
    let mut random = 1_u64;
    let mut model = [0; 40];
    for round in 0..if cfg!(miri) { 20 } else { 500 } {
        state.edit(|edit| {
            for number in 0..=round % 50 {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let at = usize::try_from(random >> 40).unwrap();
                let by = round * 100 + number;
                match random >> 37 & 3 {
                    0 => fill::<1>(edit, &mut model, at, by),
                    1 => fill::<2>(edit, &mut model, at, by),
                    2 => fill::<5>(edit, &mut model, at, by),
                    _ => fill::<9>(edit, &mut model, at, by),
                }
            }
        });
        assert_eq!(state.load().0, model, "round {round}");
    }
}

#[test]
fn a_panic_publishes_nothing_and_blocks_nobody() {
    let table = enter::<Table>(segment::<Table>(), 1);
    hit(&table, 1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        table.edit(|edit| {
            edit.patch(|table| &table.total, |total| *total = 0);
            edit.patch(|table| &table.rows[0], |_| panic!("half-way"))
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(
        (table.get(|table| &table.total), table.generation()),
        (8, 1)
    );
    hit(&table, 1);
    assert_eq!(
        (table.get(|table| &table.total), table.generation()),
        (9, 2)
    );
}

#[test]
fn a_place_elsewhere_and_a_change_inside_a_look_are_panics_that_say_so() {
    let table = enter::<Table>(segment::<Table>(), 1);
    let text = |panicked: std::thread::Result<()>| {
        let panic = panicked.unwrap_err();
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap()
    };
    let elsewhere = catch_unwind(AssertUnwindSafe(|| table.patch(|_| &5_u64, |_| ())));
    assert!(text(elsewhere).contains("not in the hard state"));
    let inside = catch_unwind(AssertUnwindSafe(|| table.read(|_| hit(&table, 0))));
    assert!(text(inside).contains("inside its own `read`"));
    assert_eq!(table.generation(), 0);
    hit(&table, 0);
}

#[test]
fn a_place_seen_as_another_type_still_gets_no_invalid_value() {
    let table = enter::<Table>(segment::<Table>(), 1);
    let patch = |to: u8| table.patch(|table| as_byte(&table.rows[9].on), |byte| *byte = to);
    assert!(catch_unwind(AssertUnwindSafe(|| patch(2))).is_err());
    assert_eq!(
        (table.get(|table| &table.rows[9].on), table.generation()),
        (false, 0)
    );
    patch(1);
    assert!(table.get(|table| &table.rows[9].on));
}

/// What crates for casts do in safe code.
fn as_byte(flag: &bool) -> &u8 {
    // SAFETY: every `bool` is a valid byte, and is only read.
    unsafe { &*core::ptr::from_ref(flag).cast::<u8>() }
}

#[test]
fn readers_see_whole_commits_while_threads_change_the_state() {
    let table = enter::<Table>(segment::<Table>(), 1);
    let rounds = 2_000;
    thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let table = table.clone();
                scope.spawn(move || (0..rounds).for_each(|round| hit(&table, round * 2 + writer)))
            })
            .collect();
        while !writers.iter().all(thread::ScopedJoinHandle::is_finished) {
            table.read(|table| {
                let hits: u64 = table.rows.iter().map(|row| row.hits).sum();
                assert_eq!(table.total, 7 + hits);
            });
        }
    });
    assert_eq!(table.generation(), 2 * rounds as u64);
}

#[test]
fn a_fenced_worker_changes_nothing() {
    let segment = segment::<Table>();
    let old = enter::<Table>(segment, 1);
    hit(&old, 1);
    let new = enter::<Table>(segment, 2);
    let refused = old.try_patch(|table| &table.total, |total| *total = 0);
    assert_eq!(refused, Err(CommitError::Fenced));
    assert_eq!(old.get(|table| &table.total), 8);
    hit(&new, 1);
    assert_eq!(new.get(|table| &table.rows[1].hits), 2);
}

#[test]
fn small_states_are_changed_in_places_too() {
    let segment = segment::<[u16; 5]>();
    let small = enter::<[u16; 5]>(segment, 1);
    small.patch(|all| &all[3], |one| *one = 9);
    small.edit(|edit| {
        edit.patch(|all| &all[3], |one| *one += 1);
        edit.patch(|all| &all[4], |one| *one = 2);
    });
    assert_eq!((small.load(), small.generation()), ([0, 0, 0, 10, 2], 2));
    assert_eq!(enter::<[u16; 5]>(segment, 2).load(), [0, 0, 0, 10, 2]);
}

#[test]
fn a_healthy_copy_of_a_big_state_is_what_is_left_if_all_else_is_spoilt() {
    let segment = segment::<Table>();
    let table = enter::<Table>(segment, 1);
    hit(&table, 1);
    hit(&table, 2);
    table.mark_healthy().unwrap();
    hit(&table, 3);
    segment.fence(2).unwrap();
    (0..4).for_each(|slot| segment.region(0).overwrite_for_test(slot, 0x99));
    let next = enter::<Table>(segment, 3);
    assert_eq!(next.origin().source(), crate::Source::Healthy);
    assert_eq!(
        (next.origin().generation(), next.get(|table| &table.total)),
        (2, 9)
    );
    hit(&next, 4);
    assert_eq!((next.generation(), next.get(|table| &table.total)), (4, 10));
}

#[test]
fn a_mark_is_taken_before_the_next_commit() {
    let segment = segment::<Table>();
    let table = enter::<Table>(segment, 1);
    hit(&table, 1);
    segment.mark();
    hit(&table, 2);
    hit(&table, 3);
    let region = segment.region(0);
    assert_eq!(region.slot_generation(healthy_slot(1)), 1);
    assert!(!region.is_marked());
}

#[test]
fn copies_of_what_was_left_behind_are_there_with_their_values() {
    let segment = segment::<Table>();
    let table = enter::<Table>(segment, 1);
    (1..4).for_each(|row| hit(&table, row));
    for _ in 0..2 {
        assert!(segment.reject(0).unwrap().is_some());
    }
    let rejects = segment.rejects();
    let generations: Vec<u64> = rejects
        .iter()
        .map(|(_, generation, _)| *generation)
        .collect();
    assert_eq!(generations, [3, 2]);
    for (_, generation, bytes) in rejects {
        let total = u64::from_ne_bytes(bytes[..8].try_into().unwrap());
        assert_eq!(total, 7 + generation);
    }
}

#[test]
fn a_guarded_segment_is_written_through_its_file() {
    let segment = segment::<Table>();
    segment.fence(1).unwrap();
    segment.guard().unwrap();
    let table = enter::<Table>(segment, 1);
    for round in 0..5_000 {
        hit(&table, round % ROWS);
    }
    table.mark_healthy().unwrap();
    table.update(|table| table.tail[0] = 50);
    hit(&table, 0);
    let next = enter::<Table>(segment, 2);
    assert_eq!(
        (next.get(|table| &table.total), next.generation()),
        (5_008, 5_002)
    );
    assert_eq!(next.get(|table| &table.tail[0]), 50);
    assert_eq!(table.try_update(|_| ()), Err(CommitError::Fenced));
    // Also if there is nothing to commit.
    assert_eq!(table.try_edit(|_| ()), Err(CommitError::Fenced));
    assert_eq!(next.try_edit(|_| ()), Ok(()));
}

/// 4 MiB, of which many small places are changed.
#[derive(Clone, Copy, crate::HardState)]
#[hard(crate = crate)]
#[repr(C)]
struct Wide {
    rows: [u64; 1 << 19],
}

impl Default for Wide {
    #[allow(
        clippy::large_stack_arrays,
        reason = "a big state is what this is about"
    )]
    fn default() -> Self {
        Self { rows: [0; 1 << 19] }
    }
}

#[test]
fn a_commit_gets_through_beside_threads_that_read_without_a_pause() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let table = enter::<Wide>(segment::<Wide>(), 1);
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let table = table.clone();
            thread::spawn(move || {
                let mut all = 0_u64;
                while !STOP.load(Ordering::Relaxed) {
                    let sum = table.read(|table| table.rows.iter().fold(0, |a, b| a ^ b));
                    all = all.wrapping_add(sum);
                }
                all
            })
        })
        .collect();
    let committer = table.clone();
    in_time(move || (0..20).for_each(|_| committer.patch(|table| &table.rows[7], |row| *row += 1)));
    STOP.store(true, Ordering::Relaxed);
    for reader in readers {
        drop(reader.join());
    }
    assert_eq!(table.get(|table| &table.rows[7]), 20);
}

#[test]
fn a_reader_that_looks_again_inside_its_look_waits_for_no_commit() {
    let table = enter::<Table>(segment::<Table>(), 1);
    let committer = table.clone();
    let (begin, wait) = std::sync::mpsc::channel();
    let commit = thread::spawn(move || {
        wait.recv().unwrap();
        hit(&committer, 0);
    });
    let reader = table.clone();
    in_time(move || {
        reader.read(|_| {
            begin.send(()).unwrap();
            // Until the other thread waits for this one.
            while !reader.shared.working().is_announced() {
                assert_eq!(reader.get(|table| &table.total), 7);
                thread::yield_now();
            }
            assert_eq!(reader.get(|table| &table.total), 7);
            assert_eq!(reader.load().total, 7);
            assert_eq!(reader.stored().generation(), 0);
        });
    });
    commit.join().unwrap();
    assert_eq!(table.get(|table| &table.total), 8);
}

#[test]
fn a_thread_that_begins_to_read_waits_for_a_commit_that_waits() {
    let table = enter::<Table>(segment::<Table>(), 1);
    let (committer, reader) = (table.clone(), table.clone());
    let late = table.read(|_| {
        let commit = thread::spawn(move || hit(&committer, 0));
        while !table.shared.working().is_announced() {
            thread::yield_now();
        }
        // It sees the commit, and so has waited for it.
        let late = thread::spawn(move || reader.get(|table| &table.total));
        (commit, late)
    });
    let (commit, late) = late;
    assert_eq!(in_time(|| late.join().unwrap()), 8);
    commit.join().unwrap();
}

#[test]
fn a_forked_process_waits_for_no_announced_commit() {
    let table = enter::<Table>(segment::<Table>(), 1);
    let (committer, reader) = (table.clone(), table.clone());
    let commit = table.read(|_| {
        let commit =
            thread::spawn(move || committer.try_patch(|table| &table.total, |total| *total = 0));
        while !table.shared.working().is_announced() {
            thread::yield_now();
        }
        // As it is in the child of a fork: neither of the two threads is there.
        table.shared.incarnation.unforked.set(0);
        assert_eq!(in_time(move || reader.load().total), 7);
        commit
    });
    assert_eq!(commit.join().unwrap(), Ok(()));
}

#[test]
fn a_buffer_that_is_replaced_is_given_back_when_readers_may_look_again() {
    let buffer = |byte| Buffer::<[u8; 64]>::filled(|bytes| bytes.fill(byte)).unwrap();
    let working = Working::new(buffer(1), 1);
    // SAFETY: there is no other thread.
    let old = unsafe { working.replace(2, buffer(2)) };
    let who = Identity {
        incarnation: Box::leak(Box::new(AtomicU32::new(1))),
        unforked: Unforked::new(),
    };
    working.read(&who, |value, generation| {
        assert_eq!((value[0], generation), (2, 2));
    });
    assert_eq!(old.value()[0], 1);
}

#[test]
fn a_stored_checkpoint_waits_for_no_update_and_may_be_made_inside_one() {
    let table = enter::<Table>(segment::<Table>(), 1);
    hit(&table, 1);
    let other = table.clone();
    table.edit(|edit| {
        edit.patch(|table| &table.total, |total| *total = 0);
        assert_eq!(table.stored().generation(), 1);
        assert_eq!(in_time(move || other.stored().generation()), 1);
    });
    assert_eq!(table.stored().generation(), 2);
}

#[test]
fn a_healthy_checkpoint_that_cannot_be_made_is_an_error_and_the_last_one_stays() {
    let segment = segment::<Table>();
    let first = enter::<Table>(segment, 1);
    hit(&first, 1);
    first.mark_healthy().unwrap();
    hit(&first, 2);
    first.update(|table| table.total = 0);
    for incarnation in 2..4 {
        let next = enter::<Table>(segment, incarnation);
        let region = segment.region(0);
        let healthy = || (4..ALL_SLOTS).find(|slot| region.is_whole(*slot));
        let slot = region.published(incarnation).slot;
        region.overwrite_for_test(slot, 77);
        assert_eq!(next.mark_healthy(), Err(CommitError::Damaged));
        assert_eq!(healthy().map(|slot| region.slot_generation(slot)), Some(1));
        region.overwrite_for_test(slot, 0);
    }
}

#[test]
fn a_damaged_healthy_checkpoint_is_made_anew() {
    let segment = segment::<Table>();
    let table = enter::<Table>(segment, 1);
    hit(&table, 1);
    table.mark_healthy().unwrap();
    let region = segment.region(0);
    let claim = |slot: &usize| region.slot_generation(*slot) == 1;
    let slot = (4..ALL_SLOTS).find(claim).unwrap();
    region.overwrite_for_test(slot, 77);
    table.mark_healthy().unwrap();
    let whole = (4..ALL_SLOTS).filter(|slot| region.is_whole(*slot));
    assert!(
        whole
            .into_iter()
            .any(|slot| region.slot_generation(slot) == 1)
    );
}

#[test]
fn a_change_that_is_too_large_is_refused_before_any_store() {
    let segment = segment::<Wide>();
    let table = enter::<Wide>(segment, 1);
    table.patch(|table| &table.rows[7], |row| *row = 1);
    segment.mark();
    let next = enter::<Wide>(segment, 2);
    let refused = next.try_edit(|edit| {
        for at in 0..65 {
            edit.patch(|table| many_of(table, at), |rows| rows[0] += 1);
        }
    });
    assert!(matches!(refused, Err(CommitError::TooLarge { .. })));
    assert!(segment.region(0).is_marked(), "nothing was kept for it");
}

fn many_of(table: &Wide, at: usize) -> &[u64; 1 << 12] {
    table.rows[at << 12..].first_chunk().expect("so many")
}

#[test]
fn many_places_of_one_edit_cost_no_more_than_their_number() {
    let table = enter::<Wide>(segment::<Wide>(), 1);
    let places = if cfg!(miri) { 100 } else { 64_000 };
    in_time(move || {
        table.edit(|edit| {
            for place in 0..places {
                edit.patch(|table| &table.rows[place * 2], |row| *row += 1);
            }
            for place in (0..places).rev() {
                assert_eq!(edit.get(|table| &table.rows[place * 2]), 1);
            }
        });
        assert_eq!(table.get(|table| &table.rows[2]), 1);
    });
}

#[test]
fn places_that_overlap_in_any_way_are_seen_as_they_were_changed_last() {
    let table = enter::<Wide>(segment::<Wide>(), 1);
    let mut expected = [0_u64; 256];
    let mut number = 1_u64;
    let mut random = || {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(number >> 40).expect("a small number")
    };
    table.edit(|edit| {
        for round in 0..500 {
            let at = random() % 248;
            match random() % 3 {
                0 => {
                    edit.patch(|table| &table.rows[at], |row| *row = round);
                    expected[at] = round;
                }
                1 => {
                    let eight = |table: &'_ Wide| table.rows[at..].first_chunk::<8>().is_some();
                    edit.patch(
                        |table| eight_of(table, at),
                        |rows| {
                            rows.fill(round);
                            rows[3] = 7;
                        },
                    );
                    assert!(table.read(eight));
                    expected[at..at + 8].fill(round);
                    expected[at + 3] = 7;
                }
                _ => {
                    assert_eq!(edit.get(|table| eight_of(table, at)), expected[at..at + 8]);
                }
            }
        }
    });
    table.read(|table| assert_eq!(table.rows[..256], expected));
}

fn eight_of(table: &Wide, at: usize) -> &[u64; 8] {
    table.rows[at..].first_chunk().expect("so many")
}

#[test]
fn the_last_words_of_a_thread_may_be_a_commit() {
    struct Last(Checkpoint<Table>);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.read(|_| ());
            hit(&self.0, 0);
        }
    }
    thread_local!(static LAST: RefCell<Option<Last>> = const { RefCell::new(None) });
    let table = enter::<Table>(segment::<Table>(), 1);
    // Whatever the order in which a thread's values are dropped.
    for reads_first in [false, true] {
        let table = table.clone();
        thread::spawn(move || {
            let last = Last(table.clone());
            if reads_first {
                table.read(|_| ());
            }
            LAST.with_borrow_mut(|place| *place = Some(last));
            table.read(|_| ());
        })
        .join()
        .unwrap();
    }
    assert_eq!(table.get(|table| &table.total), 9);
}

type Panics<'a, T> = &'a (dyn Fn(&Checkpoint<T>) + std::panic::RefUnwindSafe);

/// In each closure that a checkpoint runs, without an `AssertUnwindSafe`. Then another thread
/// commits.
fn panics_cost_nothing<T>(change: fn(&mut T))
where
    T: HardState + Default + PartialEq + Send,
{
    let segment = segment::<T>();
    let checkpoint = enter::<T>(segment, 1);
    checkpoint.update(change);
    let closures: [Panics<'_, T>; 7] = [
        &|c| {
            c.update(|value| {
                change(value);
                panic!("half-way");
            });
        },
        &|c| {
            c.patch(
                |value| value,
                |value| {
                    change(value);
                    panic!("half-way");
                },
            );
        },
        &|c| c.patch(|_: &T| -> &T { panic!("half-way") }, change),
        &|c| {
            c.edit(|edit| {
                edit.patch(|value| value, change);
                panic!("half-way");
            });
        },
        &|c| {
            c.read(|_| panic!("half-way"));
        },
        &|c| {
            c.read(|_| c.read(|_| panic!("half-way")));
        },
        &|c| {
            c.update(|_| c.read(|_| panic!("half-way")));
        },
    ];
    for closure in closures {
        let (value, generation) = (checkpoint.load(), checkpoint.generation());
        assert!(catch_unwind(|| closure(&checkpoint)).is_err());
        assert!(checkpoint.load() == value && checkpoint.generation() == generation);
        let other = checkpoint.clone();
        in_time(move || other.update(change));
        assert_eq!(checkpoint.generation(), generation + 1);
        assert!(checkpoint.load() != value);
        assert_eq!(
            checkpoint.stored(),
            Stored::of(&checkpoint.load(), generation + 1)
        );
    }
    let next = enter::<T>(segment, 2);
    assert!(next.load() == checkpoint.load());
}

#[test]
fn a_panic_in_a_closure_costs_nothing_and_needs_no_assertion() {
    panics_cost_nothing::<u64>(|value| *value += 1);
    panics_cost_nothing::<Table>(|table| {
        table.rows[ROWS - 1].hits += 1;
        table.total += 1;
    });
}
