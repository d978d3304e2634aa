use core::panic::Location;
use core::time::Duration;

use super::*;
use crate::sys::atomic::AtomicU64;

fn words() -> Vec<AtomicU64> {
    (0..WORDS).map(|_| AtomicU64::new(0)).collect()
}

fn black_box(words: &[AtomicU64]) -> BlackBox<'_> {
    BlackBox::new(Words::open(words)).unwrap()
}

const PANIC: Panic<'_> = Panic {
    text: "index out of bounds",
    place: None,
    thread: "main",
    backtrace: &[0x1000, 0x2000],
    pid: 4713,
    at: Duration::from_secs(5),
};

fn fault() -> FaultNote {
    FaultNote {
        signal: 11,
        code: -6,
        pid: 4713,
        address: Some(u64::MAX),
        instruction: None,
        thread: Text::of("sixteen bytes or"),
        is_overflow: true,
        is_end: true,
        at: Duration::from_secs(5),
    }
}

#[test]
fn an_empty_box_has_no_note() {
    let words = words();
    assert_eq!(black_box(&words).panic_note(), None);
    assert_eq!(black_box(&words).fault_note(), None);
}

#[test]
fn a_note_comes_back_with_text_place_thread_and_backtrace() {
    let words = words();
    let black_box = black_box(&words);
    let here = Location::caller();
    let place = Some(here);
    black_box.record_panic(&Panic { place, ..PANIC }).unwrap();
    let note = black_box.panic_note().unwrap();
    assert_eq!(note.text.as_str(), "index out of bounds");
    assert_eq!(note.file.as_str(), file!());
    assert_eq!((note.line, note.column), (here.line(), here.column()));
    assert_eq!(
        (note.thread.as_str(), note.at),
        ("main", Duration::from_secs(5))
    );
    assert_eq!((note.pid, note.backtrace()), (4713, PANIC.backtrace));
    black_box.clear().unwrap();
    assert_eq!(black_box.panic_note(), None);
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let words = words();
    let black_box = black_box(&words);
    let long = format!("x{}", "ä".repeat(600));
    black_box
        .record_panic(&Panic {
            text: &long,
            ..PANIC
        })
        .unwrap();
    let note = black_box.panic_note().unwrap();
    assert!(long.starts_with(note.text.as_str()));
    assert_eq!(note.text.as_str().len(), panic::TEXT - 1);
}

#[test]
fn a_deep_backtrace_keeps_the_frames_nearest_to_the_panic() {
    let words = words();
    let black_box = black_box(&words);
    let deep: Vec<u64> = (1..100).collect();
    black_box
        .record_panic(&Panic {
            backtrace: &deep,
            ..PANIC
        })
        .unwrap();
    assert_eq!(black_box.panic_note().unwrap().backtrace(), &deep[..FRAMES]);
}

#[test]
fn wild_bytes_are_cut_and_never_a_panic() {
    let words = words();
    for word in &words[1..] {
        word.store(u64::MAX, Ordering::Relaxed);
    }
    words[0].store(1, Ordering::Relaxed);
    let note = black_box(&words).panic_note().unwrap();
    assert_eq!(note.text.as_str(), "");
    assert_eq!(note.backtrace(), [u64::MAX; FRAMES]);
    assert_eq!(black_box(&words).fault_note(), None);
}

#[test]
fn both_notes_of_a_panic_that_aborts_come_back() {
    let words = words();
    let black_box = black_box(&words);
    black_box.record_panic(&PANIC).unwrap();
    black_box.record_fault(&fault()).unwrap();
    assert!(black_box.panic_note().is_some());
    assert_eq!(black_box.fault_note(), Some(fault()));
    black_box.clear().unwrap();
    assert_eq!(black_box.fault_note(), None);
}

#[test]
fn a_fault_without_an_address_has_none() {
    let words = words();
    let note = FaultNote {
        address: None,
        instruction: Some(0),
        thread: Text::of(""),
        is_overflow: false,
        ..fault()
    };
    black_box(&words).record_fault(&note).unwrap();
    assert_eq!(black_box(&words).fault_note(), Some(note));
}

#[test]
fn a_note_of_a_fault_with_any_bit_changed_is_none() {
    let words = words();
    let black_box = black_box(&words);
    black_box.record_fault(&fault()).unwrap();
    for word in &words[FAULT_AT..] {
        for bit in 0..64 {
            word.fetch_xor(1 << bit, Ordering::Relaxed);
            assert_eq!(black_box.fault_note(), None);
            word.fetch_xor(1 << bit, Ordering::Relaxed);
        }
    }
    assert_eq!(black_box.fault_note(), Some(fault()));
}
