//! A layout as bytes: what is stored with each checkpoint, and what the fingerprint is made of.

use xxhash_rust::xxh3::xxh3_64;

use super::{Field, Kind, Layout, Variant};

/// Changes whenever the same layout gets other bytes, or the same bytes another meaning.
pub(crate) const FORMAT: u32 = 2;

/// What the compiler may change without the type's being changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) big_endian: bool,
    pub(crate) pointer_width: u32,
}

impl Target {
    /// What this program was compiled for.
    pub(crate) const THIS: Self = Self {
        big_endian: cfg!(target_endian = "big"),
        pointer_width: usize::BITS,
    };
}

/// The numbers that stand for the kinds.
pub(crate) mod tag {
    pub(crate) const UNIT: u8 = 0;
    pub(crate) const INT: u8 = 1;
    pub(crate) const FLOAT: u8 = 2;
    pub(crate) const BOOL: u8 = 3;
    pub(crate) const CHAR: u8 = 4;
    pub(crate) const NON_ZERO: u8 = 5;
    pub(crate) const ARRAY: u8 = 6;
    pub(crate) const STRUCT: u8 = 7;
    pub(crate) const ENUM: u8 = 8;
    pub(crate) const TEXT: u8 = 9;
    pub(crate) const VECTOR: u8 = 10;
    pub(crate) const MAYBE: u8 = 11;
    pub(crate) const ELAPSED: u8 = 12;
    pub(crate) const TIMESTAMP: u8 = 13;
    pub(crate) const BYTES: u8 = 14;
}

impl Layout {
    /// A number that is the same where the bytes mean the same, and another one, but for chance, where they do not.
    ///
    /// It covers the byte order and the pointer width; the names, versions, sizes and alignments of the type and of all
    /// types inside; the name, the offset and the kind of each field, in order; the name and the number of each variant. It
    /// does not cover the module path, the compiler's version or the place of the type in the program, which change
    /// without changing the bytes; nor what says how to take over what was stored earlier.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint_on(Target::THIS)
    }

    pub(super) fn fingerprint_on(&self, target: Target) -> u64 {
        xxh3_64(&self.encode_on(target))
    }

    /// The bytes that [`Descriptor::decode`](crate::Descriptor) reads.
    pub(crate) fn encode(&self) -> Vec<u8> {
        self.encode_on(Target::THIS)
    }

    fn encode_on(&self, target: Target) -> Vec<u8> {
        let mut bytes = FORMAT.to_le_bytes().to_vec();
        bytes.push(target.big_endian.into());
        bytes.extend(target.pointer_width.to_le_bytes());
        layout(&mut bytes, self);
        bytes
    }
}

fn layout(
    bytes: &mut Vec<u8>,
    Layout {
        name,
        size,
        align,
        kind,
        version,
        // What became of it earlier changes nothing of what its bytes mean now.
        was: _,
        evolves: _,
        predecessor: _,
        starts_zeroed: _,
    }: &Layout,
) {
    text(bytes, name);
    bytes.extend(version.to_le_bytes());
    number(bytes, *size);
    number(bytes, *align);
    match kind {
        Kind::Unit => bytes.push(tag::UNIT),
        Kind::Int { signed } => bytes.extend([tag::INT, u8::from(*signed)]),
        Kind::Float => bytes.push(tag::FLOAT),
        Kind::Bool => bytes.push(tag::BOOL),
        Kind::Char => bytes.push(tag::CHAR),
        Kind::NonZero { signed } => bytes.extend([tag::NON_ZERO, u8::from(*signed)]),
        Kind::Array { len, element } => {
            bytes.push(tag::ARRAY);
            number(bytes, *len);
            layout(bytes, element);
        }
        Kind::Struct { fields } => {
            bytes.push(tag::STRUCT);
            number(bytes, fields.len());
            for Field {
                name,
                offset,
                layout: of_field,
                was: _,
                default: _,
            } in *fields
            {
                text(bytes, name);
                number(bytes, *offset);
                layout(bytes, of_field);
            }
        }
        Kind::Enum { signed, variants } => {
            bytes.extend([tag::ENUM, u8::from(*signed)]);
            number(bytes, variants.len());
            for Variant {
                name,
                number,
                was: _,
            } in *variants
            {
                text(bytes, name);
                bytes.extend(number.to_le_bytes());
            }
        }
        Kind::Text { capacity } => {
            bytes.push(tag::TEXT);
            number(bytes, *capacity);
        }
        Kind::Vector { capacity, element } => {
            bytes.push(tag::VECTOR);
            number(bytes, *capacity);
            layout(bytes, element);
        }
        Kind::Maybe { value } => {
            bytes.push(tag::MAYBE);
            layout(bytes, value);
        }
        Kind::Elapsed => bytes.push(tag::ELAPSED),
        Kind::Timestamp => bytes.push(tag::TIMESTAMP),
        Kind::Bytes => bytes.push(tag::BYTES),
    }
}

/// With its length, so that no two sequences of texts are the same bytes.
fn text(bytes: &mut Vec<u8>, text: &str) {
    number(bytes, text.len());
    bytes.extend(text.as_bytes());
}

fn number(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend((number as u64).to_le_bytes());
}
