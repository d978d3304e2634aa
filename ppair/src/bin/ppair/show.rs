//! `ppair inspect`.

use std::fmt::Write as _;
use std::io::Write;

use ppair::inspect::{self, Found, Live, Look, Source, State, View};

use crate::Failure;
use crate::json::Json;

/// Elements of an array that are shown as text: of plain ones, and of those that take lines of their own.
const PLAIN: usize = 16;
const NESTED: usize = 4;

pub(crate) fn run(
    source: &str,
    json: bool,
    all: bool,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let found = inspect::read(source)?;
    if json {
        return to_json(&found).print(out);
    }
    if found.states.is_empty() {
        writeln!(out, "{}: no hard state", plain(&found.place))?;
    }
    let mut shown = Shown { out, all };
    for (number, state) in found.states.iter().enumerate() {
        if number > 0 {
            writeln!(shown.out)?;
        }
        shown.state(state, &found.place)?;
    }
    Ok(())
}

fn to_json(found: &Found) -> Json<'_> {
    let states = found.states.iter().map(|state| {
        let stored = state.stored.as_ref();
        let mut entries = vec![("name", Json::text(&state.name))];
        if let Some(stored) = stored {
            entries.push(("version", stored.descriptor().version().into()));
        }
        entries.push((
            "generation",
            stored.map_or(0, ppair::Stored::generation).into(),
        ));
        if let Some(live) = state.live {
            entries.extend([
                ("incarnation", live.incarnation.into()),
                ("committed", Json::maybe(live.committed, Json::from)),
                ("checkpoint", Json::text(word(live.source))),
            ]);
        }
        let size = stored.map(|stored| stored.value().len() as u64);
        entries.push(("size", Json::maybe(size, Json::from)));
        entries.push((
            "value",
            Json::maybe(stored, |stored| Json::View(View::of(stored))),
        ));
        Json::Object(entries)
    });
    Json::Object(vec![
        ("source", Json::text(&found.place)),
        ("states", Json::List(states.collect())),
    ])
}

fn word(source: Source) -> &'static str {
    match source {
        Source::Current => "current",
        Source::Previous => "previous",
        Source::Healthy => "healthy",
        Source::Stored => "stored",
        _ => "initial",
    }
}

/// A name that others have chosen: it moves no cursor and rings no bell.
pub(crate) fn plain(name: &str) -> String {
    name.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let same = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(same)
        })
        .collect()
}

struct Shown<'o, W> {
    out: &'o mut W,
    all: bool,
}

impl<W: Write> Shown<'_, W> {
    fn state(&mut self, state: &State, place: &str) -> Result<(), Failure> {
        write!(self.out, "{}", plain(&state.name))?;
        if let Some(stored) = &state.stored {
            if stored.descriptor().version() != 0 {
                write!(self.out, " version {}", stored.descriptor().version())?;
            }
            write!(self.out, ": generation {}", stored.generation())?;
        } else {
            write!(self.out, ": nothing committed")?;
        }
        if let Some(live) = state.live {
            write!(self.out, ", incarnation {}", live.incarnation)?;
        }
        writeln!(self.out, ", in {}", plain(place))?;
        if let Some(note) = state.live.and_then(|live| note(&live)) {
            writeln!(self.out, "  ({note})")?;
        }
        match &state.stored {
            Some(stored) => self.top(View::of(stored)),
            None => Ok(()),
        }
    }

    fn top(&mut self, view: View<'_>) -> Result<(), Failure> {
        match view.look() {
            Look::Struct(fields) => {
                for (name, field) in fields {
                    self.value(&plain(name), field, 1)?;
                }
                Ok(())
            }
            _ => self.value("value", view, 1),
        }
    }

    /// `name: value`, and the parts of the value below it.
    fn value(&mut self, name: &str, view: View<'_>, depth: usize) -> Result<(), Failure> {
        let indent = 2 * depth;
        match view.look() {
            Look::Struct(fields) => {
                writeln!(self.out, "{:indent$}{name}:", "")?;
                for (name, field) in fields {
                    self.value(&plain(name), field, depth + 1)?;
                }
            }
            Look::There(value) => self.value(name, value, depth)?,
            Look::List(list) if list.is_nested() && !list.is_empty() && !list.is_of_nothing() => {
                let shown = if self.all { list.len() } else { NESTED };
                for (index, element) in list.elements().take(shown).enumerate() {
                    self.value(&format!("{name}[{index}]"), element, depth)?;
                }
                if let Some(more) = list.len().checked_sub(shown).filter(|more| *more > 0) {
                    writeln!(self.out, "{:indent$}{name}: … {more} more", "")?;
                }
            }
            Look::List(list) => {
                write!(self.out, "{:indent$}{name}: [", "")?;
                let shown = if self.all { list.len() } else { PLAIN };
                let mut rest = list.len();
                for (index, element) in list.elements().take(shown).enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(self.out, "{comma}{}", leaf(element))?;
                    rest -= 1;
                }
                match (rest, rest == list.len()) {
                    (0, _) => {}
                    (more, true) => write!(self.out, "{more} without bytes")?,
                    (more, false) => write!(self.out, ", … {more} more")?,
                }
                writeln!(self.out, "]")?;
            }
            _ => writeln!(self.out, "{:indent$}{name}: {}", "", leaf(view))?,
        }
        Ok(())
    }
}

/// Why it is not simply what was committed last.
fn note(live: &Live) -> Option<String> {
    let last = live.committed.map_or_else(
        || "the last commit".to_owned(),
        |generation| format!("generation {generation}, the last commit,"),
    );
    match live.source {
        Source::Current => None,
        Source::Previous => Some(format!(
            "{last} is damaged or was left behind; this is an earlier one"
        )),
        Source::Healthy => Some(format!(
            "{last} is damaged or was left behind; this is the last healthy one"
        )),
        Source::Stored => Some("stored before the pair began; it has committed nothing".to_owned()),
        _ => Some("a worker starts from the initial value, which is not in the segment".to_owned()),
    }
}

/// A value without parts.
fn leaf(view: View<'_>) -> String {
    match view.look() {
        Look::Unit => "()".to_owned(),
        Look::Int(number) => number.to_string(),
        Look::Large(number) => number.to_string(),
        Look::F32(number) => format!("{number:?}"),
        Look::F64(number) => format!("{number:?}"),
        Look::Bool(value) => value.to_string(),
        Look::Char(character) => format!("{character:?}"),
        Look::Text(text) => format!("{text:?}"),
        Look::Variant(name) => plain(name),
        Look::Elapsed(time) => format!("{time:?}"),
        Look::Timestamp(time) => time.to_string(),
        Look::Missing => "none".to_owned(),
        Look::There(value) => leaf(value),
        Look::Raw(bytes) => {
            let mut text = "bytes ".to_owned();
            for byte in bytes {
                // A string takes everything.
                let _ = write!(text, "{byte:02x}");
            }
            text
        }
        Look::Invalid(invalid) => format!("invalid: {invalid}"),
        // The caller prints their parts.
        _ => "…".to_owned(),
    }
}
