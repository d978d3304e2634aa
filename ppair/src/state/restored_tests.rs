use super::*;
use crate::HardState;

mod one {
    #[derive(Clone, Copy, Default, crate::HardState)]
    #[hard(crate = crate)]
    #[repr(C)]
    pub(super) struct State(pub u32);
}

mod two {
    #[derive(Clone, Copy, Default, crate::HardState)]
    #[hard(crate = crate)]
    #[repr(C)]
    pub(super) struct State(pub u32);
}

mod earlier {
    #[derive(Clone, Copy, Default, crate::HardState)]
    #[hard(crate = crate)]
    #[repr(C)]
    pub(super) struct State(pub u16, pub u16);
}

#[derive(Clone, Copy, Default, HardState)]
#[hard(crate = crate, was = "State")]
#[repr(C)]
struct Audit(u32);

fn specs() -> Vec<RegionSpec> {
    vec![RegionSpec::of::<one::State>(), RegionSpec::of::<Audit>()]
}

/// Where each goes, in the order of their generations from the highest.
fn assigned(stored: Vec<Stored>, specs: &[RegionSpec]) -> Vec<(u64, Option<usize>)> {
    let given = assign(stored, specs);
    given
        .iter()
        .map(|given| (given.generation, given.region))
        .collect()
}

#[test]
fn the_highest_generation_counts_whatever_its_layout() {
    let stored = vec![
        Stored::of(&one::State(1), 3),
        Stored::of(&earlier::State(1, 2), 900),
    ];
    assert_eq!(
        assigned(stored.clone(), &specs()),
        [(900, Some(0)), (3, None)]
    );
    let older = Restored::of(&stored[0].to_bytes(), None, &specs()).unwrap();
    let reason = older.rejection().unwrap().to_string();
    assert!(
        reason.contains("another stored checkpoint of `State` has a higher generation"),
        "{reason}"
    );
}

#[test]
fn what_is_called_so_now_goes_before_what_was_called_so() {
    let stored = vec![Stored::of(&one::State(1), 3), Stored::of(&one::State(2), 4)];
    // The older one is not `Audit`'s, which was called `State` too.
    assert_eq!(assigned(stored, &specs()), [(4, Some(0)), (3, None)]);
    let only_audit = [RegionSpec::of::<Audit>()];
    assert_eq!(
        assigned(vec![Stored::of(&one::State(1), 3)], &only_audit),
        [(3, Some(0))]
    );
}

#[test]
fn hard_states_of_one_name_never_get_each_others_checkpoint() {
    let specs = [
        RegionSpec::of::<one::State>(),
        RegionSpec::of::<two::State>(),
    ];
    let stored = Stored::of(&two::State(2), 5);
    let both = vec![Stored::of(&one::State(1), 3), stored.clone()];
    assert_eq!(assigned(both, &specs), [(5, None), (3, None)]);
    let restored = Restored::of(&stored.to_bytes(), None, &specs).unwrap();
    let reason = restored.rejection().unwrap().to_string();
    assert!(
        reason.contains("several hard states of this program are called `State`"),
        "{reason}"
    );
}

#[test]
fn a_name_that_nothing_has_is_nobodys() {
    let restored = Restored::of(&Stored::of(&7_u32, 1).to_bytes(), None, &specs()).unwrap();
    let reason = restored.rejection().unwrap().to_string();
    assert!(
        reason.contains("nothing in this program is called `u32`"),
        "{reason}"
    );
}
