//! One number for what the bytes of a type mean.

use xxhash_rust::xxh3::Xxh3;

use super::{Field, Kind, Layout};

/// Changes whenever the same layout gets another fingerprint, or the same fingerprint another meaning.
const FORMAT: u32 = 1;

/// What the compiler may change without the type's being changed.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) big_endian: bool,
    pub(super) pointer_width: u32,
}

impl Target {
    const THIS: Self = Self {
        big_endian: cfg!(target_endian = "big"),
        pointer_width: usize::BITS,
    };
}

impl Layout {
    /// A number that is the same where the bytes mean the same, and another one, but for chance, where they do not.
    ///
    /// It covers the byte order and the pointer width; the names, sizes and alignments of the type and of all types
    /// inside; the name, the offset and the kind of each field, in order. It does not cover the module path, the
    /// compiler's version or the place of the type in the program, which change without changing the bytes.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint_on(Target::THIS)
    }

    pub(super) fn fingerprint_on(&self, target: Target) -> u64 {
        let mut hasher = Xxh3::new();
        hasher.update(&FORMAT.to_le_bytes());
        hasher.update(&[u8::from(target.big_endian)]);
        hasher.update(&target.pointer_width.to_le_bytes());
        layout(&mut hasher, self);
        hasher.digest()
    }
}

fn layout(
    hasher: &mut Xxh3,
    Layout {
        name,
        size,
        align,
        kind,
    }: &Layout,
) {
    text(hasher, name);
    number(hasher, *size);
    number(hasher, *align);
    match kind {
        Kind::Unit => hasher.update(&[0]),
        Kind::Int { signed } => hasher.update(&[1, u8::from(*signed)]),
        Kind::Float => hasher.update(&[2]),
        Kind::Bool => hasher.update(&[3]),
        Kind::Char => hasher.update(&[4]),
        Kind::NonZero { signed } => hasher.update(&[5, u8::from(*signed)]),
        Kind::Array { len, element } => {
            hasher.update(&[6]);
            number(hasher, *len);
            layout(hasher, element);
        }
        Kind::Struct { fields } => {
            hasher.update(&[7]);
            number(hasher, fields.len());
            for Field {
                name,
                offset,
                layout: of_field,
            } in *fields
            {
                text(hasher, name);
                number(hasher, *offset);
                layout(hasher, of_field);
            }
        }
    }
}

/// With its length, so that no two sequences of texts are the same bytes.
fn text(hasher: &mut Xxh3, text: &str) {
    number(hasher, text.len());
    hasher.update(text.as_bytes());
}

fn number(hasher: &mut Xxh3, number: usize) {
    hasher.update(&(number as u64).to_le_bytes());
}
