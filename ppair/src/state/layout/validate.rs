//! Whether bytes that come from elsewhere are a value of their type.

use core::fmt;

use super::body::{LENGTH, NANOS_PER_SECOND, SECONDS};
use super::{Kind, Layout};

/// Why bytes are no value of their type, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    path: String,
    expected: String,
    found: String,
}

impl Invalid {
    /// The place of the first bad value, such as `rows[3].ok`; empty if it is the whole value.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What may stand there.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// What stands there.
    #[must_use]
    pub fn found(&self) -> &str {
        &self.found
    }

    fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// What is wrong at `path`.
    pub(crate) fn at(path: &str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            ..Self::new(expected, found)
        }
    }

    /// The same, where the whole is the part at `path`.
    pub(crate) fn inside(self, path: &str) -> Self {
        if path.is_empty() {
            self
        } else {
            self.in_field(path)
        }
    }

    fn in_field(mut self, name: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("{name}{dot}{}", self.path);
        self
    }

    fn in_element(mut self, index: usize) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("[{index}]{dot}{}", self.path);
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            expected,
            found,
        } = self;
        if path.is_empty() {
            write!(f, "expected {expected}, found {found}")
        } else {
            write!(f, "`{path}`: expected {expected}, found {found}")
        }
    }
}

impl std::error::Error for Invalid {}

impl Layout {
    /// The smallest part of a value, with its place, that holds the `count` bytes from `start` on and has a layout of its own.
    pub(crate) fn part_around(&self, start: usize, count: usize) -> (usize, &Self) {
        let inside = |offset: usize, size: usize| {
            offset <= start && start.saturating_add(count) <= offset.saturating_add(size)
        };
        let in_elements = |offset: usize, len: usize, element: &'static Self| {
            let index = start.checked_sub(offset)?.checked_div(element.size)?;
            let at = offset + index * element.size;
            (index < len && inside(at, element.size)).then_some((at, element))
        };
        let part = match self.kind {
            Kind::Struct { fields } => fields
                .iter()
                .filter(|field| field.layout().size > 0)
                .map(|field| (field.offset(), field.layout()))
                .find(|(offset, layout)| inside(*offset, layout.size)),
            Kind::Array { len, element } => in_elements(0, len, element),
            Kind::Vector { .. } => self
                .body()
                .and_then(|body| in_elements(body.offset, body.count, body.element)),
            _ => None,
        };
        match part {
            Some((offset, layout)) => {
                let (inner, layout) = layout.part_around(start - offset, count);
                (offset + inner, layout)
            }
            None => (0, self),
        }
    }

    /// Checks that `bytes` are a value of this layout. Padding may hold anything.
    ///
    /// Allocates only to report an error.
    ///
    /// # Errors
    ///
    /// The first value, by its place in the bytes, that its type does not have; or the wrong number of bytes.
    pub fn validate(&self, bytes: &[u8]) -> Result<(), Invalid> {
        if bytes.len() != self.size {
            return Err(Invalid::new(
                count_bytes(self.size),
                count_bytes(bytes.len()),
            ));
        }
        match self.kind {
            Kind::Unit | Kind::Int { .. } | Kind::Float | Kind::Bytes => Ok(()),
            Kind::NonZero { .. } if bytes.iter().any(|byte| *byte != 0) => Ok(()),
            Kind::NonZero { .. } => Err(Invalid::new("a number other than zero", "0")),
            Kind::Bool => match bytes {
                [0 | 1] => Ok(()),
                _ => Err(Invalid::new("a bool (0 or 1)", hex(bytes))),
            },
            Kind::Char => {
                let scalar = <[u8; 4]>::try_from(bytes).ok().map(u32::from_ne_bytes);
                match scalar.and_then(char::from_u32) {
                    Some(_) => Ok(()),
                    None => Err(Invalid::new("a char (a Unicode scalar value)", hex(bytes))),
                }
            }
            Kind::Array { len, element } => validate_elements(element, len, bytes),
            Kind::Struct { fields } => {
                for field in fields {
                    let behind = bytes.get(field.offset..).unwrap_or_default();
                    let value = behind.get(..field.layout.size).unwrap_or(behind);
                    field
                        .layout
                        .validate(value)
                        .map_err(|invalid| invalid.in_field(field.name))?;
                }
                Ok(())
            }
            Kind::Enum { signed, variants } => {
                let number = integer(bytes, signed);
                if variants
                    .iter()
                    .any(|variant| Some(variant.number) == number)
                {
                    return Ok(());
                }
                let names: Vec<_> = variants.iter().map(|variant| variant.name).collect();
                let expected = format!("one of the enum's variants ({})", names.join(", "));
                let found = number.map_or_else(|| hex(bytes), |number| number.to_string());
                Err(Invalid::new(expected, found))
            }
            Kind::Text { capacity } => text(bytes, capacity).map(drop),
            Kind::Vector { capacity, element } => {
                let length = length(bytes, capacity)?;
                validate_elements(element, length, self.behind_head(bytes))
            }
            Kind::Maybe { value } => match bytes.first() {
                Some(0) => Ok(()),
                Some(1) => {
                    let behind = self.behind_head(bytes);
                    value.validate(behind.get(..value.size).unwrap_or(behind))
                }
                _ => Err(Invalid::new(
                    "0 (no value) or 1 (a value)",
                    hex(bytes.get(..1).unwrap_or_default()),
                )),
            },
            Kind::Elapsed | Kind::Timestamp => match u32_at(bytes, SECONDS)? {
                0..NANOS_PER_SECOND => Ok(()),
                nanos => Err(Invalid::new(
                    "nanoseconds below a second",
                    nanos.to_string(),
                )),
            },
        }
    }

    /// The bytes of the elements.
    fn behind_head<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let offset = self.body().map_or(0, |body| body.offset);
        bytes.get(offset..).unwrap_or_default()
    }
}

/// Validates the first `count` of the elements that stand in `bytes` one behind the other.
fn validate_elements(element: &Layout, count: usize, bytes: &[u8]) -> Result<(), Invalid> {
    // Checked first, as a value without bytes may be repeated without end.
    if element.is_any_bytes() {
        return Ok(());
    }
    let mut rest = bytes;
    for index in 0..count {
        let (value, behind) = rest.split_at_checked(element.size).unwrap_or((rest, &[]));
        element
            .validate(value)
            .map_err(|invalid| invalid.in_element(index))?;
        rest = behind;
    }
    Ok(())
}

/// The length of the text in `bytes`, if it is one of at most `capacity` bytes.
pub(crate) fn text(bytes: &[u8], capacity: usize) -> Result<usize, Invalid> {
    let length = length(bytes, capacity)?;
    let text = bytes.get(LENGTH..).unwrap_or_default();
    let text = text.get(..length).unwrap_or(text);
    match core::str::from_utf8(text) {
        Ok(_) => Ok(length),
        Err(error) => {
            let (_, rest) = text.split_at(error.valid_up_to());
            let first = rest.get(..1).unwrap_or_default();
            let found = format!("{} at byte {}", hex(first), error.valid_up_to());
            Err(Invalid::new("UTF-8", found))
        }
    }
}

/// The length at the start of a text's or a vector's bytes, which are at least as many as it takes.
pub(crate) fn length(bytes: &[u8], capacity: usize) -> Result<usize, Invalid> {
    let length = u32_at(bytes, 0)?;
    usize::try_from(length)
        .ok()
        .filter(|length| *length <= capacity)
        .ok_or_else(|| {
            Invalid::new(
                format!("a length of at most {capacity}"),
                length.to_string(),
            )
        })
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Invalid> {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    let number =
        number.ok_or_else(|| Invalid::new("a number in 4 bytes", count_bytes(bytes.len())))?;
    Ok(u32::from_ne_bytes(*number))
}

/// The integer in `bytes`, if they are as many as those of an integer up to 64 bits.
pub(crate) fn integer(bytes: &[u8], signed: bool) -> Option<i128> {
    let size = bytes.len();
    if !matches!(size, 1 | 2 | 4 | 8) {
        return None;
    }
    let mut number = [0; size_of::<u64>()];
    if cfg!(target_endian = "big") {
        number[..size].copy_from_slice(bytes);
    } else {
        number[size_of::<u64>() - size..].copy_from_slice(bytes);
    }
    // Its bits are the highest ones now, so that shifting down again extends the sign.
    let shift = u64::BITS - 8 * u32::try_from(size).ok()?;
    Some(if signed {
        (i64::from_ne_bytes(number) >> shift).into()
    } else {
        (u64::from_ne_bytes(number) >> shift).into()
    })
}

fn count_bytes(count: usize) -> String {
    format!("{count} byte{}", if count == 1 { "" } else { "s" })
}

/// The number in `bytes` as it is written in source code; they are at most four here, unless the layout is a lie.
fn hex(bytes: &[u8]) -> String {
    let mut digits = String::from("0x");
    let digit_pair = |byte: &u8| format!("{byte:02x}");
    if cfg!(target_endian = "big") {
        digits.extend(bytes.iter().map(digit_pair));
    } else {
        digits.extend(bytes.iter().rev().map(digit_pair));
    }
    digits
}
