//! "did you mean": the known name that a written one is closest to.
//!
//! Both crates have this one file: that of the macros is a link to it, as a crate of macros exports
//! nothing else, and a third crate would be one more for each user. Pure.

/// Returns the name that `written` was most likely meant to be: the one with the fewest typing
/// errors, or the only one that begins or ends with all of it.
pub(crate) fn similar<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let written = plain(written);
    let close = known
        .iter()
        .map(|name| (distance(&written, &plain(name)), *name));
    let close = close.filter(|(errors, name)| *errors <= written.len().max(name.len()) / 3);
    let (first, last) = (format!("{written}_"), format!("_{written}"));
    let mut longer = known
        .iter()
        .copied()
        .filter(|name| !written.is_empty() && (name.starts_with(&first) || name.ends_with(&last)));
    match (
        close.min_by_key(|(errors, _)| *errors),
        longer.next(),
        longer.next(),
    ) {
        (Some((_, name)), ..) | (None, Some(name), None) => Some(name),
        _ => None,
    }
}

/// Counts the characters to be added, removed, replaced, or swapped with their neighbours.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut two_before = Vec::new();
    let mut previous: Vec<usize> = (0..=other.len()).collect();
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let replaced = previous[j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut least = replaced.min(previous[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                let swapped: usize = two_before[j - 2];
                least = least.min(swapped + 1);
            }
            row.push(least);
        }
        two_before = core::mem::replace(&mut previous, row);
    }
    previous[other.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, similar};

    #[test]
    fn typing_errors_are_counted() {
        for (one, other, errors) in [
            ("", "", 0),
            ("", "abc", 3),
            ("guard", "guard", 0),
            ("gaurd", "guard", 1),
            ("guards", "guard", 1),
            ("gard", "guard", 1),
            ("gusrd", "guard", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one, other), errors, "{one} {other}");
            assert_eq!(distance(other, one), errors, "{other} {one}");
        }
    }

    #[test]
    fn only_a_likely_name_is_proposed() {
        let known = [
            "max_restarts",
            "restart",
            "hang_timeout",
            "stop_timeout",
            "store",
            "guard",
        ];
        for (written, expected) in [
            ("max_restart", Some("max_restarts")),
            ("max-restarts", Some("max_restarts")),
            ("MaxRestarts", Some("max_restarts")),
            ("gaurd", Some("guard")),
            ("restarts", Some("restart")),
            ("hang", Some("hang_timeout")),
            ("timeout", None),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(similar(written, &known), expected, "{written}");
        }
    }
}
