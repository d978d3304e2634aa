//! The lines that the fixture `service` prints.

/// One `key=value` of such a line.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn value<'a>(line: &'a str, key: &str) -> &'a str {
    let start = format!("{key}=");
    let found = line
        .split(' ')
        .find_map(|word| word.strip_prefix(start.as_str()));
    found.unwrap_or_else(|| panic!("no {key} in {line:?}"))
}
