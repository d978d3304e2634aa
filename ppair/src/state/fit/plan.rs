//! Taking over a value part by part: what is equal in name and kind is copied, what is new keeps what stands there, and what
//! is gone is reported.

use super::same::{Named, add_renamed, inside, renamed, same};
use super::steps::{Count, Mapping, Places, Step};
use super::{Fit, is_called};
use crate::state::descriptor::{Descriptor, Part, Shape};
use crate::state::layout::{Field, Kind, LENGTH, Layout, Variant};

/// What a new field has if no default is given for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// Its value in the initial hard state.
    Initial,
    /// Nothing: it is zeroed bytes, which may be no value.
    Zeros,
}

/// What is planned so far.
#[derive(Debug)]
pub(super) struct Planner {
    pub(super) steps: Vec<Step>,
    pub(super) dropped: Vec<String>,
    pub(super) added: Vec<String>,
    pub(super) renamed: Vec<String>,
    /// How many migrations the types inside have.
    pub(super) migrations: usize,
    /// New fields that would need a default.
    pub(super) missing: Vec<String>,
}

/// A part in both layouts.
#[derive(Clone, Copy)]
struct Pair<'a> {
    stored: &'a Descriptor,
    from: usize,
    layout: &'static Layout,
    to: usize,
    path: &'a str,
    base: Base,
    /// Whether the struct around it evolves.
    may_grow: bool,
}

impl Planner {
    pub(super) fn new() -> Self {
        Self {
            steps: Vec::new(),
            dropped: Vec::new(),
            added: Vec::new(),
            renamed: Vec::new(),
            migrations: 0,
            missing: Vec::new(),
        }
    }

    /// Plans to take over the whole. Returns whether that is possible and allowed.
    pub(super) fn evolve(
        &mut self,
        stored: &Descriptor,
        layout: &'static Layout,
        base: Base,
    ) -> bool {
        self.same_head(stored, layout)
            && self.parts(Pair {
                stored,
                from: 0,
                layout,
                to: 0,
                path: "",
                base,
                may_grow: false,
            })
    }

    #[allow(clippy::unused_self, reason = "reads as a step of the planner")]
    fn same_head(&self, stored: &Descriptor, layout: &Layout) -> bool {
        stored.version() == layout.version() && is_called(layout, stored.name())
    }

    /// Plans to take over a part; if that is not possible, nothing of it is left in the plan.
    fn part(&mut self, pair: Pair<'_>) -> bool {
        let Pair {
            stored,
            from,
            layout,
            to,
            path,
            ..
        } = pair;
        if same(stored, layout) {
            renamed(stored, layout, path, &mut self.renamed);
            self.steps.push(Step::Copy {
                from,
                to,
                path: path.to_owned(),
                layout,
            });
            return true;
        }
        let before = (self.steps.len(), self.dropped.len(), self.added.len());
        let renames = self.renamed.len();
        let migrations = self.migrations;
        if self.same_head(stored, layout) && self.parts(pair) {
            return true;
        }
        self.steps.truncate(before.0);
        self.dropped.truncate(before.1);
        self.added.truncate(before.2);
        self.renamed.truncate(renames);
        self.migrations = migrations;
        self.migrate(pair)
    }

    /// Plans the migration that the type of a part has of its own.
    fn migrate(&mut self, pair: Pair<'_>) -> bool {
        let Pair {
            stored,
            from,
            layout,
            to,
            path,
            ..
        } = pair;
        if layout.predecessor().is_none() {
            return false;
        }
        match Fit::of(stored, layout) {
            // With no migration in it, it is what was just found impossible.
            Ok(fit) if fit.migrations() > 0 => {
                let within = |names: &[String]| {
                    names
                        .iter()
                        .map(|name| inside(path, name))
                        .collect::<Vec<_>>()
                };
                self.dropped.extend(within(fit.dropped()));
                self.added.extend(within(fit.added()));
                self.renamed.extend(fit.renamed().iter().map(|rename| {
                    match rename.split_once(" -> ") {
                        Some((was, is)) => format!("{} -> {}", inside(path, was), inside(path, is)),
                        None => inside(path, rename),
                    }
                }));
                self.migrations += fit.migrations();
                self.steps.push(Step::Migrate {
                    from,
                    to,
                    size: stored.size(),
                    path: path.to_owned(),
                    fit: Box::new(fit),
                });
                true
            }
            _ => false,
        }
    }

    fn parts(&mut self, pair: Pair<'_>) -> bool {
        let Pair {
            stored,
            from,
            layout,
            to,
            path,
            may_grow,
            ..
        } = pair;
        match (&stored.shape, layout.kind()) {
            (Shape::Struct(parts), Kind::Struct { fields }) => self.fields(pair, parts, fields),
            (
                Shape::Array { len, element },
                Kind::Array {
                    len: here,
                    element: of,
                },
            ) if *len == here => {
                self.elements(pair, (element, of), (0, 0), Count::Fixed(*len), pair.base)
            }
            (
                Shape::Vector { capacity, element },
                Kind::Vector {
                    capacity: here,
                    element: of,
                },
            ) if *capacity == here || may_grow && *capacity < here => {
                self.steps.push(Step::Head {
                    from,
                    to,
                    size: LENGTH,
                });
                let starts = starts(stored, layout);
                let count = Count::Length {
                    at: from,
                    capacity: *capacity,
                };
                self.elements(pair, (element, of), starts, count, Base::Zeros)
            }
            (Shape::Maybe(value), Kind::Maybe { value: of }) => {
                self.steps.push(Step::Head { from, to, size: 1 });
                let starts = starts(stored, layout);
                self.elements(pair, (value, of), starts, Count::Flag(from), Base::Zeros)
            }
            (Shape::Text { capacity }, Kind::Text { capacity: here })
                if may_grow && *capacity < here =>
            {
                self.steps.push(Step::Text {
                    from,
                    to,
                    capacity: *capacity,
                    path: path.to_owned(),
                });
                true
            }
            (Shape::Enum { signed, variants }, Kind::Enum { variants: of, .. })
                if layout.evolves() =>
            {
                let here = |name: &str| {
                    of.iter()
                        .find(|variant| Variant::is_called(variant, name, of))
                };
                let mut mapping = Mapping {
                    path: path.to_owned(),
                    size: stored.size(),
                    signed: *signed,
                    here: layout.size(),
                    numbers: Vec::new(),
                    gone: Vec::new(),
                };
                for (name, number) in variants {
                    match here(name) {
                        Some(variant) => {
                            add_renamed(path, name, variant.name(), &mut self.renamed);
                            mapping.numbers.push((*number, variant.number()));
                        }
                        None => mapping.gone.push((*number, name.clone())),
                    }
                }
                self.steps.push(Step::Variant {
                    from,
                    to,
                    mapping: Box::new(mapping),
                });
                true
            }
            _ => false,
        }
    }

    /// Plans a struct: without `evolve` its own fields have to be the same, but what is inside them may evolve.
    fn fields(&mut self, pair: Pair<'_>, parts: &[Part], fields: &'static [Field]) -> bool {
        let Pair {
            from,
            layout,
            to,
            path,
            base,
            ..
        } = pair;
        let evolves = layout.evolves();
        let same_names = || {
            parts.len() == fields.len()
                && parts
                    .iter()
                    .zip(fields)
                    .all(|(part, field)| field.is_called(&part.name, fields))
        };
        if !evolves && !same_names() {
            return false;
        }
        let mut used = Vec::new();
        for field in fields {
            let around = path;
            let path = inside(path, field.name());
            let found = source(parts, field, fields);
            let renames = self.renamed.len();
            if let Some((_, part)) = found {
                add_renamed(around, &part.name, field.name(), &mut self.renamed);
            }
            let taken = found.is_some_and(|(number, part)| {
                used.push(number);
                self.part(Pair {
                    stored: &part.of,
                    from: from + part.offset,
                    layout: field.layout(),
                    to: to + field.offset(),
                    path: &path,
                    base,
                    may_grow: evolves,
                })
            });
            if taken {
                continue;
            }
            self.renamed.truncate(renames);
            if !evolves {
                return false;
            }
            if let Some((_, part)) = found {
                self.dropped
                    .push(format!("{path} ({})", part.of.written_in_full()));
            } else {
                self.added.push(path.clone());
            }
            match field.default() {
                Some(write) => self.steps.push(Step::Default {
                    to: to + field.offset(),
                    size: field.layout().size(),
                    write,
                }),
                None if base == Base::Initial => {}
                None => {
                    self.missing.push(path);
                    return false;
                }
            }
        }
        for (number, part) in parts.iter().enumerate() {
            if !used.contains(&number) {
                let path = inside(path, &part.name);
                self.dropped
                    .push(format!("{path} ({})", part.of.written_in_full()));
            }
        }
        true
    }

    /// Plans what is done with each of several elements.
    fn elements(
        &mut self,
        pair: Pair<'_>,
        (stored, layout): (&Descriptor, &'static Layout),
        (from, to): (usize, usize),
        count: Count,
        base: Base,
    ) -> bool {
        let mut each = Self::new();
        let suffix = if matches!(count, Count::Flag(_)) {
            ""
        } else {
            "[]"
        };
        let path = format!("{}{suffix}", pair.path);
        let fits = each.part(Pair {
            stored,
            from: 0,
            layout,
            to: 0,
            path: &path,
            base,
            may_grow: pair.may_grow,
        });
        self.missing.append(&mut each.missing);
        self.dropped.append(&mut each.dropped);
        self.added.append(&mut each.added);
        self.renamed.append(&mut each.renamed);
        self.migrations += each.migrations;
        self.steps.push(Step::Each {
            from: Places {
                start: pair.from + from,
                size: stored.size(),
            },
            to: Places {
                start: pair.to + to,
                size: layout.size(),
            },
            // Nothing without bytes has to be repeated, however often it is there.
            count: if layout.size() == 0 {
                Count::Fixed(0)
            } else {
                count
            },
            steps: each.steps,
        });
        fits
    }
}

/// Where the elements start in both.
fn starts(stored: &Descriptor, layout: &Layout) -> (usize, usize) {
    let from = stored.body().map_or(0, |body| body.offset);
    let to = layout.body().map_or(0, |body| body.offset);
    (from, to)
}

/// The stored part that is this field: the one with its name, or else one with a name that it had.
fn source<'a>(parts: &'a [Part], field: &Field, fields: &[Field]) -> Option<(usize, &'a Part)> {
    let called = |name: &str| parts.iter().enumerate().find(|(_, part)| part.name == name);
    let earlier = field
        .was()
        .iter()
        .filter(|was| field.is_called(was, fields));
    called(field.name()).or_else(|| earlier.copied().find_map(called))
}
