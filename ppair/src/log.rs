//! Saying what happens.

use crate::event::{Event, Line};
use crate::sys::stderr;

/// Writes the line of `event`, in a frame of its own: the line's buffer must not make the stack deeper that a worker starts on
/// and has to copy. A log that nobody takes must not keep the service from going on, so an error is dropped
/// with the line.
#[cold]
#[inline(never)]
pub(crate) fn say(event: &Event<'_>) {
    let _ = stderr::write_line(Line::of(event, stderr::is_journal()).as_bytes());
}

/// As [`say`], for who must not wait. Returns false if the log does not take the line at once: then
/// nothing of it is written.
#[cold]
#[inline(never)]
pub(crate) fn try_say(event: &Event<'_>) -> bool {
    stderr::try_write_line(Line::of(event, stderr::is_journal()).as_bytes()).is_ok()
}
