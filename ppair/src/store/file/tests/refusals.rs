//! Files that are refused, and left alone.

use super::*;

/// What the user is told of a file that cannot be used; it is as it was then.
fn refused(path: &Path) -> String {
    let before = fs::read(path).ok();
    let error = on_disk(path).load().expect_err("it cannot be used");
    assert_eq!(fs::read(path).ok(), before, "it was touched");
    reason(error)
}

#[test]
fn another_file_in_its_place_is_never_overwritten() {
    let folder = folder();
    let path = folder.path().join("store");
    let mut store = on_disk(&path);
    store.load().expect("there is space");
    fs::remove_file(&path).expect("it is there");
    fs::write(&path, "mine").expect("written");
    for generation in 1..4 {
        let big = vec![Stored::of(&[generation; 2000], generation); 5];
        for states in [&states(generation)[..], &big] {
            let error = failed(store.save(states).expect_err("there is another file"));
            assert!(error.contains("was replaced"), "{error}");
        }
    }
    assert_eq!(fs::read(&path).expect("it is there"), b"mine");
    fs::remove_file(&path).expect("it is there");
    store.save(&states(5)).expect_err("it is gone");
    fs::write(&path, "mine").expect("written");
    store.save(&states(5)).expect_err("there is another file");
    assert_eq!(fs::read(&path).expect("it is there"), b"mine");
    assert_eq!(names(&folder), ["store"]);
}

#[test]
fn what_is_no_file_of_the_users_own_is_refused() {
    let folder = folder();
    let path = folder.path().join("store");
    on_disk(&path).load().expect("there is space");
    let link = folder.path().join("link");
    symlink(&path, &link).expect("made");
    assert!(refused(&link).contains("symbolic link"));
    let dangling = folder.path().join("dangling");
    symlink(folder.path().join("none"), &dangling).expect("made");
    assert!(refused(&dangling).contains("symbolic link"));
    assert!(refused(folder.path()).contains("not a regular file"));
    assert!(refused(Path::new("/dev/null")).contains("not a regular file"));
    assert!(refused(&folder.path().join("none/store")).contains("the folder"));
    assert!(refused(&path.join("store")).contains("Not a directory"));
    for mode in [0o620, 0o602, 0o666] {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(&path, permissions).expect("it is ours");
        assert!(refused(&path).contains("others may write it"));
    }
    assert!(read(&path).is_ok(), "reading does not mind");
}

#[test]
fn a_file_of_somebody_else_is_refused() {
    let mut facts = System.facts_at(Path::new("/")).expect("it is there");
    facts.is_regular = true;
    facts.mode = 0o600;
    let owner = facts.owner;
    assert_eq!(opened::unfit(&facts, owner), None);
    let why = opened::unfit(&facts, owner + 1).expect("it is another one's");
    assert!(why.contains(&format!("belongs to user {owner}")), "{why}");
}

#[test]
fn without_permission_it_says_so() {
    if crate::sys::file::effective_user() == 0 {
        eprintln!("SKIPPED: root may do everything");
        return;
    }
    let folder = folder();
    let path = folder.path().join("store");
    on_disk(&path).load().expect("there is space");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("it is ours");
    assert!(refused(&path).contains("must be allowed"));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).expect("it is ours");
    assert!(refused(&folder.path().join("other")).contains("must be allowed"));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("it is ours");
}

#[test]
fn what_was_left_over_is_removed_and_what_is_foreign_is_not() {
    let folder = folder();
    let path = folder.path().join("store");
    let new = folder.path().join("store.new");
    let begun = format::header(
        format::PAGE,
        &format::Mark {
            uses: format::Use::Temporary,
            ..format::Mark::default()
        },
    );
    for left in [&b""[..], &[0; 5000], &begun, &begun[..512]] {
        fs::write(&new, left).expect("written");
        on_disk(&path).load().expect("it was left over");
        assert_eq!(names(&folder), ["store"]);
        fs::remove_file(&path).expect("it is there");
    }
    on_disk(&folder.path().join("mine"))
        .save(&states(1))
        .expect("there is space");
    let other_store = fs::read(folder.path().join("mine")).expect("it is there");
    fs::remove_file(folder.path().join("mine")).expect("it is there");
    for mine in [
        b"mine",
        &b"ppairsto, which is how my file begins"[..],
        &[&[0; 5000][..], b"mine"].concat(),
        // A service of that name which does not run now.
        &other_store,
    ] {
        fs::write(&new, mine).expect("written");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).expect("it is ours");
        let error = reason(on_disk(&path).load().expect_err("it is in the way"));
        assert!(error.contains("in the way"), "{error}");
        assert_eq!(fs::read(&new).expect("it is there"), mine);
        assert_eq!(names(&folder), ["store.new"]);
    }
}
