//! The address of the server: what ppair takes out of it, and what it adds.

use core::ops::Range;
use std::time::Duration;

use ::postgres::Config;
use ::postgres::config::SslMode;

use super::PATIENCE;
use crate::store::StoreError;
use crate::sys::process;

/// The parameter that names the table.
const TABLE: &str = "ppair_table";

/// The longest name for which that of each table is an identifier of at most 63 bytes.
const LONGEST: usize = 50;

/// Server, database and table.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) table: Table,
}

/// The names of the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    schema: Option<String>,
    name: String,
}

/// A parameter, and where it stands.
#[derive(Debug, PartialEq, Eq)]
struct Parameter<'a> {
    key: &'a str,
    value: &'a str,
    range: Range<usize>,
}

impl Address {
    /// The address that `text` is, for the pair of the watch dog `process`.
    pub(super) fn parse(text: &str, process: i32) -> Result<Self, StoreError> {
        let is_url = text.contains("://") && !text.split("://").next().unwrap_or("").contains('=');
        let parameters = if is_url { of_url(text) } else { of_list(text) };
        let value = |key| {
            let named = parameters.iter().rfind(|parameter| parameter.key == key);
            named.map(|parameter| parameter.value.trim_matches('\''))
        };
        let table = Table::parse(value(TABLE).unwrap_or("ppair_checkpoint"))?;
        let encrypted = || {
            StoreError::unusable(
                "the address asks for an encrypted connection (`sslmode`), and ppair makes none: leave it out, and use a Unix \
                 socket, a tunnel or a network that nobody else is in",
            )
        };
        if value("sslmode").is_some_and(|mode| mode.starts_with("verify")) {
            return Err(encrypted());
        }
        let rest = without(text, &parameters, is_url);
        let mut config: Config = rest.parse().map_err(|error: ::postgres::Error| {
            let cause = core::error::Error::source(&error).map(ToString::to_string);
            let cause = cause.unwrap_or_else(|| error.to_string());
            StoreError::unusable(format_args!("the address is none: {cause}"))
        })?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(encrypted());
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        if value("keepalives_idle").is_none() {
            config.keepalives_idle(Duration::from_secs(15));
        }
        if value("keepalives_interval").is_none() {
            config.keepalives_interval(Duration::from_secs(5));
        }
        if value("keepalives_retries").is_none() {
            config.keepalives_retries(3);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(15));
        }
        config.application_name(&application_name(process, &process::host_name()));
        // What the server remarks is nobody's business: the keeper has no log of its own.
        config.notice_callback(|_| {});
        Ok(Self { config, table })
    }
}

impl Table {
    fn parse(text: &str) -> Result<Self, StoreError> {
        let is_name = |name: &str| {
            let mut bytes = name.bytes();
            name.len() <= LONGEST
                && bytes
                    .next()
                    .is_some_and(|byte| byte == b'_' || byte.is_ascii_lowercase())
                && bytes
                    .all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let (schema, name) = match text.split_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, text),
        };
        if !is_name(name) || !schema.is_none_or(is_name) {
            return Err(StoreError::unusable(format_args!(
                "the address has {TABLE}={text}: expected the name of a table, or of a schema, a dot and that of a table, each of \
                 1 to {LONGEST} small letters, digits and underscores, no digit first"
            )));
        }
        Ok(Self {
            schema: schema.map(ToOwned::to_owned),
            name: name.to_owned(),
        })
    }

    /// The newest checkpoints.
    pub(super) fn checkpoint(&self) -> String {
        self.quoted("")
    }

    /// What was set aside.
    pub(super) fn set_aside(&self) -> String {
        self.quoted("_set_aside")
    }

    /// Whose they are.
    pub(super) fn holder(&self) -> String {
        self.quoted("_holder")
    }

    /// In quotes: it may be a word of the language.
    fn quoted(&self, end: &str) -> String {
        let name = &self.name;
        match &self.schema {
            Some(schema) => format!(r#""{schema}"."{name}{end}""#),
            None => format!(r#""{name}{end}""#),
        }
    }
}

/// The parameters behind the `?` of a URL.
fn of_url(text: &str) -> Vec<Parameter<'_>> {
    // As the client does it: all before an `@` is a user and a password.
    let behind = text.find('@').unwrap_or(0);
    let Some(query) = text[behind..].find('?') else {
        return Vec::new();
    };
    let mut start = behind + query + 1;
    let mut found = Vec::new();
    for part in text[start..].split('&') {
        let range = start..start + part.len();
        start = range.end + 1;
        if let Some((key, value)) = part.split_once('=') {
            found.push(Parameter { key, value, range });
        }
    }
    found
}

/// The parameters of a list of settings, up to the first that is none; what is wrong with that one, the client says.
fn of_list(text: &str) -> Vec<Parameter<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    let blank = |at: usize| text[at..].len() - text[at..].trim_start().len();
    loop {
        let start = at + blank(at);
        let Some(equals) = text[start..].find('=').map(|equals| start + equals) else {
            return found;
        };
        let key = text[start..equals].trim_end();
        let value = equals + 1 + blank(equals + 1);
        let Some(end) = end_of_value(&text[value..]) else {
            return found;
        };
        at = value + end;
        found.push(Parameter {
            key,
            value: &text[value..at],
            range: start..at,
        });
    }
}

/// Where a value ends that may be in quotes; a backslash takes any meaning from what is behind it.
fn end_of_value(text: &str) -> Option<usize> {
    let quoted = text.starts_with('\'');
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '\'' if quoted => return Some(at + 1),
            _ if character.is_whitespace() && !quoted => return Some(at),
            _ => {}
        }
    }
    (!quoted).then_some(text.len())
}

/// The address as the client knows it.
fn without(text: &str, parameters: &[Parameter<'_>], is_url: bool) -> String {
    let mut rest = text.to_owned();
    let ours = parameters.iter().filter(|parameter| parameter.key == TABLE);
    for parameter in ours.rev() {
        let Range { start, mut end } = parameter.range;
        if is_url && rest[end..].starts_with('&') {
            end += 1;
        }
        rest.replace_range(start..end, "");
    }
    if is_url {
        // What stood in front of the last one.
        let end = rest.trim_end_matches(['?', '&']).len();
        rest.truncate(end);
    }
    rest
}

fn application_name(process: i32, host: &str) -> String {
    let mut name = format!("ppair:{process}@{host}");
    // What an identifier of the server's holds.
    while name.len() > 63 {
        name.pop();
    }
    name
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
