//! The layout as a person reads it.

use core::fmt;

use super::{Field, Kind, Layout};

struct Row {
    offset: usize,
    size: usize,
    name: String,
    kind: String,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = Vec::new();
        push_parts(&mut rows, self, 0, "");
        let width = rows
            .iter()
            .map(|row| row.name.chars().count())
            .max()
            .unwrap_or_default()
            .max("field".len());

        write!(
            f,
            "{}: size {}, align {}",
            kind(self),
            self.size,
            self.align
        )?;
        if rows.is_empty() {
            return Ok(());
        }
        write!(
            f,
            "\n{:>8}{:>8}  {:<width$}  kind",
            "offset", "size", "field"
        )?;
        for Row {
            offset,
            size,
            name,
            kind,
        } in rows
        {
            write!(f, "\n{offset:>8}{size:>8}  {name:<width$}  {kind}")?;
        }
        Ok(())
    }
}

/// The rows of what is inside `layout`, which starts at `base` and is called `path`.
fn push_parts(rows: &mut Vec<Row>, layout: &Layout, base: usize, path: &str) {
    match layout.kind {
        // One element stands for all of them.
        Kind::Array { len, element } if len > 0 => {
            push_parts(rows, element, base, &format!("{path}[0]"));
        }
        Kind::Struct { fields } => {
            let mut end = 0;
            for Field {
                name,
                offset,
                layout,
            } in fields
            {
                push_padding(rows, base, end, *offset);
                let path = if path.is_empty() {
                    (*name).to_owned()
                } else {
                    format!("{path}.{name}")
                };
                rows.push(Row {
                    offset: base + offset,
                    size: layout.size,
                    name: path.clone(),
                    kind: kind(layout),
                });
                push_parts(rows, layout, base + offset, &path);
                end = end.max(offset + layout.size);
            }
            push_padding(rows, base, end, layout.size);
        }
        _ => {}
    }
}

fn push_padding(rows: &mut Vec<Row>, base: usize, from: usize, to: usize) {
    if from < to {
        rows.push(Row {
            offset: base + from,
            size: to - from,
            name: String::new(),
            kind: "padding".to_owned(),
        });
    }
}

/// The type as it is written in source code.
fn kind(layout: &Layout) -> String {
    match layout.kind {
        Kind::Array { len, element } => format!("[{}; {len}]", kind(element)),
        _ => layout.name.to_owned(),
    }
}
