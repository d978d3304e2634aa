//! A stored value, field by field. What is between the fields is never looked at.

use core::time::Duration;

use crate::state::descriptor::{Descriptor, Part, Plain, Shape};
use crate::state::layout::{Invalid, LENGTH, SECONDS, integer, length, text};
use crate::state::stored::Stored;
use crate::{Elapsed, Timestamp};

/// Bytes, and what they mean.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    of: &'a Descriptor,
    bytes: &'a [u8],
}

/// What a value is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Look<'a> {
    /// No bytes at all.
    Unit,
    /// An integer.
    Int(i128),
    /// One that is larger than an `i128`.
    Large(u128),
    /// A number of 4 bytes.
    F32(f32),
    /// A number of 8 bytes.
    F64(f64),
    /// Yes or no.
    Bool(bool),
    /// A character.
    Char(char),
    /// A text.
    Text(&'a str),
    /// A variant of an enum.
    Variant(&'a str),
    /// A length of time.
    Elapsed(Duration),
    /// A time.
    Timestamp(Timestamp),
    /// The elements of an array or a vector.
    List(List<'a>),
    /// The fields of a struct.
    Struct(Fields<'a>),
    /// A value that might be missing.
    There(View<'a>),
    /// One that is.
    Missing,
    /// Bytes of which nothing is known.
    Raw(&'a [u8]),
    /// Bytes that are no value of their type.
    Invalid(Invalid),
}

/// The elements of an array or a vector.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    element: &'a Descriptor,
    count: usize,
    bytes: &'a [u8],
}

/// The fields of a struct.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    parts: core::slice::Iter<'a, Part>,
    bytes: &'a [u8],
}

impl<'a> View<'a> {
    /// The value of a checkpoint.
    #[must_use]
    pub fn of(stored: &'a Stored) -> Self {
        Self {
            of: stored.descriptor(),
            bytes: stored.value(),
        }
    }

    /// Looks at it.
    #[must_use]
    pub fn look(self) -> Look<'a> {
        self.try_look().unwrap_or_else(Look::Invalid)
    }

    fn try_look(self) -> Result<Look<'a>, Invalid> {
        let Self { of, bytes } = self;
        Ok(match &of.shape {
            Shape::Plain(plain) => return look_at_plain(*plain, bytes),
            Shape::Array { len, element } => Look::List(List {
                element,
                count: *len,
                bytes,
            }),
            Shape::Struct(parts) => Look::Struct(Fields {
                parts: parts.iter(),
                bytes,
            }),
            Shape::Enum { signed, variants } => {
                let number = integer(bytes, *signed);
                let variant = variants.iter().find(|(_, known)| Some(*known) == number);
                let (name, _) = variant.ok_or_else(|| {
                    let found = number.map_or_else(|| hex(bytes), |number| number.to_string());
                    Invalid::at("", "one of the enum's variants", found)
                })?;
                Look::Variant(name)
            }
            Shape::Text { capacity } => {
                let length = text(bytes, *capacity)?;
                let text = bytes.get(LENGTH..).and_then(|bytes| bytes.get(..length));
                Look::Text(core::str::from_utf8(text.unwrap_or_default()).unwrap_or_default())
            }
            Shape::Vector { capacity, element } => Look::List(List {
                element,
                count: length(bytes, *capacity)?,
                bytes: self.body(),
            }),
            Shape::Maybe(value) => match bytes.first() {
                Some(0) => Look::Missing,
                Some(1) => Look::There(View {
                    of: value,
                    bytes: self.body().get(..value.size()).unwrap_or_default(),
                }),
                _ => {
                    let found = hex(bytes.get(..1).unwrap_or_default());
                    return Err(Invalid::at("", "0 (no value) or 1 (a value)", found));
                }
            },
        })
    }

    /// What lies behind a length, or behind the byte that says whether there is a value.
    fn body(self) -> &'a [u8] {
        let offset = self.of.body().map_or(0, |body| body.offset);
        self.bytes.get(offset..).unwrap_or_default()
    }
}

fn look_at_plain(plain: Plain, bytes: &[u8]) -> Result<Look<'_>, Invalid> {
    let wrong = |expected: &str| Invalid::at("", expected, hex(bytes));
    Ok(match plain {
        Plain::Unit => Look::Unit,
        Plain::Bytes => Look::Raw(bytes),
        Plain::NonZero { .. } if bytes.iter().all(|byte| *byte == 0) => {
            return Err(Invalid::at("", "a number other than zero", "0"));
        }
        Plain::Int { signed } | Plain::NonZero { signed } => {
            let large = || <[u8; 16]>::try_from(bytes).ok();
            match (integer(bytes, signed), large()) {
                (Some(number), _) => Look::Int(number),
                (None, Some(bytes)) if signed => Look::Int(i128::from_ne_bytes(bytes)),
                (None, Some(bytes)) => {
                    let number = u128::from_ne_bytes(bytes);
                    i128::try_from(number).map_or(Look::Large(number), Look::Int)
                }
                (None, None) => Look::Raw(bytes),
            }
        }
        Plain::Float => match (bytes.try_into(), bytes.try_into()) {
            (Ok(bytes), _) => Look::F32(f32::from_ne_bytes(bytes)),
            (_, Ok(bytes)) => Look::F64(f64::from_ne_bytes(bytes)),
            _ => Look::Raw(bytes),
        },
        Plain::Bool => match bytes {
            [0] => Look::Bool(false),
            [1] => Look::Bool(true),
            _ => return Err(wrong("a bool (0 or 1)")),
        },
        Plain::Char => {
            let scalar = bytes.try_into().ok().map(u32::from_ne_bytes);
            let character = scalar.and_then(char::from_u32);
            Look::Char(character.ok_or_else(|| wrong("a char (a Unicode scalar value)"))?)
        }
        Plain::Elapsed | Plain::Timestamp => {
            let seconds = bytes.get(..SECONDS).and_then(|bytes| bytes.try_into().ok());
            let nanos = bytes.get(SECONDS..).and_then(<[u8]>::first_chunk);
            let nanos = nanos.map(|bytes| u32::from_ne_bytes(*bytes));
            let (Some(seconds), Some(nanos)) = (seconds, nanos) else {
                return Err(wrong("seconds and nanoseconds"));
            };
            let too_many = || Invalid::at("", "nanoseconds below a second", nanos.to_string());
            if plain == Plain::Timestamp {
                let time = Timestamp::new(i64::from_ne_bytes(seconds), nanos);
                Look::Timestamp(time.ok_or_else(too_many)?)
            } else if nanos < 1_000_000_000 {
                let seconds = u64::from_ne_bytes(seconds);
                Look::Elapsed(Elapsed::new(Duration::new(seconds, nanos)).get())
            } else {
                return Err(too_many());
            }
        }
    })
}

impl<'a> List<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether elements have no bytes: then one is like the other, and there may be any number of them.
    #[must_use]
    pub fn is_of_nothing(&self) -> bool {
        self.element.size() == 0
    }

    /// Whether its elements have parts of their own.
    #[must_use]
    pub fn is_nested(&self) -> bool {
        has_parts(self.element)
    }

    /// The elements; of those without bytes, none.
    pub fn elements(&self) -> impl Iterator<Item = View<'a>> + use<'a> {
        let of = self.element;
        // `chunks_exact` wants at least one byte.
        let chunks = self.bytes.chunks_exact(of.size().max(1));
        let count = if of.size() == 0 { 0 } else { self.count };
        chunks.take(count).map(move |bytes| View { of, bytes })
    }
}

fn has_parts(descriptor: &Descriptor) -> bool {
    match &descriptor.shape {
        Shape::Struct(_) | Shape::Array { .. } | Shape::Vector { .. } => true,
        Shape::Maybe(value) => has_parts(value),
        _ => false,
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, View<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let Part { name, offset, of } = self.parts.next()?;
        let behind = self.bytes.get(*offset..).unwrap_or_default();
        let bytes = behind.get(..of.size()).unwrap_or_default();
        Some((name, View { of, bytes }))
    }
}

/// The number in `bytes` as it is written in source code.
fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| format!("{byte:02x}");
    let digits: String = if cfg!(target_endian = "big") {
        bytes.iter().map(digits).collect()
    } else {
        bytes.iter().rev().map(digits).collect()
    };
    format!("0x{digits}")
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
