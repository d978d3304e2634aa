//! How bytes that were stored with one layout become a value of another: as they are, field by field, by the user's
//! migration, or not at all. Pure: what is decided from the two layouts alone is a [`Fit`], which is then applied to bytes.

mod plan;
mod same;
mod steps;

use core::fmt;

use super::descriptor::Descriptor;
use super::differences::Differences;
use super::layout::{Invalid, Layout};
use plan::{Base, Planner};
use same::{renamed, same};
use steps::Step;

/// How stored bytes become a value of a type.
#[derive(Debug)]
pub(crate) struct Fit {
    /// The type, then the ones before it down to the one that the bytes fit.
    chain: Vec<&'static Layout>,
    how: How,
}

#[derive(Debug)]
enum How {
    /// The bytes are a value as they are.
    Unchanged { renamed: Vec<String> },
    /// They are taken over part by part.
    Evolved {
        steps: Vec<Step>,
        dropped: Vec<String>,
        added: Vec<String>,
        renamed: Vec<String>,
        /// Migrations of types inside.
        migrations: usize,
    },
}

/// Writes the initial hard state's bytes, with zeroed gaps, over zeros.
pub(crate) type Initial<'a> = &'a dyn Fn(&mut [u8]);

impl Fit {
    /// How bytes with this descriptor become a value of this layout. Tried in this order: as they are, for the type and
    /// each of those before it; then field by field, again for each.
    pub(crate) fn of(stored: &Descriptor, layout: &'static Layout) -> Result<Self, Rejection> {
        let links: Vec<_> = chain(layout).collect();
        let to = |link: usize, how| Self {
            chain: links[..=link].to_vec(),
            how,
        };
        if let Some(link) = links.iter().position(|link| same(stored, link)) {
            let mut renames = Vec::new();
            renamed(stored, links[link], "", &mut renames);
            return Ok(to(link, How::Unchanged { renamed: renames }));
        }
        let mut missing = Vec::new();
        for (number, link) in links.iter().enumerate() {
            // Only of the type itself is there an initial value, which has a value for each new field.
            let base = if number == 0 {
                Base::Initial
            } else {
                Base::Zeros
            };
            let mut planner = Planner::new();
            if planner.evolve(stored, link, base) {
                let Planner {
                    steps,
                    dropped,
                    added,
                    renamed,
                    migrations,
                    missing: _,
                } = planner;
                return Ok(to(
                    number,
                    How::Evolved {
                        steps,
                        dropped,
                        added,
                        renamed,
                        migrations,
                    },
                ));
            }
            missing.extend(planner.missing);
        }
        let differences = Differences::between(stored, &layout.into());
        let cause = if links.iter().all(|link| !is_called(link, stored.name())) {
            Cause::Type {
                found: stored.name().to_owned(),
                expected: layout.name(),
            }
        } else if links.iter().all(|link| link.version() != stored.version()) {
            Cause::Version {
                found: stored.version(),
                expected: layout.version(),
            }
        } else if let Some(field) = missing.into_iter().next() {
            Cause::Default { field }
        } else {
            Cause::Fields
        };
        Err(Rejection { cause, differences })
    }

    /// Whether the bytes are taken over as they are.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.chain.len() == 1 && matches!(self.how, How::Unchanged { .. })
    }

    /// The fields whose stored values are not taken over.
    pub(crate) fn dropped(&self) -> &[String] {
        match &self.how {
            How::Unchanged { .. } => &[],
            How::Evolved { dropped, .. } => dropped,
        }
    }

    /// The fields for which nothing was stored.
    pub(crate) fn added(&self) -> &[String] {
        match &self.how {
            How::Unchanged { .. } => &[],
            How::Evolved { added, .. } => added,
        }
    }

    /// The fields and variants that have another name than they were stored under, as `was -> is`.
    pub(crate) fn renamed(&self) -> &[String] {
        match &self.how {
            How::Unchanged { renamed } | How::Evolved { renamed, .. } => renamed,
        }
    }

    /// How many migrations of the user's lead to the value, those of types inside counted too.
    pub(crate) fn migrations(&self) -> usize {
        let inside = match self.how {
            How::Unchanged { .. } => 0,
            How::Evolved { migrations, .. } => migrations,
        };
        self.chain.len() - 1 + inside
    }

    /// Whether these bytes, which have the descriptor that this is the fit of, can be taken over. Runs none of the user's code.
    ///
    /// # Errors
    ///
    /// If there is a value in them that its type does not have.
    pub(crate) fn check(&self, stored: &[u8]) -> Result<(), Invalid> {
        match &self.how {
            How::Unchanged { .. } => self.oldest().validate(stored),
            How::Evolved { steps, .. } => steps::check(steps, stored),
        }
    }

    /// The type that the bytes fit.
    fn oldest(&self) -> &'static Layout {
        self.chain[self.chain.len() - 1]
    }

    /// The value's bytes, with zeroed gaps, from those that were stored. Runs the user's migrations.
    ///
    /// # Errors
    ///
    /// If there is a value in `stored` that its type does not have.
    pub(crate) fn apply(&self, stored: &[u8], initial: Initial<'_>) -> Result<Vec<u8>, Invalid> {
        let mut bytes = self.begin(stored, initial)?;
        for layout in self.chain.iter().rev().skip(1) {
            let predecessor = layout
                .predecessor()
                .expect("a chain goes from each to the one before");
            let mut migrated = vec![0; layout.size()];
            (predecessor.migrate)(&bytes, &mut migrated);
            bytes = migrated;
        }
        Ok(bytes)
    }

    /// As far as [`apply`](Self::apply) gets before the first migration: a value of the type that the bytes fit.
    fn begin(&self, stored: &[u8], initial: Initial<'_>) -> Result<Vec<u8>, Invalid> {
        let layout = self.oldest();
        let mut bytes = match &self.how {
            How::Unchanged { .. } => stored.to_vec(),
            How::Evolved { steps, .. } => {
                let mut bytes = vec![0; layout.size()];
                if self.chain.len() == 1 {
                    initial(&mut bytes);
                }
                steps::apply(steps, stored, &mut bytes)?;
                bytes
            }
        };
        layout.validate(&bytes)?;
        layout.zero_gaps(&mut bytes);
        Ok(bytes)
    }
}

/// The type, and those that came before it.
fn chain(layout: &'static Layout) -> impl Iterator<Item = &'static Layout> {
    core::iter::successors(Some(layout), |layout| {
        layout.predecessor().map(|predecessor| predecessor.layout)
    })
}

/// Whether a type has, or had earlier, this name.
fn is_called(layout: &Layout, name: &str) -> bool {
    layout.name() == name || layout.was().contains(&name)
}

/// Whether a checkpoint whose type has this name is meant for a type with this layout.
pub(crate) fn takes(layout: &'static Layout, name: &str) -> bool {
    chain(layout).any(|link| is_called(link, name))
}

/// Why a stored checkpoint was not taken over. It is kept as it is, and the worker starts from its type's `Default`.
///
/// Prints the cause and the table of [`differences`](Self::differences).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    cause: Cause,
    differences: Differences,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    Type {
        found: String,
        expected: &'static str,
    },
    Version {
        found: u32,
        expected: u32,
    },
    Default {
        field: String,
    },
    Fields,
    Invalid(Invalid),
    Unwanted {
        name: String,
    },
    Ambiguous {
        name: String,
    },
    Superseded {
        name: String,
    },
}

impl Rejection {
    /// It is not for one of the program's hard states, because there are so many that it could be for.
    pub(crate) fn of_nobody(name: &str, candidates: usize) -> Self {
        let name = name.to_owned();
        let cause = match candidates {
            0 => Cause::Unwanted { name },
            1 => Cause::Superseded { name },
            _ => Cause::Ambiguous { name },
        };
        Self {
            cause,
            differences: Differences::default(),
        }
    }

    /// What is different between the layout that was stored and the one of this program; empty if it is not the layout.
    #[must_use]
    pub fn differences(&self) -> &Differences {
        &self.differences
    }

    /// The cause, in one line and with what to do about it.
    pub(crate) fn cause(&self) -> impl fmt::Display {
        &self.cause
    }
}

impl From<Invalid> for Rejection {
    fn from(invalid: Invalid) -> Self {
        Self {
            cause: Cause::Invalid(invalid),
            differences: Differences::default(),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { found, expected } => write!(
                f,
                "a `{found}` is stored, and this program has a `{expected}`; if it was renamed, say `#[hard(was = \
                 \"{found}\")]`"
            ),
            Self::Version { found, expected } => write!(
                f,
                "version {found} is stored, and this program has version {expected}; keep the type of version {found} and \
                 say `#[hard(migrate_from = ..)]`"
            ),
            Self::Default { field } => write!(
                f,
                "nothing is stored for `{field}`, and nothing says what it then is; say `#[hard(default = ..)]` there"
            ),
            Self::Fields => f.write_str(
                "its fields are others; say `#[hard(evolve)]` to take over those that are the same, or keep the earlier \
                 type and say `#[hard(migrate_from = ..)]`",
            ),
            Self::Invalid(invalid) => write!(f, "a stored value is none of its type: {invalid}"),
            Self::Ambiguous { name } => write!(
                f,
                "several hard states of this program are called `{name}`, or were, and nothing tells whose it is; give each its own \
                 name"
            ),
            Self::Superseded { name } => write!(
                f,
                "another stored checkpoint of `{name}` has a higher generation"
            ),
            Self::Unwanted { name } => write!(
                f,
                "nothing in this program is called `{name}`; if its type was renamed, say `#[hard(was = \"{name}\")]`"
            ),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cause, differences } = self;
        write!(f, "the stored checkpoint cannot be taken over: {cause}")?;
        if differences.is_empty() {
            return Ok(());
        }
        write!(f, "\n{differences}")
    }
}

impl core::error::Error for Rejection {}

#[cfg(test)]
#[path = "fit_tests.rs"]
mod tests;
