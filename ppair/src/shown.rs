//! Names that need not be UTF-8, for messages: no two of them look the same.

use core::fmt;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

/// A path, or any other text of the system's, with bytes that are not UTF-8 written as `\xFE`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a>(&'a OsStr);

/// Returns `text` as messages have it.
pub(crate) fn shown<T: AsRef<OsStr> + ?Sized>(text: &T) -> Shown<'_> {
    Shown(text.as_ref())
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_bytes().utf8_chunks() {
            f.write_str(chunk.valid())?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02X}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_told_apart() {
        for (bytes, text) in [
            (&b"/tmp/x"[..], "/tmp/x"),
            (b"/tmp/x\xfe", "/tmp/x\\xFE"),
            (b"/tmp/x\xfd", "/tmp/x\\xFD"),
            (b"\xc3\xa9\xc3", "\u{e9}\\xC3"),
            (b"", ""),
        ] {
            assert_eq!(shown(OsStr::from_bytes(bytes)).to_string(), text);
        }
    }
}
