//! Whose the file is: its lock, and the token of the pair.

use super::*;
use crate::store::Owner;

/// The store at `path` of a pair of this name.
fn of(pair: &str, is_first: bool, path: &Path) -> FileStore {
    on_disk(path).claimed(claim(pair, is_first))
}

fn claim(pair: &str, is_first: bool) -> Claim {
    Claim::of(Owner {
        token: pair,
        watchdog: crate::sys::process::pid(),
        is_first,
    })
}

fn held<T: core::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Held { holder }) => holder,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_that_is_open_is_held_wherever_it_is_and_whatever_replaces_it() {
    let folder = folder();
    let path = folder.path().join("store");
    let mut store = of("one", true, &path);
    store.load().expect("there is space");
    let expected = format!("process {} (ppair-", std::process::id());
    let holder = held(of("other", true, &path).load());
    assert!(holder.starts_with(&expected), "{holder}");
    let away = folder.path().join("away");
    fs::rename(&path, &away).expect("it is there");
    held(of("other", true, &away).load());
    fs::rename(&away, &path).expect("it is there");
    let big = vec![Stored::of(&[1_u64; 2000], 1); 5];
    store.save(&big).expect("there is space for another file");
    held(of("other", true, &path).load());
    assert_eq!(read(&path), Ok(big));
    drop(store);
    of("other", true, &path).load().expect("nobody has it");
}

#[test]
fn a_pair_whose_store_another_one_has_had_never_saves_again() {
    let folder = folder();
    let path = folder.path().join("store");
    // Its keeper is dead.
    of("one", true, &path).save(&states(1)).expect("saved");
    let mut again = of("one", false, &path);
    assert_eq!(again.load(), Ok(states(1)));
    drop(again);
    of("other", true, &path).save(&states(2)).expect("saved");
    let holder = held(of("one", false, &path).load());
    assert!(holder.ends_with(", which has taken it over"), "{holder}");
    held(of("one", false, &path).save(&states(9)));
    assert_eq!(of("other", false, &path).load(), Ok(states(2)));
}

#[test]
fn a_later_keeper_makes_no_file_and_takes_no_other_one() {
    let folder = folder();
    let path = folder.path().join("store");
    of("one", true, &path).save(&states(1)).expect("saved");
    let away = folder.path().join("away");
    fs::rename(&path, &away).expect("it is there");
    let error = failed(of("one", false, &path).save(&states(2)).expect_err("moved"));
    assert!(error.contains("removed or moved"), "{error}");
    assert!(!path.exists());
    of("other", true, &path).save(&states(5)).expect("saved");
    held(of("one", false, &path).save(&states(2)));
    fs::rename(&away, &path).expect("it is there");
    of("one", false, &path)
        .save(&states(2))
        .expect("it is back");
}

#[test]
fn the_file_of_an_earlier_version_is_claimed_and_read() {
    let folder = folder();
    let path = folder.path().join("store");
    of("one", true, &path).save(&states(1)).expect("saved");
    let mut bytes = fs::read(&path).expect("it is there");
    let capacity = (bytes.len() - format::PAGE) / 2;
    let unmarked = format::header(capacity, &format::Mark::default());
    bytes[..format::PAGE].copy_from_slice(&unmarked);
    fs::write(&path, &bytes).expect("written");
    assert_eq!(of("other", true, &path).load(), Ok(states(1)));
    of("other", false, &path).save(&states(2)).expect("saved");
    // But not by a pair that has had another one.
    fs::write(&path, &bytes).expect("written");
    let error = failed(of("other", false, &path).load().expect_err("another file"));
    assert!(error.contains("was replaced"), "{error}");
}

/// A disk on which something happens to the file in the moment before the `after`th change.
fn saves_while(
    act: fn(&Shim),
    after: usize,
    newest: &[Stored],
) -> Option<(Shim, Result<(), StoreError>)> {
    let path = Path::new("/folder/store");
    let shim = Shim::default();
    let open = || {
        FileStore::on(
            shim.clone(),
            path.to_owned(),
            Durability::Disk,
            format::PAGE,
        )
    };
    let mut store = open().claimed(claim("one", true));
    store.load().expect("there is space");
    store.save(&states(1)).expect("there is space");
    shim.interrupt(after, act);
    let saved = store.save(newest);
    shim.was_interrupted().then_some((shim, saved))
}

#[test]
fn a_save_is_confirmed_only_if_the_path_leads_to_what_was_written() {
    let path = Path::new("/folder/store");
    let away = Path::new("/folder/away");
    let big = [Stored::of(&[2_u64; 2000], 2)];
    let acts: [fn(&Shim); 3] = [
        |shim| {
            let (path, away) = (Path::new("/folder/store"), Path::new("/folder/away"));
            shim.rename(path, away, Over::Nothing).expect("it is there");
        },
        |shim| {
            shim.remove(Path::new("/folder/store"))
                .expect("it is there");
        },
        |shim| {
            let (path, away) = (Path::new("/folder/store"), Path::new("/folder/away"));
            shim.rename(path, away, Over::Nothing).expect("it is there");
            let other = shim.create(path).expect("nothing is there");
            shim.write_at(&other, 0, &[7; 512]).expect("written");
        },
    ];
    for newest in [&states(2)[..], &big] {
        for (number, act) in acts.into_iter().enumerate() {
            let mut tried = 0;
            for after in 0.. {
                let Some((shim, saved)) = saves_while(act, after, newest) else {
                    break;
                };
                tried += 1;
                if number == 2 {
                    assert_eq!(
                        shim.bytes(path),
                        Some(vec![7; 512]),
                        "{after}: it was overwritten"
                    );
                }
                if saved.is_ok() {
                    panic!("{number}, {after}: what is not at the path was confirmed");
                }
                // What was moved away is what there is of this store, or nobody ever goes on from
                // it.
                if let Some(bytes) = shim.bytes(away) {
                    let mut page = [0; format::PAGE];
                    page.copy_from_slice(&bytes[..format::PAGE]);
                    let is_old = format::Mark::read(&page).uses == format::Use::Superseded;
                    let is_other = shim.bytes(path).is_some_and(|found| found != [7; 512]);
                    assert!(is_old || !is_other, "{number}, {after}: there are two");
                }
            }
            assert!(tried >= 2, "{tried}");
        }
    }
}

#[test]
fn where_files_cannot_change_names_the_old_one_is_replaced() {
    let path = Path::new("/folder/store");
    let shim = Shim::default();
    shim.forbid_exchange();
    let open = || {
        FileStore::on(
            shim.clone(),
            path.to_owned(),
            Durability::Disk,
            format::PAGE,
        )
    };
    let mut store = open();
    store.save(&states(1)).expect("there is space");
    let big = [Stored::of(&[2_u64; 2000], 2)];
    store.save(&big).expect("there is space");
    drop(store);
    assert_eq!(open().load(), Ok(big.to_vec()));
    assert_eq!(shim.bytes(Path::new("/folder/store.new")), None);
}

#[test]
fn an_old_file_with_a_second_name_is_never_gone_on_from() {
    let folder = folder();
    let path = folder.path().join("store");
    let mut store = on_disk(&path);
    store.save(&states(1)).expect("there is space");
    let second = folder.path().join("second");
    fs::hard_link(&path, &second).expect("made");
    let big = vec![Stored::of(&[2_u64; 2000], 2); 5];
    store.save(&big).expect("there is space");
    drop(store);
    let error = reason(on_disk(&second).load().expect_err("it is an old one"));
    assert!(error.contains("a newer file"), "{error}");
    assert_eq!(on_disk(&path).load(), Ok(big));
}
