use super::*;
use serde_json::{from_str, to_string};

#[test]
fn each_is_written_as_what_it_stands_for_and_read_again() {
    let text = Text::<8>::of("köln");
    assert_eq!(to_string(&text).unwrap(), "\"köln\"");
    assert_eq!(from_str::<Text<8>>("\"k\\u00f6ln\"").unwrap(), text);
    let vector = Vector::<u16, 4>::of([1, 2, 3]);
    assert_eq!(to_string(&vector).unwrap(), "[1,2,3]");
    assert_eq!(from_str::<Vector<u16, 4>>("[1,2,3]").unwrap(), vector);
    assert_eq!(to_string(&Maybe::some(7_u8)).unwrap(), "7");
    assert_eq!(to_string(&Maybe::<u8>::none()).unwrap(), "null");
    assert_eq!(from_str::<Maybe<u8>>("null").unwrap(), None);
    let elapsed = Elapsed::new(Duration::new(1, 5));
    assert_eq!(
        to_string(&elapsed).unwrap(),
        to_string(&elapsed.get()).unwrap()
    );
    assert_eq!(
        from_str::<Elapsed>("{\"secs\":1,\"nanos\":5}").unwrap(),
        elapsed
    );
    let timestamp = Timestamp::new(1, 5).unwrap();
    let time = timestamp.to_system_time().unwrap();
    assert_eq!(to_string(&timestamp).unwrap(), to_string(&time).unwrap());
    assert_eq!(
        from_str::<Timestamp>(&to_string(&time).unwrap()).unwrap(),
        timestamp
    );
    let before = Timestamp::new(-1, 5).unwrap();
    assert_eq!(
        from_str::<Timestamp>(&to_string(&before).unwrap()).unwrap(),
        before
    );
}

#[test]
fn what_does_not_fit_is_refused_and_never_cut() {
    let refused = |json: &str| from_str::<Text<3>>(json).unwrap_err().to_string();
    assert!(refused("\"köln\"").starts_with("a text of 5 bytes needs a larger capacity than 3"));
    assert!(refused("5").contains("expected a text of at most 3 bytes"));
    let error = from_str::<Vector<u8, 2>>("[1,2,3]")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("at least 3 elements need a larger capacity than 2"),
        "{error}"
    );
    let timestamp = |json: &str| from_str::<Timestamp>(json).unwrap_err().to_string();
    assert!(
        timestamp("[0, 1000000000]").starts_with("1000000000 nanoseconds are not below a second")
    );
    assert!(timestamp("{\"secs_since_epoch\":1}").starts_with("missing field `nanos_since_epoch`"));
    assert!(timestamp("{\"seconds\":1}").starts_with("unknown field `seconds`"));
    let long = "x".repeat(100);
    assert!(timestamp(&format!("{{\"{long}\":1}}")).starts_with("unknown field `xxx"));
}
