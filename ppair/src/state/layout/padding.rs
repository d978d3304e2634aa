//! What `#[hard(no_padding)]` asks for, in words that the compiler can make.

use super::{Kind, Layout};

impl Layout {
    /// The same layout, if there is no padding in it.
    ///
    /// # Panics
    ///
    /// If there is: in a `const`, that is a compile error, which counts the bytes and says where they are.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn without_padding(self) -> Self {
        if self.is_padded() {
            panic!("{}", Words::of_padding(&self).as_str());
        }
        self
    }
}

/// A text that is made while the program is compiled.
pub(super) struct Words {
    bytes: [u8; ROOM],
    length: usize,
}

const ROOM: usize = 1024;

impl Words {
    /// None yet.
    pub(super) const fn new() -> Self {
        Self {
            bytes: [0; ROOM],
            length: 0,
        }
    }

    const fn of_padding(layout: &Layout) -> Self {
        let mut words = Self::new()
            .push("`")
            .push(layout.name)
            .push("` has padding:");
        let mut is_first = true;
        if let Kind::Struct { fields } = layout.kind {
            let mut at = 0;
            while at < fields.len() {
                let field = &fields[at];
                at += 1;
                if field.layout.is_padded() {
                    words = words
                        .push(if is_first { " " } else { ", " })
                        .push("some inside `")
                        .push(field.name)
                        .push("`");
                    is_first = false;
                }
                let mut next = at;
                // Fields without bytes stand anywhere.
                while next < fields.len() && fields[next].layout.size == 0 {
                    next += 1;
                }
                let end = field.offset + field.layout.size;
                let follows = if next < fields.len() {
                    fields[next].offset
                } else {
                    layout.size
                };
                if field.layout.size > 0 && follows > end {
                    let count = follows - end;
                    words = words
                        .push(if is_first { " " } else { ", " })
                        .push_number(count)
                        .push(if count == 1 {
                            " byte after `"
                        } else {
                            " bytes after `"
                        })
                        .push(field.name)
                        .push("`");
                    is_first = false;
                }
            }
        }
        words.push("; put a field of so many bytes there (`_padding: [u8; N]`), or order the fields by alignment, the largest first")
    }

    /// With `text` behind it, if it has room.
    pub(super) const fn push(mut self, text: &str) -> Self {
        let text = text.as_bytes();
        if self.length + text.len() <= ROOM {
            let mut at = 0;
            while at < text.len() {
                self.bytes[self.length + at] = text[at];
                at += 1;
            }
            self.length += text.len();
        }
        self
    }

    const fn push_number(mut self, number: usize) -> Self {
        if number >= 10 {
            self = self.push_number(number / 10);
        }
        let digits = "0123456789"
            .as_bytes()
            .split_at(number % 10)
            .1
            .split_at(1)
            .0;
        match core::str::from_utf8(digits) {
            Ok(digit) => self.push(digit),
            Err(_) => self,
        }
    }

    pub(super) const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => "it is not what was asked for",
        }
    }
}
