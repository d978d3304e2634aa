//! One line of the log, taken apart.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use nix::unistd::Pid;

/// A logfmt line that begins with `ppair`, such as `ppair event=died worker=7 cause=exit code=3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    line: String,
    pairs: Vec<(String, String)>,
}

impl Event {
    /// Takes a line apart; `None` if it is not one of ppair's. A journald level (`<6>`) may lead it.
    ///
    /// # Panics
    ///
    /// If the line is ppair's and is not well-formed: that is a fault of the program under test.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let text = match line.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
            Some((level, rest)) if level.parse::<u8>().is_ok() => rest,
            _ => line,
        };
        let mut rest = text.strip_prefix("ppair ")?;
        if !rest.starts_with("event=") {
            return None;
        }
        let mut pairs = Vec::new();
        while !rest.is_empty() {
            let (key, value) = rest
                .split_once('=')
                .unwrap_or_else(|| panic!("`{rest}` has no value in: {line}"));
            assert!(
                !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "`{key}` is no key in: {line}"
            );
            let (value, tail) = parse_value(value)
                .unwrap_or_else(|| panic!("the value of `{key}` does not end in: {line}"));
            assert!(
                pairs.iter().all(|(k, _): &(String, String)| k != key),
                "`{key}` comes twice in: {line}"
            );
            pairs.push((key.to_owned(), value));
            rest = match tail.strip_prefix(' ') {
                Some(tail) => tail,
                None if tail.is_empty() => "",
                None => panic!("`{tail}` follows the value of `{key}` in: {line}"),
            };
        }
        Some(Self {
            line: line.to_owned(),
            pairs,
        })
    }

    /// As [`parse`][Self::parse], but it may follow other text.
    ///
    /// The watch dog writes a line at once, but a worker may be in the midst of one of its own: Rust
    /// prints "has overflowed its stack" in several pieces.
    #[must_use]
    pub fn find(line: &str) -> Option<Self> {
        Self::parse(line).or_else(|| Self::parse(&line[line.find("ppair event=")?..]))
    }

    /// The value of `event=`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.value("event")
    }

    /// The value of a key, unquoted, if the line has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a key.
    ///
    /// # Panics
    ///
    /// If the line does not have it.
    #[must_use]
    pub fn value(&self, key: &str) -> &str {
        self.get(key)
            .unwrap_or_else(|| panic!("no `{key}` in: {}", self.line))
    }

    /// The value of a key as a number.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[must_use]
    pub fn number<T: FromStr>(&self, key: &str) -> T {
        let value = self.value(key);
        value
            .parse()
            .unwrap_or_else(|_| panic!("`{key}` is no number in: {}", self.line))
    }

    /// The value of a key as a time, such as `1.250s`.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[must_use]
    pub fn duration(&self, key: &str) -> Duration {
        let seconds = self
            .value(key)
            .strip_suffix('s')
            .and_then(|number| number.parse().ok());
        let seconds = seconds.unwrap_or_else(|| panic!("`{key}` is no time in: {}", self.line));
        Duration::from_secs_f64(seconds)
    }

    /// The value of a key as a process.
    #[must_use]
    pub fn pid(&self, key: &str) -> Pid {
        Pid::from_raw(self.number(key))
    }

    /// All keys, in the order of the line.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(key, _)| key.as_str())
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

/// The value that begins here and what follows it; `None` if a quote is not closed.
fn parse_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(' ').unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                'u' => {
                    let digits: String = chars
                        .by_ref()
                        .map(|(_, c)| c)
                        .skip(1)
                        .take_while(|&c| c != '}')
                        .collect();
                    value.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                }
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_plain_and_quoted_values() {
        let line = r#"ppair event=died worker=12 uptime=1.250s panic="a \"b\"\n\u{e9} =" at="src/main.rs:1:2""#;
        let event = Event::parse(line).expect("a line of ppair");
        assert_eq!(event.name(), "died");
        assert_eq!(event.pid("worker"), Pid::from_raw(12));
        assert_eq!(event.get("panic"), Some("a \"b\"\n\u{e9} ="));
        assert_eq!(event.get("at"), Some("src/main.rs:1:2"));
        assert_eq!(event.duration("uptime"), Duration::from_millis(1250));
        assert_eq!(event.get("code"), None);
        assert_eq!(
            event.keys().collect::<Vec<_>>(),
            ["event", "worker", "uptime", "panic", "at"]
        );
    }

    #[test]
    fn sees_through_the_level_of_journald() {
        assert_eq!(
            Event::parse("<6>ppair event=stopped code=0")
                .unwrap()
                .value("code"),
            "0"
        );
    }

    #[test]
    fn leaves_other_lines_alone() {
        for line in [
            "",
            "ppair",
            "ppairs event=x",
            "hello ppair event=x",
            "<x>ppair event=y",
        ] {
            assert_eq!(Event::parse(line), None, "{line}");
        }
    }

    #[test]
    fn finds_a_line_that_cut_another_one_in_two() {
        let event = Event::find("thread 'oveppair event=started worker=7").expect("an event");
        assert_eq!((event.name(), event.get("worker")), ("started", Some("7")));
        assert_eq!(Event::find("rflow' has overflowed its stack"), None);
    }

    #[test]
    #[should_panic(expected = "does not end")]
    fn refuses_an_open_quote() {
        let _ = Event::parse(r#"ppair event=died panic="abc"#);
    }

    #[test]
    #[should_panic(expected = "comes twice")]
    fn refuses_a_key_that_comes_twice() {
        let _ = Event::parse("ppair event=died code=1 code=2");
    }
}
