use super::*;
use crate::state::commit::Committer;
use crate::state::segment::RegionSpec;

fn segment() -> Segment {
    Segment::create(vec![RegionSpec::of::<u64>()], &[]).expect("shared memory")
}

fn commit(segment: &Segment, incarnation: u32, value: u64) -> u64 {
    let committer = Committer {
        incarnation,
        keep: None,
        start: 0,
    };
    let generation = segment.region(0).commit(&committer, &value.to_ne_bytes());
    generation.expect("it is its turn")
}

fn whole(value: u64, generation: u64) -> Found {
    Found::Whole(Stored::of(&value, generation))
}

/// The watch dog is killed where it has named the next incarnation and done nothing more.
#[test]
fn a_takeover_that_has_only_begun_leads_to_nothing_older() {
    let segment = segment();
    for incarnation in 1..=40_u64 {
        let number = u32::try_from(incarnation).expect("a small one");
        segment.region(0).set_turn(number).expect("open words");
        let before = incarnation - 1;
        assert_eq!(committed(&segment, 0), (before > 0).then_some(before * 2));
        if before > 0 {
            assert_eq!(read(&segment, 0), whole(before, before * 2));
        }
        segment.fence(number).expect("open words");
        assert_eq!(committed(&segment, 0), (before > 0).then_some(before * 2));
        for _ in 0..2 {
            commit(&segment, number, incarnation);
        }
        assert_eq!(committed(&segment, 0), Some(incarnation * 2));
        assert_eq!(read(&segment, 0), whole(incarnation, incarnation * 2));
    }
}

#[test]
fn what_was_left_behind_is_told_from_what_is_damaged() {
    let segment = segment();
    segment.fence(1).expect("open words");
    commit(&segment, 1, 7);
    commit(&segment, 1, 8);
    segment.fence(2).expect("open words");
    segment.reject(0).expect("open words");
    assert_eq!(committed(&segment, 0), Some(2));
    assert_eq!(
        read(&segment, 0),
        Found::LeftBehind(Some(Stored::of(&7_u64, 1)))
    );
    segment.reject(0).expect("open words");
    assert_eq!(read(&segment, 0), Found::LeftBehind(None));
    assert_eq!(commit(&segment, 2, 9), 3);
    assert_eq!(read(&segment, 0), whole(9, 3));
    let slot = segment.region(0).published(2).slot;
    segment.region(0).overwrite_for_test(slot, 10);
    assert_eq!(read(&segment, 0), Found::Damaged);
    assert_eq!(commit(&segment, 2, 11), 4);
    assert_eq!(read(&segment, 0), whole(11, 4));
}
