use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::*;
use crate::HardState;
use crate::state::bytes::{layout, stage};
use crate::state::recovery::{Source, recover};
use crate::state::region::PUBLISHED;
use crate::state::segment::RegionSpec;

#[derive(Clone, Copy, Debug, Default, PartialEq, HardState)]
#[hard(crate = crate)]
#[repr(C)]
struct Padded {
    small: u8,
    big: u64,
    flag: bool,
}

pub(super) fn segment<T: HardState + Default>() -> &'static Segment {
    let segment = Segment::create(vec![RegionSpec::of::<T>()], &[]).expect("shared memory");
    Box::leak(Box::new(segment))
}

/// The handle of a worker that starts now as `incarnation`.
pub(super) fn enter<T: HardState + Default>(
    segment: &'static Segment,
    incarnation: u32,
) -> Checkpoint<T> {
    segment.fence(incarnation).unwrap();
    let recovered = recover(&segment.region(0), incarnation, layout::<T>(), &mut || None);
    let unforked = Unforked::new();
    unforked.set(incarnation);
    let identity = Identity {
        incarnation: Box::leak(Box::new(AtomicU32::new(incarnation))),
        unforked,
    };
    Checkpoint::new(segment, 0, identity, &recovered)
}

#[test]
fn a_value_is_loaded_as_it_was_stored_by_this_worker_and_by_the_next() {
    let segment = segment::<Padded>();
    let first = enter::<Padded>(segment, 1);
    assert_eq!((first.load(), first.generation()), (Padded::default(), 0));
    assert_eq!(first.origin().source(), Source::Initial);
    let value = Padded {
        small: 1,
        big: u64::MAX,
        flag: true,
    };
    first.store(value);
    assert_eq!((first.load(), first.generation()), (value, 1));
    let second = enter::<Padded>(segment, 2);
    assert_eq!((second.load(), second.generation()), (value, 1));
    assert_eq!(second.origin().source(), Source::Current);
    assert_eq!(
        second.update(|value| core::mem::replace(&mut value.big, 7)),
        u64::MAX
    );
    assert_eq!(second.load(), Padded { big: 7, ..value });
}

#[test]
fn padding_is_zero_in_the_slot() {
    let segment = segment::<Padded>();
    let checkpoint = enter::<Padded>(segment, 1);
    // A value whose padding is known to be dirty.
    let mut dirty = MaybeUninit::<Padded>::uninit();
    let bytes = as_bytes_mut(&mut dirty);
    bytes.fill(MaybeUninit::new(0xff));
    bytes[0].write(1);
    bytes[8..16]
        .iter_mut()
        .zip(2_u64.to_ne_bytes())
        .for_each(|(to, from)| _ = to.write(from));
    bytes[16].write(1);
    let mut staged = vec![0xee; size_of::<Padded>()];
    // SAFETY: every byte is written, those of the fields with valid values.
    stage(unsafe { dirty.assume_init_ref() }, &mut staged);
    let mut expected = vec![0; size_of::<Padded>()];
    expected[0] = 1;
    expected[8..16].copy_from_slice(&2_u64.to_ne_bytes());
    expected[16] = 1;
    assert_eq!(staged, expected);
    checkpoint.store(Padded {
        small: 1,
        big: 2,
        flag: true,
    });
    let mut out = vec![0; size_of::<Padded>()];
    let slot = segment.region(0).published(1).slot;
    assert_eq!(segment.region(0).read_checked(slot, &mut out), Some(1));
    assert_eq!(out, expected);
}

#[test]
fn a_panic_inside_update_publishes_nothing_and_blocks_nobody() {
    let checkpoint = enter::<u64>(segment::<u64>(), 1);
    checkpoint.store(1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        checkpoint.update(|value| {
            *value = 99;
            panic!("half-way");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!((checkpoint.load(), checkpoint.generation()), (1, 1));
    checkpoint.update(|value| *value += 1);
    assert_eq!((checkpoint.load(), checkpoint.generation()), (2, 2));
}

#[test]
fn an_update_inside_its_own_update_is_a_panic_and_not_a_deadlock() {
    let checkpoint = enter::<u64>(segment::<u64>(), 1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        checkpoint.update(|_| checkpoint.store(5));
    }));
    let text = *panicked.unwrap_err().downcast::<&str>().expect("a text");
    assert!(text.contains("inside its own `update`"), "{text}");
    // Reading is fine, also there.
    assert_eq!(checkpoint.update(|_| checkpoint.load()), 0);
}

#[test]
fn an_earlier_incarnation_is_fenced() {
    let segment = segment::<u64>();
    let old = enter::<u64>(segment, 1);
    old.store(1);
    // The next worker's fence, while this process still commits as the first.
    segment.fence(2).unwrap();
    assert_eq!(old.try_store(9), Err(CommitError::Fenced));
    assert_eq!(old.try_update(|value| *value = 9), Err(CommitError::Fenced));
    assert_eq!((old.load(), old.generation()), (1, 1));
    let panicked = catch_unwind(AssertUnwindSafe(|| old.store(9)));
    assert!(panicked.is_err());
}

#[test]
fn no_update_of_any_thread_is_lost() {
    let checkpoint = enter::<[u64; 16]>(segment::<[u64; 16]>(), 1);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    checkpoint.update(|all| all.iter_mut().for_each(|one| *one += 1));
                    let seen = checkpoint.load();
                    assert_eq!(seen, [seen[0]; 16]);
                }
            });
        }
    });
    assert_eq!(checkpoint.load(), [4_000; 16]);
    assert_eq!(checkpoint.generation(), 4_000);
}

#[test]
fn a_wild_write_is_a_panic_that_says_so_and_no_invalid_value() {
    let segment = segment::<bool>();
    let checkpoint = enter::<bool>(segment, 1);
    checkpoint.store(true);
    segment
        .region(0)
        .overwrite_for_test(segment.region(0).published(1).slot, 2);
    let panicked = catch_unwind(AssertUnwindSafe(|| checkpoint.load()));
    let text = *panicked.unwrap_err().downcast::<String>().expect("a text");
    assert!(text.contains("overwritten by a wild write"), "{text}");
}

#[test]
fn a_state_without_bytes_has_generations_all_the_same() {
    let checkpoint = enter::<()>(segment::<()>(), 1);
    checkpoint.store(());
    assert_eq!(checkpoint.generation(), 1);
}

#[test]
fn what_a_worker_starts_from_is_stored_with_its_own_generation() {
    use crate::state::segment::Given;
    let stored = Stored::of(
        &Padded {
            small: 4,
            ..Padded::default()
        },
        40,
    );
    let given = Given {
        region: Some(0),
        generation: 40,
        bytes: stored.to_bytes(),
    };
    let segment =
        Segment::create(vec![RegionSpec::of::<Padded>()], &[given]).expect("shared memory");
    let segment: &'static Segment = Box::leak(Box::new(segment));
    // As if what was stored had been rejected: this is the `Default`, and not the fortieth commit.
    let checkpoint = enter::<Padded>(segment, 1);
    assert_eq!(
        (checkpoint.stored().generation(), checkpoint.load()),
        (0, Padded::default())
    );
    checkpoint.store(Padded::default());
    assert_eq!(
        (checkpoint.stored().generation(), checkpoint.generation()),
        (41, 41)
    );
}

/// Does `work` in a thread that may take a while, and no more.
pub(super) fn in_time<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, wait) = std::sync::mpsc::channel();
    thread::spawn(move || done.send(work()));
    let result = wait.recv_timeout(core::time::Duration::from_secs(60));
    result.expect("it hangs, or has panicked")
}

#[test]
fn a_flipped_bit_of_the_publishing_word_is_a_panic_that_says_so_and_no_other_slot() {
    let segment = segment::<[u64; 2]>();
    let checkpoint = enter::<[u64; 2]>(segment, 1);
    checkpoint.store([5, 5]);
    let word = &segment.region(0).words.cells()[PUBLISHED + 1];
    // The slot that it names is another one then.
    word.fetch_xor(1 << 53, Ordering::Relaxed);
    let panicked = catch_unwind(AssertUnwindSafe(|| checkpoint.load()));
    let text = *panicked.unwrap_err().downcast::<String>().expect("a text");
    assert!(text.contains("overwritten by a wild write"), "{text}");
    let refused = checkpoint.try_update(|value| value[0] = 6);
    assert_eq!(refused, Err(CommitError::Damaged));
    let next = enter::<[u64; 2]>(segment, 2);
    assert_eq!(next.load(), [5, 5]);
}

#[test]
fn a_flipped_bit_of_the_value_is_not_committed_with_the_next_change() {
    let segment = segment::<[u64; 2]>();
    let checkpoint = enter::<[u64; 2]>(segment, 1);
    checkpoint.store([4, 4]);
    checkpoint.store([5, 5]);
    let slot = segment.region(0).published(1).slot;
    segment.region(0).slot(slot).cells()[2].fetch_xor(1 << 40, Ordering::Relaxed);
    let refused = checkpoint.try_update(|value| value[1] += 1);
    assert_eq!(refused, Err(CommitError::Damaged));
    let refused = checkpoint.try_patch(|value| &value[1], |one| *one += 1);
    assert_eq!(refused, Err(CommitError::Damaged));
    assert_eq!(checkpoint.mark_healthy(), Err(CommitError::Damaged));
    let next = enter::<[u64; 2]>(segment, 2);
    assert_eq!(
        (next.load(), next.origin().source()),
        ([4, 4], Source::Previous)
    );
}

#[test]
fn a_process_that_was_forked_beside_a_commit_is_refused_and_does_not_wait() {
    let segment = segment::<u64>();
    let checkpoint = enter::<u64>(segment, 1);
    let (begun, wait) = std::sync::mpsc::channel();
    let (go_on, until) = std::sync::mpsc::channel::<()>();
    let other = checkpoint.clone();
    let committing = thread::spawn(move || {
        other.try_update(|value| {
            *value = 1;
            begun.send(()).unwrap();
            until.recv().unwrap();
        })
    });
    wait.recv().unwrap();
    // As it is in the child of a fork: that thread is not there.
    checkpoint.shared.incarnation.unforked.set(0);
    let child = checkpoint.clone();
    let refused = in_time(move || {
        [
            child.try_store(9).map(|_| ()),
            child.try_update(|_| panic!("it is refused before")),
            child.try_patch(|value| value, |_| panic!("it is refused before")),
            child.mark_healthy(),
        ]
    });
    assert_eq!(refused, [Err(CommitError::Forked); 4]);
    go_on.send(()).unwrap();
    // Nor does one that forks inside of its own update.
    assert_eq!(committing.join().unwrap(), Err(CommitError::Forked));
    assert_eq!(segment.region(0).published(1).generation, 0);
}

#[test]
fn a_wild_write_into_a_publishing_word_is_no_progress() {
    let segment = segment::<[u64; 2]>();
    let checkpoint = enter::<[u64; 2]>(segment, 1);
    checkpoint.store([5, 5]);
    let before = segment.generation();
    let word = &segment.region(0).words.cells()[PUBLISHED + 1];
    word.fetch_xor(1 << 3, Ordering::Relaxed);
    assert_eq!(segment.generation(), before);
    word.fetch_xor(1 << 3, Ordering::Relaxed);
    checkpoint.store([6, 6]);
    assert_eq!(segment.generation(), before + 1);
}
