//! A plan as it is carried out: what is done with which bytes.

use super::Fit;
use crate::state::layout::{Default, Invalid, LENGTH, Layout, integer, length, text};

/// What is done with one part. All places are counted from the start of the whole that the step belongs to.
#[derive(Debug)]
pub(super) enum Step {
    /// Bytes mean the same.
    Copy {
        from: usize,
        to: usize,
        path: String,
        layout: &'static Layout,
    },
    /// The head of what counts elements: a length, or whether there is a value.
    Head { from: usize, to: usize, size: usize },
    /// Nothing is stored.
    Default {
        to: usize,
        size: usize,
        write: Default,
    },
    /// A text gets more room.
    Text {
        from: usize,
        to: usize,
        capacity: usize,
        path: String,
    },
    /// Elements, one by one.
    Each {
        from: Places,
        to: Places,
        count: Count,
        steps: Vec<Step>,
    },
    /// A variant, by its name.
    Variant {
        from: usize,
        to: usize,
        mapping: Box<Mapping>,
    },
    /// A type inside has a migration of its own.
    Migrate {
        from: usize,
        to: usize,
        size: usize,
        path: String,
        fit: Box<Fit>,
    },
}

/// Where elements stand, and how large each is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) start: usize,
    pub(super) size: usize,
}

/// How many elements there are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Count {
    /// Always so many.
    Fixed(usize),
    /// As the length says that is stored at `at`, at most `capacity`.
    Length { at: usize, capacity: usize },
    /// One, if the byte that is stored at this place is not zero.
    Flag(usize),
}

/// From the numbers of an enum's variants to those that they have here.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) path: String,
    pub(super) size: usize,
    pub(super) signed: bool,
    pub(super) here: usize,
    pub(super) numbers: Vec<(i128, i128)>,
    /// The variants that are not here any more.
    pub(super) gone: Vec<(i128, String)>,
}

/// Whether the plan can be carried out on these bytes: every value that is taken over is one of its type. Runs none of the
/// user's code.
pub(super) fn check(steps: &[Step], from: &[u8]) -> Result<(), Invalid> {
    for step in steps {
        match step {
            Step::Copy {
                from: start,
                path,
                layout,
                ..
            } => {
                let bytes = &from[*start..][..layout.size()];
                layout
                    .validate(bytes)
                    .map_err(|invalid| invalid.inside(path))?;
            }
            Step::Head { .. } | Step::Default { .. } => {}
            Step::Text {
                from: start,
                capacity,
                path,
                ..
            } => {
                let bytes = &from[*start..][..LENGTH + capacity];
                text(bytes, *capacity).map_err(|invalid| invalid.inside(path))?;
            }
            Step::Each {
                from: places,
                count,
                steps,
                ..
            } => {
                for index in 0..count.of(from)? {
                    check(
                        steps,
                        &from[places.start + index * places.size..][..places.size],
                    )?;
                }
            }
            Step::Variant {
                from: start,
                mapping,
                ..
            } => {
                mapping.map(&from[*start..][..mapping.size])?;
            }
            Step::Migrate {
                from: start,
                size,
                path,
                fit,
                ..
            } => {
                let bytes = &from[*start..][..*size];
                fit.check(bytes).map_err(|invalid| invalid.inside(path))?;
            }
        }
    }
    Ok(())
}

/// Carries out the plan. `to` holds what new fields keep.
pub(super) fn apply(steps: &[Step], from: &[u8], to: &mut [u8]) -> Result<(), Invalid> {
    for step in steps {
        match step {
            Step::Copy {
                from: start,
                to: target,
                layout,
                path: _,
            } => {
                let size = layout.size();
                to[*target..][..size].copy_from_slice(&from[*start..][..size]);
            }
            Step::Head {
                from: start,
                to: target,
                size,
            } => {
                to[*target..][..*size].copy_from_slice(&from[*start..][..*size]);
            }
            Step::Text {
                from: start,
                to: target,
                capacity,
                path,
            } => {
                let bytes = &from[*start..][..LENGTH + capacity];
                let length = text(bytes, *capacity).map_err(|invalid| invalid.inside(path))?;
                let size = LENGTH + length;
                to[*target..][..size].copy_from_slice(&bytes[..size]);
            }
            Step::Default {
                to: target,
                size,
                write,
            } => (write.0)(&mut to[*target..][..*size]),
            Step::Each {
                from: places,
                to: targets,
                count,
                steps,
            } => {
                for index in 0..count.of(from)? {
                    let element = &from[places.start + index * places.size..][..places.size];
                    let target = &mut to[targets.start + index * targets.size..][..targets.size];
                    apply(steps, element, target)?;
                }
            }
            Step::Variant {
                from: start,
                to: target,
                mapping,
            } => {
                let number = mapping.map(&from[*start..][..mapping.size])?;
                let number = number.to_le_bytes();
                let target = &mut to[*target..][..mapping.here];
                target.copy_from_slice(&number[..mapping.here]);
                if cfg!(target_endian = "big") {
                    target.reverse();
                }
            }
            Step::Migrate {
                from: start,
                to: target,
                size,
                path: _,
                fit,
            } => {
                let bytes = fit.apply(&from[*start..][..*size], &|_| {})?;
                to[*target..][..bytes.len()].copy_from_slice(&bytes);
            }
        }
    }
    Ok(())
}

impl Count {
    fn of(self, stored: &[u8]) -> Result<usize, Invalid> {
        match self {
            Self::Fixed(count) => Ok(count),
            Self::Flag(at) => Ok(usize::from(stored[at] != 0)),
            Self::Length { at, capacity } => length(&stored[at..], capacity),
        }
    }
}

impl Mapping {
    fn map(&self, stored: &[u8]) -> Result<i128, Invalid> {
        let number = integer(stored, self.signed).unwrap_or_default();
        let here = self.numbers.iter().find(|(stored, _)| *stored == number);
        here.map(|(_, here)| *here).ok_or_else(|| {
            let gone = self.gone.iter().find(|(gone, _)| *gone == number);
            let found = gone.map_or_else(
                || number.to_string(),
                |(_, name)| format!("`{name}`, which is none any more"),
            );
            Invalid::at(&self.path, "one of the enum's variants", found)
        })
    }
}
