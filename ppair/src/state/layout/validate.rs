//! Whether bytes that come from elsewhere are a value of their type.

use core::fmt;

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
            Kind::Unit | Kind::Int { .. } | Kind::Float => Ok(()),
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
            // Checked first, as a value without bytes may be repeated without end.
            Kind::Array { .. } if self.is_any_bytes() => Ok(()),
            Kind::Array { len, element } => {
                let mut rest = bytes;
                for index in 0..len {
                    let (value, behind) =
                        rest.split_at_checked(element.size).unwrap_or((rest, &[]));
                    element
                        .validate(value)
                        .map_err(|invalid| invalid.in_element(index))?;
                    rest = behind;
                }
                Ok(())
            }
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
        }
    }
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
