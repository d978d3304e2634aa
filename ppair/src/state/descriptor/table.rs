//! A layout as a person reads it.

use core::fmt;

use super::{Descriptor, Part, Shape};
use crate::state::layout::Layout;

/// More lines than anybody reads, and few enough for the memory: a descriptor may come from anywhere.
const MAX_ROWS: usize = 1000;

/// The longest cell in characters; what is longer is cut and ends with an ellipsis.
const MAX_CELL: usize = 300;

/// The widest column: longer cells stand out of it.
const MAX_WIDTH: usize = 80;

/// `text`, if it is no longer than a cell.
fn cell(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_CELL) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// One line of a table.
pub(crate) struct Row {
    pub(crate) offset: usize,
    pub(crate) size: usize,
    pub(crate) name: String,
    pub(crate) kind: String,
    /// The kind with everything that its name stands for.
    pub(crate) full: String,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Descriptor::from(self).fmt(f)
    }
}

impl fmt::Display for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.head())?;
        let rows = self.rows();
        if rows.is_empty() {
            return Ok(());
        }
        let cells = rows.into_iter().map(|row| {
            [
                row.offset.to_string(),
                row.size.to_string(),
                row.name,
                row.kind,
            ]
        });
        f.write_str("\n")?;
        f.write_str(&grid(["offset", "size", "field", "kind"], 2, cells))
    }
}

/// A table under these heads, of which the first `numbers` are over numbers. Without a line feed at the end.
pub(crate) fn grid<const N: usize>(
    heads: [&str; N],
    numbers: usize,
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let rows: Vec<[String; N]> = core::iter::once(heads.map(str::to_owned))
        .chain(rows)
        .collect();
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or_default().min(MAX_WIDTH)
    };
    let lines = rows.iter().map(|row| {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = width(column);
            if column < numbers {
                format!("  {cell:>width$}")
            } else {
                format!("  {cell:<width$}")
            }
        });
        cells.collect::<String>().trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

impl Descriptor {
    /// The first line of the table.
    pub(crate) fn head(&self) -> String {
        let version = match self.version() {
            0 => String::new(),
            version => format!(" version {version}"),
        };
        format!(
            "{}{version}: size {}, align {}",
            self.written(),
            self.size(),
            self.align()
        )
    }

    /// The type as it is written in source code.
    pub(crate) fn written(&self) -> String {
        cell(self.write(&|leaf| leaf.name().to_owned()))
    }

    /// As [`written`](Self::written), with everything that its name stands for: version and variants.
    pub(crate) fn written_in_full(&self) -> String {
        let text = self.write(&|leaf| {
            let version = match leaf.version() {
                0 => String::new(),
                version => format!(" version {version}"),
            };
            let variants = match &leaf.shape {
                Shape::Enum { variants, .. } => {
                    let variants = variants
                        .iter()
                        .map(|(name, number)| format!("{name} = {number}"));
                    format!(" ({})", variants.collect::<Vec<_>>().join(", "))
                }
                _ => String::new(),
            };
            format!("{}{version}{variants}", leaf.name())
        });
        cell(text)
    }

    fn write(&self, leaf: &dyn Fn(&Self) -> String) -> String {
        match &self.shape {
            Shape::Array { len, element } => format!("[{}; {len}]", element.write(leaf)),
            Shape::Text { capacity } => format!("{}<{capacity}>", self.name()),
            Shape::Vector { capacity, element } => {
                format!("{}<{}, {capacity}>", self.name(), element.write(leaf))
            }
            Shape::Maybe(value) => format!("{}<{}>", self.name(), value.write(leaf)),
            Shape::Plain(_) | Shape::Struct(_) | Shape::Enum { .. } => leaf(self),
        }
    }

    /// A line for each part and each gap, also for those of the parts.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        push_parts(&mut rows, self, 0, "");
        rows
    }
}

/// The rows of what is inside `whole`, which starts at `base` and is called `path`.
fn push_parts(rows: &mut Vec<Row>, whole: &Descriptor, base: usize, path: &str) {
    if rows.len() >= MAX_ROWS {
        return;
    }
    match &whole.shape {
        // One element stands for all of them.
        Shape::Array { len, element } if *len > 0 => {
            push_parts(rows, element, base, &format!("{path}[0]"));
        }
        Shape::Struct(parts) => {
            let mut end = 0;
            for Part { name, offset, of } in parts {
                push_padding(rows, base, end, *offset);
                if rows.len() >= MAX_ROWS {
                    return;
                }
                let path = cell(if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                });
                rows.push(Row {
                    offset: base + offset,
                    size: of.size(),
                    name: path.clone(),
                    kind: of.written(),
                    full: of.written_in_full(),
                });
                push_parts(rows, of, base + offset, &path);
                end = end.max(offset + of.size());
            }
            push_padding(rows, base, end, whole.size());
        }
        _ => {
            let Some(body) = whole.body().filter(|_| !path.is_empty()) else {
                return;
            };
            push_padding(rows, base, body.head, body.offset);
            if let (Some(element), true) = (body.element, body.count > 0) {
                let path = match whole.shape {
                    Shape::Vector { .. } => format!("{path}[0]"),
                    _ => path.to_owned(),
                };
                push_parts(rows, element, base + body.offset, &path);
            }
            push_padding(
                rows,
                base,
                body.offset + body.count * body.size,
                whole.size(),
            );
        }
    }
}

fn push_padding(rows: &mut Vec<Row>, base: usize, from: usize, to: usize) {
    if from < to {
        rows.push(Row {
            offset: base + from,
            size: to - from,
            name: String::new(),
            kind: "padding".to_owned(),
            full: String::new(),
        });
    }
}
