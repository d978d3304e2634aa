//! `export` and `import`: backups, and stores of every kind.

use std::fs;
use std::path::Path;

use ppair_tests::Fixture;

use super::{COMMAND, check, commit, fresh, json_of, pair, refused, run, text};

#[test]
fn a_backup_is_a_store_and_goes_into_any() {
    let mut pair = pair(|fixture| fixture);
    commit(&mut pair, 20);
    let pid = pair.pid().to_string();
    let (backup, later) = (fresh("backup"), fresh("later"));
    run(["export", &pid, text(&backup)]);
    commit(&mut pair, 20);
    let written = run(["export", &pid, text(&later)]).stdout;
    assert_eq!(written, ["Kinds: generation 40", "Big: generation 40"]);
    let refusal = refused(["export", &pid, text(&backup)], 1);
    assert!(refusal.contains("which is not overwritten"), "{refusal}");
    pair.close_stdin();
    pair.finish().expect_code(0);

    let states = |name: &str| {
        let mut states = json_of(["inspect", "--json", name])["states"].take();
        let list = states.as_array_mut().expect("a list");
        // Not all keep the order.
        list.sort_by_key(|state| core::cmp::Reverse(state["name"].as_str().map(str::to_owned)));
        states
    };
    assert_eq!(check(&states(text(&backup))), [20, 20]);
    let file = format!("file:{}", fresh("store").display());
    let database = format!("sqlite:{}", fresh("database").display());
    let object = format!("ppair-tests-{}", std::process::id());
    let shared = format!("shm:{object}");
    for store in [&file, &database, &shared] {
        let path = store.split_once(':').expect("a scheme").1;
        let dry = run(["import", "--dry-run", text(&backup), store]).stdout;
        assert_eq!(dry[0], "Kinds: generation 20 would be imported", "{store}");
        assert!(store == &shared || !Path::new(path).exists());
        let done = run(["import", text(&backup), store]).stdout;
        assert_eq!(
            done,
            [
                "Kinds: generation 20 imported",
                "Big: generation 20 imported"
            ]
        );
        assert_eq!(check(&states(store)), [20, 20]);
        // Without its scheme too.
        assert_eq!(check(&states(path)), [20, 20]);
        let end = Fixture::new(COMMAND)
            .args(["import", text(&backup), store])
            .run();
        end.expect_code(1);
        assert_eq!(end.stdout[0], "Kinds: generation 20 is there already");
        let said = &end.stderr[0];
        assert!(said.starts_with("ppair: nothing was imported: "), "{said}");
        assert!(said.contains("import an earlier backup"), "{said}");
        let done = run(["import", text(&later), store]).stdout;
        assert_eq!(
            done[0],
            "Kinds: generation 40 imported; generation 20, which was there, set aside"
        );
        assert_eq!(check(&states(store)), [40, 40]);
        // Also what is older, if that is what somebody wants.
        run(["import", text(&backup), store]);
        assert_eq!(check(&states(store)), [20, 20]);
    }
    for entry in fs::read_dir("/dev/shm").expect("it is there").flatten() {
        if entry.file_name().to_string_lossy().starts_with(&object) {
            fs::remove_file(entry.path()).expect("it is this test's");
        }
    }
}

#[test]
fn a_store_that_is_held_is_not_imported_into() {
    use nix::fcntl::{Flock, FlockArg};
    let mut pair = pair(|fixture| fixture);
    commit(&mut pair, 1);
    let (backup, store) = (fresh("held-backup"), fresh("held"));
    run(["export", &pair.pid().to_string(), text(&backup)]);
    let store = format!("file:{}", store.display());
    run(["import", text(&backup), &store]);
    let lock = fs::File::open(fresh_lock(&store)).expect("there was a lock");
    let held = Flock::lock(lock, FlockArg::LockExclusiveNonblock).expect("nobody has it");
    let refusal = refused(["import", text(&backup), &store], 1);
    assert!(
        refusal.contains(" is held by process ") && refusal.contains("stop that pair first"),
        "{refusal}"
    );
    drop(held);
    let end = Fixture::new(COMMAND)
        .args(["import", text(&backup), &store])
        .run();
    assert!(end.stderr[0].contains("nothing was imported"), "{end:?}");
    pair.close_stdin();
    pair.finish().expect_code(0);
}

fn fresh_lock(store: &str) -> String {
    format!("{}.lock", store.trim_start_matches("file:"))
}
