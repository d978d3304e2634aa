//! JSON whose keys stand in the order in which they are named.

use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

use ppair::inspect::View;
use serde::ser::{Serialize, Serializer};

use crate::Failure;

/// A value.
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(i128),
    /// Seconds, or whatever else is no integer.
    Real(f64),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(&'a str, Self)>),
    /// A hard state's value.
    View(View<'a>),
}

impl Json<'_> {
    pub(crate) fn text(text: impl Display) -> Self {
        Self::Text(text.to_string())
    }

    pub(crate) fn seconds(time: Duration) -> Self {
        Self::Real(time.as_secs_f64())
    }

    /// `null` if there is none.
    pub(crate) fn maybe<T>(value: Option<T>, json: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Null, json)
    }

    /// Writes it as one line.
    pub(crate) fn print(&self, out: &mut impl Write) -> Result<(), Failure> {
        serde_json::to_writer(&mut *out, self).map_err(std::io::Error::from)?;
        Ok(writeln!(out)?)
    }
}

impl<'a, N: Into<i128>> From<N> for Json<'a> {
    fn from(number: N) -> Json<'a> {
        Json::Number(number.into())
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => serializer.serialize_i128(*number),
            Self::Real(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(list) => serializer.collect_seq(list),
            Self::Object(entries) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (key, value)))
            }
            Self::View(view) => view.serialize(serializer),
        }
    }
}
