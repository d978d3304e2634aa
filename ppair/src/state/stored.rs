//! A checkpoint outside of a pair: its bytes together with what they mean.
//!
//! Nothing here trusts its input: any bytes end in a stored checkpoint or in an error, never in a panic.

use core::fmt;

use xxhash_rust::xxh3::xxh3_64;

use super::HardState;
use super::descriptor::{Descriptor, Undecodable};
use super::fit::{Fit, Rejection};
use super::layout::Layout;
use super::layout::encode::Target;

/// "ppairchk", and the version of everything that lies behind it.
const MAGIC: [u8; 8] = *b"ppairchk";
const FORMAT: u64 = 1;

/// Magic, format, generation, length of the descriptor, length of the value, checksum of all the rest.
const HEAD: usize = 6 * WORD;
const CHECKSUM: usize = 5 * WORD;
const WORD: usize = size_of::<u64>();

/// The highest generation. Commits that go on from it never reach the end of the numbers that a segment counts with.
const MAX_GENERATION: u64 = 1 << 51;

/// A checkpoint outside of a pair: the bytes of a hard state, its generation, and the [`Descriptor`] of what the bytes mean.
///
/// A worker gets it from [`Checkpoint::stored`](crate::Checkpoint::stored), keeps its bytes wherever it likes, and gives it to
/// another pair with [`Pair::restore`](crate::Pair::restore): to one that starts after a reboot, or to the next version of the
/// program. There it is taken over if its layout fits, migrated if the type says how, and else set aside: never
/// reinterpreted. A pair with a [`store`](crate::Config::store) does all that by itself; it is also what a [`Store`](crate::Store) of your
/// own gets and returns.
///
/// ```
/// use ppair::{HardState, Stored};
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[repr(C)]
/// struct Progress {
///     next: u32,
/// }
///
/// let bytes = Stored::of(&Progress { next: 7 }, 1).to_bytes();
/// let stored = Stored::from_bytes(&bytes)?;
/// assert_eq!(stored.name(), "Progress");
/// assert_eq!(stored.get::<Progress>()?.next, 7);
/// assert_eq!(Stored::from_bytes(&bytes[..40]).unwrap_err().to_string(), "the stored checkpoint is cut short: 40 bytes");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    generation: u64,
    descriptor: Descriptor,
    encoded: Box<[u8]>,
    value: Box<[u8]>,
}

impl Stored {
    /// `value` as generation `generation`.
    ///
    /// # Panics
    ///
    /// If the generation is beyond 2 to the power of 51, which no pair ever commits.
    #[must_use]
    pub fn of<T: HardState>(value: &T, generation: u64) -> Self {
        assert!(
            generation <= MAX_GENERATION,
            "no pair has committed {generation} times: the highest generation is {MAX_GENERATION}"
        );
        let mut bytes = vec![0; size_of::<T>()];
        super::bytes::stage(value, &mut bytes);
        Self::new(&T::LAYOUT, generation, bytes.into())
    }

    /// The checkpoint with this layout, of whose bytes the gaps are zero.
    pub(crate) fn new(layout: &Layout, generation: u64, value: Box<[u8]>) -> Self {
        Self {
            generation,
            descriptor: layout.into(),
            encoded: layout.encode().into(),
            value,
        }
    }

    /// The checkpoint of a program's type of which only the descriptor is there. `encoded` are its bytes.
    #[cfg(feature = "cli")]
    pub(crate) fn of_foreign(
        descriptor: Descriptor,
        encoded: Box<[u8]>,
        generation: u64,
        value: Box<[u8]>,
    ) -> Self {
        Self {
            generation,
            descriptor,
            encoded,
            value,
        }
    }

    /// The name of its type.
    #[must_use]
    pub fn name(&self) -> &str {
        self.descriptor.name()
    }

    /// What its bytes mean.
    #[must_use]
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Its generation in the pair that it comes from.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The bytes of the hard state, in the byte order of the machine.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The hard state, also if it was stored by another version of its type: see [`Pair::restore`](crate::Pair::restore).
    ///
    /// # Errors
    ///
    /// If it cannot become a `T`.
    ///
    /// # Panics
    ///
    /// If a [`MigrateFrom`](crate::MigrateFrom), or the `Default` of `T`, does.
    pub fn get<T: HardState + core::default::Default>(&self) -> Result<T, Rejection> {
        let layout = super::bytes::layout::<T>();
        let initial = |bytes: &mut [u8]| super::bytes::stage(&T::default(), bytes);
        let bytes = Fit::of(&self.descriptor, layout)?.apply(&self.value, &initial)?;
        Ok(super::bytes::value_of(&bytes)?)
    }

    /// All of it, to be kept anywhere. [`from_bytes`](Self::from_bytes) finds every change in them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let numbers = [
            FORMAT,
            self.generation,
            self.encoded.len() as u64,
            self.value.len() as u64,
        ];
        let mut bytes = MAGIC.to_vec();
        bytes.extend(numbers.into_iter().flat_map(u64::to_le_bytes));
        bytes.extend([0; WORD]);
        bytes.extend(&self.encoded);
        bytes.extend(&self.value);
        let sum = xxh3_64(&bytes);
        bytes[CHECKSUM..HEAD].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// What [`to_bytes`](Self::to_bytes) returned.
    ///
    /// # Errors
    ///
    /// If the bytes are anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        let (magic, rest) = bytes
            .split_at_checked(MAGIC.len())
            .ok_or(Unreadable::NotOne)?;
        if magic != MAGIC {
            return Err(Unreadable::NotOne);
        }
        let cut = Unreadable::CutShort(bytes.len());
        let mut words = rest.chunks_exact(WORD).map(|word| {
            let mut bytes = [0; WORD];
            bytes.copy_from_slice(word);
            u64::from_le_bytes(bytes)
        });
        let mut word = || words.next().ok_or(cut.clone());
        let format = word()?;
        if format != FORMAT {
            return Err(Unreadable::Format(format));
        }
        let (generation, encoded, value, sum) = (word()?, word()?, word()?, word()?);
        let length = |length: u64| usize::try_from(length).map_err(|_| cut.clone());
        let (_, parts) = bytes.split_at(HEAD);
        let (encoded, parts) = parts
            .split_at_checked(length(encoded)?)
            .ok_or(cut.clone())?;
        let (value, behind) = parts.split_at_checked(length(value)?).ok_or(cut.clone())?;
        let mut whole = bytes.to_vec();
        whole[CHECKSUM..HEAD].fill(0);
        if !behind.is_empty() || xxh3_64(&whole) != sum {
            return Err(Unreadable::Damaged);
        }
        let descriptor = Descriptor::decode(encoded)?;
        if descriptor.size() != value.len() || generation > MAX_GENERATION {
            return Err(Unreadable::Damaged);
        }
        Ok(Self {
            generation,
            descriptor,
            encoded: encoded.into(),
            value: value.into(),
        })
    }
}

/// Why bytes are no [`Stored`] checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unreadable {
    /// They do not begin as one does: they are something else.
    NotOne,
    /// They were written by a version of ppair that is not known here, with this number.
    Format(u64),
    /// There are only so many of them.
    CutShort(usize),
    /// Their checksum does not hold, or what it holds over contradicts itself.
    Damaged,
    /// They were written on a machine with another byte order or pointer width.
    OtherMachine {
        /// Whether the byte order was big-endian.
        big_endian: bool,
        /// The bits of a pointer.
        pointer_width: u32,
    },
}

impl From<Undecodable> for Unreadable {
    fn from(undecodable: Undecodable) -> Self {
        match undecodable {
            Undecodable::Format(format) => Self::Format(format.into()),
            Undecodable::Target(Target {
                big_endian,
                pointer_width,
            }) => Self::OtherMachine {
                big_endian,
                pointer_width,
            },
            Undecodable::Damaged => Self::Damaged,
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOne => f.write_str("these bytes are no stored checkpoint"),
            Self::Format(format) => write!(
                f,
                "the stored checkpoint has format {format}, which this version of ppair does not know: read it with the version \
                 that wrote it"
            ),
            Self::CutShort(length) => {
                write!(f, "the stored checkpoint is cut short: {length} bytes")
            }
            Self::Damaged => {
                f.write_str("the stored checkpoint is damaged: its checksum does not hold")
            }
            Self::OtherMachine {
                big_endian,
                pointer_width,
            } => write!(
                f,
                "the stored checkpoint comes from a {}-endian machine with {pointer_width}-bit pointers: its bytes mean \
                 something else here",
                if *big_endian { "big" } else { "little" }
            ),
        }
    }
}

impl core::error::Error for Unreadable {}

#[cfg(test)]
#[path = "stored_tests.rs"]
mod tests;
