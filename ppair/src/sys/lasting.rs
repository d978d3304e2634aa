//! Values that last as long as the process. A checker of leaks (`LeakSanitizer`, valgrind) finds it
//! from a static, so that it is none.

use core::ptr;
use core::sync::atomic::AtomicPtr;
use std::sync::{Mutex, PoisonError};

/// Addresses of all that lasts. Nothing reads them.
static ROOTS: Mutex<Vec<AtomicPtr<()>>> = Mutex::new(Vec::new());

/// Lets `value` last as long as the process.
pub(crate) fn leak<T>(value: Box<T>) -> &'static mut T {
    let value = Box::leak(value);
    keep(value);
    value
}

/// As [`leak`], for a text.
pub(crate) fn leak_text(text: String) -> &'static str {
    // The box leads to the text, and does so for a checker as well.
    leak(Box::new(text)).as_str()
}

/// Keeps the address of a value that will be leaked later: not in a worker, which would have to
/// copy the pages of the allocator for it.
pub(crate) fn keep<T>(value: &T) {
    let place = AtomicPtr::new(ptr::from_ref(value).cast_mut().cast());
    let mut roots = ROOTS.lock().unwrap_or_else(PoisonError::into_inner);
    roots.push(place);
}
