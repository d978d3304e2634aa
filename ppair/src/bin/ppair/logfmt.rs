//! Lines of logfmt as ppair writes them: `ppair event=died worker=12 panic="a \"b\""`, with anything in front.

/// An event, and what stood in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// A time, a host, the name of a program: whatever a logger has put there. Without the level of sd-daemon(3).
    pub(crate) front: String,
    /// Keys and values, with their quotes undone, in the order of the line.
    pub(crate) pairs: Vec<(String, Value)>,
}

/// A value, and whether it stood in quotes: then it is a text, whatever it looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) text: String,
    pub(crate) is_quoted: bool,
}

const START: &str = "ppair event=";

impl Entry {
    /// The event in a line; `None` if there is none.
    pub(crate) fn find(line: &str) -> Option<Self> {
        let line = line.trim_end_matches(['\n', '\r']);
        let at = line.match_indices(START).map(|(at, _)| at).find(|at| {
            // Within a word, or within the quotes of somebody's message, it is something else.
            let before = line[..*at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '"' | '`' | '='))
        })?;
        let (front, rest) = line.split_at(at);
        let mut rest = rest.strip_prefix("ppair ")?;
        let mut pairs = Vec::new();
        while let Some((key, behind)) = rest.trim_start().split_once('=') {
            if key.is_empty() || !key.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
                break;
            }
            let (value, behind) = value(behind);
            pairs.push((key.to_owned(), value));
            rest = behind;
        }
        let entry = Self {
            front: without_level(front).trim_end().to_owned(),
            pairs,
        };
        (!entry.name().is_empty()).then_some(entry)
    }

    /// The name of the event.
    pub(crate) fn name(&self) -> &str {
        self.get("event").unwrap_or_default()
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.text.as_str())
    }
}

/// What stood in front, without `<4>` at its end.
fn without_level(front: &str) -> &str {
    let level = front
        .strip_suffix('>')
        .and_then(|front| front.rsplit_once('<'));
    match level {
        Some((front, level)) if level.len() == 1 && level.as_bytes()[0].is_ascii_digit() => front,
        _ => front,
    }
}

/// The value at the start of `text`, and what follows on it. A quote that is not closed was cut: the value is what is left of it.
fn value(text: &str) -> (Value, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(' ').unwrap_or(text.len());
        let value = Value {
            text: text[..end].to_owned(),
            is_quoted: false,
        };
        return (value, &text[end..]);
    };
    let mut value = Value {
        text: String::new(),
        is_quoted: true,
    };
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return (value, chars.as_str()),
            '\\' => {
                let Some((c, behind)) = escaped(chars.as_str()) else {
                    break;
                };
                value.text.push(c);
                chars = behind.chars();
            }
            other => value.text.push(other),
        }
    }
    (value, "")
}

/// The character that is escaped behind a backslash, and what follows on it.
fn escaped(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    match chars.next()? {
        'n' => Some(('\n', chars.as_str())),
        'u' => {
            let (digits, behind) = chars.as_str().strip_prefix('{')?.split_once('}')?;
            let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
            Some((c, behind))
        }
        other => Some((other, chars.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(line: &str) -> Vec<(String, String)> {
        let entry = Entry::find(line).expect("an event");
        let pairs = entry.pairs.into_iter();
        pairs.map(|(key, value)| (key, value.text)).collect()
    }

    #[test]
    fn quotes_are_undone() {
        let line = r#"ppair event=died worker=12 panic="a \"b\" \\ =\nc\u{7}d" at="src/main.rs:1:2" next=stop"#;
        let expected = [
            ("event", "died"),
            ("worker", "12"),
            ("panic", "a \"b\" \\ =\nc\u{7}d"),
            ("at", "src/main.rs:1:2"),
            ("next", "stop"),
        ];
        assert_eq!(
            pairs(line),
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn anything_may_stand_in_front() {
        for (line, front) in [
            ("ppair event=x", ""),
            ("<4>ppair event=x", ""),
            (
                "Nov 25 12:00:00 host web[12]: ppair event=x",
                "Nov 25 12:00:00 host web[12]:",
            ),
            (
                "2026-01-01T00:00:00Z <3>ppair event=x",
                "2026-01-01T00:00:00Z",
            ),
            ("thread 'main' (<4>ppair event=x", "thread 'main' ("),
            ("web-1  | ppair event=x\r\n", "web-1  |"),
        ] {
            let entry = Entry::find(line).unwrap_or_else(|| panic!("no event in {line}"));
            assert_eq!((entry.front.as_str(), entry.name()), (front, "x"), "{line}");
        }
    }

    #[test]
    fn other_lines_are_none() {
        for line in [
            "",
            "ppair",
            "ppair event=",
            "ppair worker=1 event=x",
            "xppair event=x",
            "msg=\"ppair event=x\"",
        ] {
            assert_eq!(Entry::find(line), None, "{line}");
        }
    }

    #[test]
    fn a_line_that_was_cut_says_what_is_left() {
        assert_eq!(pairs(r#"ppair event=died panic="abc\u{1"#)[1].1, "abc");
        assert_eq!(pairs(r#"ppair event=died panic="abc\"#)[1].1, "abc");
        assert_eq!(pairs("ppair event=died wor").len(), 1);
    }
}
