//! What was probably meant by the name of a store that is none, or by a path that is another one
//! than it looks like. Pure.
//!
//! Both crates have this one file, so that the attribute, the environment and `Config` have the
//! same rules: that of the macros is a link to it.

use crate::similar::similar;

/// What is wrong with the path after `file:` or `sqlite:`, as what was expected instead.
///
/// Each of these is a valid path, and almost certainly another one than was meant.
pub(super) fn check_path(scheme: &str, path: &str) -> Result<(), String> {
    let expected = |what: &str, meant: &str| {
        Err(format!(
            "a path {what} after `{scheme}:`; did you mean {meant}?"
        ))
    };
    if path.is_empty() || path.contains('\0') {
        return Err(format!("the path of a file after `{scheme}:`"));
    }
    let shown = path.escape_debug().to_string();
    if path.trim_start_matches('/') == ":memory:" {
        return expected("of a file", "`memory`");
    }
    // Only in the file's own name: a folder may be called like that.
    if let Some((path, settings)) = path.rsplit_once('?') {
        let key = settings.split_once('=').map(|(key, _)| key);
        if !settings.contains('/') && key.is_some_and(is_word) {
            let path = path.escape_debug();
            return expected("without settings", &format!("`{scheme}:{path}`"));
        }
    }
    if let Some(relative) = shown.strip_prefix("//") {
        if !relative.starts_with('/') {
            return Err(format!(
                "a path without `//` after `{scheme}:`, as `//{relative}` is `/{relative}`; did you mean \
                 `{scheme}:{relative}`, or `{scheme}:/{relative}`?"
            ));
        }
    }
    if path == "~" || path.starts_with('~') && path.contains('/') {
        return Err(format!(
            "a path in full after `{scheme}:`, as `~` is not replaced here"
        ));
    }
    if path
        .strip_prefix('$')
        .is_some_and(|name| name.starts_with(|c: char| c == '{' || c.is_ascii_uppercase()))
    {
        return Err(format!(
            "a path in full after `{scheme}:`, as variables are not replaced here"
        ));
    }
    Ok(())
}

/// The store that a name which is none was probably meant to be.
pub(super) fn meant(name: &str) -> Option<String> {
    const SCHEMES: [&str; 5] = ["shm", "file", "sqlite", "postgres", "postgresql"];
    let known = |scheme: &str| similar(scheme, &SCHEMES);
    let of_path = |path: &str| {
        let is_database = [".db", ".sqlite", ".sqlite3"]
            .iter()
            .any(|end| path.ends_with(end));
        let scheme = if is_database { "sqlite" } else { "file" };
        check_path(scheme, path)
            .is_ok()
            .then(|| format!("{scheme}:{path}"))
    };
    let meant = match name.split_once(':') {
        _ if name.trim_matches(':').eq_ignore_ascii_case("memory") => Some("memory".to_owned()),
        _ if similar(name, &["memory"]).is_some() => Some("memory".to_owned()),
        Some((scheme, rest)) if is_word(scheme) => {
            let scheme = known(scheme).or(scheme.starts_with("sqlite").then_some("sqlite"))?;
            Some(format!("{scheme}:{rest}"))
        }
        _ if name.contains('/') && !name.contains('\0') => of_path(name),
        None if name.contains('.') => of_path(name),
        _ => None,
    };
    meant.map(|meant| meant.escape_debug().to_string())
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::{check_path, meant};

    #[test]
    fn a_name_that_is_none_is_told_which_was_meant() {
        for (name, expected) in [
            ("/var/lib/x/state", Some("file:/var/lib/x/state")),
            ("./state", Some("file:./state")),
            ("state.db", Some("sqlite:state.db")),
            ("data/jobs.sqlite3", Some("sqlite:data/jobs.sqlite3")),
            ("jobs.state", Some("file:jobs.state")),
            ("files:/x", Some("file:/x")),
            ("FILE:/x", Some("file:/x")),
            ("sqlite3:x.db", Some("sqlite:x.db")),
            ("sqlit:x.db", Some("sqlite:x.db")),
            ("postgre://h/d", Some("postgres://h/d")),
            ("Memory", Some("memory")),
            (":memory:", Some("memory")),
            ("memory:", Some("memory")),
            ("memroy", Some("memory")),
            ("disk", None),
            ("disk:/x", None),
            ("redis://h", None),
            ("~/state", None),
            ("", None),
        ] {
            assert_eq!(meant(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn a_path_that_is_another_one_than_it_looks_like_is_refused() {
        for (scheme, path, expected) in [
            (
                "sqlite",
                "//x.db",
                "a path without `//` after `sqlite:`, as `//x.db` is `/x.db`; did you mean `sqlite:x.db`, or `sqlite:/x.db`?",
            ),
            (
                "file",
                "//a/b",
                "a path without `//` after `file:`, as `//a/b` is `/a/b`; did you mean `file:a/b`, or `file:/a/b`?",
            ),
            (
                "sqlite",
                "x.db?mode=rwc",
                "a path without settings after `sqlite:`; did you mean `sqlite:x.db`?",
            ),
            (
                "sqlite",
                ":memory:",
                "a path of a file after `sqlite:`; did you mean `memory`?",
            ),
            ("sqlite", "//:memory:", "did you mean `memory`?"),
            (
                "file",
                "~/state",
                "a path in full after `file:`, as `~` is not replaced here",
            ),
            (
                "file",
                "$HOME/state",
                "a path in full after `file:`, as variables are not replaced here",
            ),
            ("file", "", "the path of a file after `file:`"),
            ("file", "a\0b", "the path of a file after `file:`"),
        ] {
            let error = check_path(scheme, path).unwrap_err();
            assert!(error.contains(expected), "{scheme}:{path}: {error}");
        }
        for path in [
            "x", "/x", "///x", "a//b", "a?b", "what?", "a?b=c/d", "~x", "a~/b", "$x", ":x:", "a b",
        ] {
            assert_eq!(check_path("file", path), Ok(()), "{path}");
        }
    }
}
