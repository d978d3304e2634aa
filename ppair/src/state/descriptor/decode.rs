//! From the bytes that a layout was stored as.

use super::{Descriptor, Part, Plain, Shape};
use crate::state::layout::FORMAT;
use crate::state::layout::encode::{Target, tag};

/// Deeper than any type is nested by hand, and shallow enough for any stack.
const MAX_DEPTH: u32 = 64;

/// Why bytes are no descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undecodable {
    /// They were written by a version of ppair that is not known here.
    Format(u32),
    /// They were written on a machine with another byte order or pointer width.
    Target(Target),
    /// They are damaged.
    Damaged,
}

impl Descriptor {
    /// The descriptor that [`Layout::encode`](crate::Layout) wrote as all of `bytes`.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        let mut input = Input(bytes);
        let format = input.u32().ok_or(Undecodable::Damaged)?;
        if format != FORMAT {
            return Err(Undecodable::Format(format));
        }
        let target = input.target().ok_or(Undecodable::Damaged)?;
        if target != Target::THIS {
            return Err(Undecodable::Target(target));
        }
        let descriptor = input.descriptor(MAX_DEPTH);
        descriptor
            .filter(|_| input.0.is_empty())
            .ok_or(Undecodable::Damaged)
    }
}

/// What is left to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn number(&mut self) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(self.array()?)).ok()
    }

    fn flag(&mut self) -> Option<bool> {
        match self.array()? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<String> {
        let length = self.number()?;
        let text = core::str::from_utf8(self.take(length)?).ok()?;
        Some(text.to_owned())
    }

    fn target(&mut self) -> Option<Target> {
        Some(Target {
            big_endian: self.flag()?,
            pointer_width: self.u32()?,
        })
    }

    /// So many parts, each of which takes at least one byte: no number makes this allocate more than was stored.
    fn parts<T>(&mut self, mut part: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number().filter(|count| *count <= self.0.len())?;
        (0..count).map(|_| part(self)).collect()
    }

    fn descriptor(&mut self, depth: u32) -> Option<Descriptor> {
        let depth = depth.checked_sub(1)?;
        let descriptor = Descriptor {
            name: self.text()?,
            version: self.u32()?,
            size: self.number()?,
            align: self.number()?,
            shape: self.shape(depth)?,
        };
        descriptor.is_consistent().then_some(descriptor)
    }

    fn shape(&mut self, depth: u32) -> Option<Shape> {
        let [tag] = self.array()?;
        Some(match tag {
            tag::UNIT => Shape::Plain(Plain::Unit),
            tag::INT => Shape::Plain(Plain::Int {
                signed: self.flag()?,
            }),
            tag::FLOAT => Shape::Plain(Plain::Float),
            tag::BOOL => Shape::Plain(Plain::Bool),
            tag::CHAR => Shape::Plain(Plain::Char),
            tag::NON_ZERO => Shape::Plain(Plain::NonZero {
                signed: self.flag()?,
            }),
            tag::ARRAY => Shape::Array {
                len: self.number()?,
                element: Box::new(self.descriptor(depth)?),
            },
            tag::STRUCT => Shape::Struct(self.parts(|input| {
                Some(Part {
                    name: input.text()?,
                    offset: input.number()?,
                    of: input.descriptor(depth)?,
                })
            })?),
            tag::ENUM => Shape::Enum {
                signed: self.flag()?,
                variants: self
                    .parts(|input| Some((input.text()?, i128::from_le_bytes(input.array()?))))?,
            },
            tag::TEXT => Shape::Text {
                capacity: self.number()?,
            },
            tag::VECTOR => Shape::Vector {
                capacity: self.number()?,
                element: Box::new(self.descriptor(depth)?),
            },
            tag::MAYBE => Shape::Maybe(Box::new(self.descriptor(depth)?)),
            tag::ELAPSED => Shape::Plain(Plain::Elapsed),
            tag::TIMESTAMP => Shape::Plain(Plain::Timestamp),
            tag::BYTES => Shape::Plain(Plain::Bytes),
            _ => return None,
        })
    }
}

impl Descriptor {
    /// Whether every part lies within its whole, so that whoever reads bytes by it never reads behind their end.
    fn is_consistent(&self) -> bool {
        if !self.align.is_power_of_two() {
            return false;
        }
        match &self.shape {
            Shape::Plain(Plain::Unit | Plain::Bytes) => true,
            Shape::Plain(Plain::Bool) => self.size == 1,
            Shape::Plain(Plain::Char) => self.size == 4,
            Shape::Plain(Plain::Elapsed | Plain::Timestamp) => self.size == 16,
            Shape::Plain(Plain::Int { .. } | Plain::NonZero { .. } | Plain::Float) => {
                matches!(self.size, 1 | 2 | 4 | 8 | 16)
            }
            Shape::Enum { .. } => matches!(self.size, 1 | 2 | 4 | 8),
            Shape::Array { len, element } => element.size.checked_mul(*len) == Some(self.size),
            Shape::Struct(parts) => parts.iter().all(|part| {
                let end = part.offset.checked_add(part.of.size);
                end.is_some_and(|end| end <= self.size)
            }),
            Shape::Text { .. } | Shape::Vector { .. } | Shape::Maybe(_) => {
                self.body().is_some_and(|body| {
                    let elements = body.count.checked_mul(body.size);
                    let end = elements.and_then(|elements| body.offset.checked_add(elements));
                    end.is_some_and(|end| end <= self.size)
                })
            }
        }
    }
}
