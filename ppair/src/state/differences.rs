//! What tells two layouts apart, field by field.

use core::fmt;

use super::descriptor::{Descriptor, grid};

/// What is different between the layout that a checkpoint was stored with and the one of this program.
///
/// Prints as a table of field, what it was, and what it is:
///
/// ```
/// use ppair::{HardState, Stored};
///
/// mod earlier {
///     #[derive(Clone, Copy, ppair::HardState)]
///     #[repr(C)]
///     pub struct Progress {
///         pub next: u32,
///     }
/// }
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[repr(C)]
/// struct Progress {
///     next: u64,
/// }
///
/// let stored = Stored::of(&earlier::Progress { next: 7 }, 1);
/// let Err(rejection) = stored.get::<Progress>() else { panic!("it does not fit") };
/// assert_eq!(
///     rejection.differences().to_string(),
///     [
///         "  field   was                        is",
///         "  (type)  Progress, size 4, align 4  Progress, size 8, align 8",
///         "  next    u32 at 0                   u64 at 0",
///     ]
///     .join("\n"),
/// );
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences(Vec<Difference>);

/// One of the [`Differences`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    field: String,
    was: Option<String>,
    is: Option<String>,
}

impl Difference {
    /// The field, such as `rows[0].id`, where one element stands for all; or `(type)`.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What was stored; `None` if nothing was.
    #[must_use]
    pub fn was(&self) -> Option<&str> {
        self.was.as_deref()
    }

    /// What this program has; `None` if nothing.
    #[must_use]
    pub fn is(&self) -> Option<&str> {
        self.is.as_deref()
    }
}

impl Differences {
    /// Those between what was stored and what is.
    pub(crate) fn between(was: &Descriptor, is: &Descriptor) -> Self {
        let mut differences = Vec::new();
        let mut push = |field: &str, was: Option<String>, is: Option<String>| {
            if was != is {
                differences.push(Difference {
                    field: field.to_owned(),
                    was,
                    is,
                });
            }
        };
        push("(type)", Some(whole(was)), Some(whole(is)));
        let (old, new) = (fields(was), fields(is));
        for (name, is) in &new {
            let was = old.iter().find(|(old, _)| old == name);
            push(name, was.map(|(_, was)| was.clone()), Some(is.clone()));
        }
        for (name, was) in &old {
            if new.iter().all(|(new, _)| new != name) {
                push(name, Some(was.clone()), None);
            }
        }
        Self(differences)
    }

    /// Each of them, in the order of this program's fields.
    pub fn iter(&self) -> core::slice::Iter<'_, Difference> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Differences {
    type Item = &'a Difference;
    type IntoIter = core::slice::Iter<'a, Difference>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
        let rows = self
            .iter()
            .map(|Difference { field, was, is }| [field.clone(), cell(was), cell(is)]);
        f.write_str(&grid(["field", "was", "is"], 0, rows))
    }
}

/// What the head of a layout says.
fn whole(descriptor: &Descriptor) -> String {
    format!(
        "{}, size {}, align {}",
        descriptor.written_in_full(),
        descriptor.size(),
        descriptor.align()
    )
}

/// Each field with its kind and place.
fn fields(descriptor: &Descriptor) -> Vec<(String, String)> {
    let rows = descriptor.rows().into_iter();
    rows.filter(|row| !row.name.is_empty())
        .map(|row| (row.name, format!("{} at {}", row.full, row.offset)))
        .collect()
}
