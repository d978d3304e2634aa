//! The option `store`: what it may say, and which store that is. Pure.

use core::fmt;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::{Store, meant};
use crate::shown::shown;
use crate::sys::lasting;

/// What the option `store` says: a name, or a function that makes one.
#[derive(Clone, Copy)]
pub struct Choice {
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Named(&'static str),
    /// A file of this scheme, whose path is not UTF-8.
    Placed(Scheme, &'static Path),
    Own(fn() -> Box<dyn Store>),
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    File,
    Sqlite,
}

impl Scheme {
    const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Sqlite => "sqlite",
        }
    }

    fn place(self, path: PathBuf) -> Place {
        match self {
            Self::File => Place::File(path),
            Self::Sqlite => Place::Sqlite(path),
        }
    }
}

/// Where the checkpoints go, as a name says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nowhere: they are in the segment, and end with the pair.
    Memory,
    /// A POSIX shared memory object of this name, without a slash.
    Shm(String),
    File(PathBuf),
    Sqlite(PathBuf),
    /// The address of the server and the database.
    Postgres(String),
}

impl Choice {
    /// `memory`.
    pub(crate) const MEMORY: Self = Self::named("memory");
    /// What a name may be.
    pub(crate) const EXPECTED: &str = "`memory`, `shm:NAME`, `file:PATH`, `sqlite:PATH` (feature `sqlite`) or `postgres:URL` (feature `postgres`)";

    /// A store that ppair knows.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self {
            kind: Kind::Named(name),
        }
    }

    /// The store that a variable names, whose path need not be UTF-8.
    pub(crate) fn from_os(name: &OsStr) -> Result<Self, String> {
        let place = Place::parse_os(name)?;
        match (name.to_str(), place) {
            // Once, and the options are there as long as the program.
            (Some(name), _) => Ok(Self::named(lasting::leak_text(name.to_owned()))),
            (None, Place::File(path)) => Ok(Self::placed(Scheme::File, path)),
            (None, Place::Sqlite(path)) => Ok(Self::placed(Scheme::Sqlite, path)),
            (None, _) => Err(Self::EXPECTED.to_owned()),
        }
    }

    /// The file at this path.
    fn placed(scheme: Scheme, path: PathBuf) -> Self {
        let kind = match path.to_str() {
            // Once in a program.
            Some(path) => Kind::Named(lasting::leak_text(format!("{}:{path}", scheme.name()))),
            None => Kind::Placed(scheme, lasting::leak(Box::new(path))),
        };
        Self { kind }
    }

    /// The file that it is.
    fn file(&self) -> Option<(Scheme, PathBuf)> {
        match self.place()? {
            Place::File(path) => Some((Scheme::File, path)),
            Place::Sqlite(path) => Some((Scheme::Sqlite, path)),
            _ => None,
        }
    }

    /// A store of the user's own.
    pub const fn own(make: fn() -> Box<dyn Store>) -> Self {
        Self {
            kind: Kind::Own(make),
        }
    }

    /// Whether checkpoints end with the pair.
    pub(crate) fn is_memory(&self) -> bool {
        matches!(self.kind, Kind::Named("memory"))
    }

    /// The function that makes the user's own store.
    pub(crate) const fn maker(&self) -> Option<fn() -> Box<dyn Store>> {
        match self.kind {
            Kind::Own(make) => Some(make),
            Kind::Named(_) | Kind::Placed(..) => None,
        }
    }

    /// The place that the name says; `None` if it says none, or there is a function instead.
    pub(crate) fn place(&self) -> Option<Place> {
        match self.kind {
            Kind::Named(name) => Place::parse(name).ok(),
            Kind::Placed(scheme, path) => Some(scheme.place(path.to_owned())),
            Kind::Own(_) => None,
        }
    }

    /// The same, wherever the program is from here on: a path begins in the folder in which it is
    /// now. `None` if that folder is not known.
    pub(crate) fn absolute(self) -> Option<Self> {
        match self.file() {
            Some((scheme, path)) if path.is_relative() => {
                Some(Self::placed(scheme, std::path::absolute(path).ok()?))
            }
            _ => Some(self),
        }
    }

    /// The same kind of store, at this path: where an earlier image of this process had it.
    pub(crate) fn at(self, path: &Path) -> Self {
        match self.file() {
            Some((scheme, _)) => Self::placed(scheme, path.to_owned()),
            None => self,
        }
    }

    /// It, for a message.
    pub(crate) fn shown(&self) -> String {
        match self.kind {
            Kind::Named(name) => hide_password(name),
            Kind::Placed(scheme, path) => format!("{}:{}", scheme.name(), shown(path)),
            Kind::Own(_) => "of the program's own".to_owned(),
        }
    }

    /// Whether this program has such a store, or what is wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.kind {
            Kind::Own(_) | Kind::Placed(..) => Ok(()),
            Kind::Named(name) => Place::parse(name).map(drop),
        }
    }
}

impl Place {
    /// The file that it is, if it is one on this machine: beside it lies its lock.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        match self {
            // shm_open(3) puts them there.
            Self::Shm(name) => Some(PathBuf::from("/dev/shm").join(name)),
            Self::File(path) | Self::Sqlite(path) => Some(path.clone()),
            Self::Memory | Self::Postgres(_) => None,
        }
    }

    /// The place that `name` names, or what was expected. Only the path of a file need not be
    /// UTF-8.
    pub(crate) fn parse_os(name: &OsStr) -> Result<Self, String> {
        if let Some(text) = name.to_str() {
            return Self::parse(text);
        }
        let bytes = name.as_bytes();
        let colon = bytes.iter().position(|&byte| byte == b':');
        let (scheme, path) = bytes.split_at(colon.map_or(0, |colon| colon + 1));
        let path = || PathBuf::from(OsStr::from_bytes(path));
        match scheme {
            b"file:" => Ok(Self::File(path())),
            b"sqlite:" if cfg!(feature = "sqlite") => Ok(Self::Sqlite(path())),
            b"shm:" => Err("a name in UTF-8 after `shm:`".to_owned()),
            b"postgres:" | b"postgresql:" => {
                Err("the address of a server, in UTF-8, after `postgres:`".to_owned())
            }
            _ => Err(Choice::EXPECTED.to_owned()),
        }
    }

    /// The place that `text` names, or what was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "memory" {
            return Ok(Self::Memory);
        }
        let expected = || {
            let meant = meant::meant(&hide_password(text))
                .map(|meant| format!("; did you mean `{meant}`?"));
            Err(Choice::EXPECTED.to_owned() + &meant.unwrap_or_default())
        };
        let Some((scheme, rest)) = text.split_once(':') else {
            return expected();
        };
        let path = || {
            meant::check_path(scheme, rest)?;
            Ok(PathBuf::from(rest))
        };
        match scheme {
            "shm" => {
                // shm_overview(7): up to 255 characters behind a slash, none of which is a slash. `.lock` is appended to it.
                let name = rest.strip_prefix('/').unwrap_or(rest);
                let fits = !name.is_empty()
                    && name.len() <= 240
                    && !name.contains(['/', '\0'])
                    && name != "."
                    && name != "..";
                if !fits {
                    return Err("a name without a slash after `shm:`, of 1 to 240 bytes".to_owned());
                }
                Ok(Self::Shm(name.to_owned()))
            }
            "file" => path().map(Self::File),
            "sqlite" if cfg!(feature = "sqlite") => path().map(Self::Sqlite),
            "sqlite" => path().and(Err(without_feature("sqlite"))),
            "postgres" | "postgresql" if cfg!(feature = "postgres") => {
                // `postgres://host/db` is what an address looks like, `postgres:host=..` is a list of settings.
                let address = if rest.starts_with("//") { text } else { rest };
                if address.is_empty() {
                    return Err("the address of a server after `postgres:`".to_owned());
                }
                Ok(Self::Postgres(address.to_owned()))
            }
            "postgres" | "postgresql" => Err(without_feature("postgres")),
            _ => expected(),
        }
    }
}

/// What is expected of a program for a store that it is built without.
fn without_feature(feature: &str) -> String {
    format!(
        "a program that is built with ppair's feature `{feature}` for this; add `features = \
         [\"{feature}\"]` to the dependency on ppair"
    )
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Named(name) => f.debug_tuple("Named").field(&hide_password(name)).finish(),
            Kind::Placed(scheme, path) => {
                f.debug_tuple("Placed").field(&scheme).field(&path).finish()
            }
            Kind::Own(_) => f.write_str("Own"),
        }
    }
}

impl PartialEq for Choice {
    fn eq(&self, other: &Self) -> bool {
        match (self.kind, other.kind) {
            (Kind::Named(one), Kind::Named(other)) => one == other,
            (Kind::Placed(one, path), Kind::Placed(other, other_path)) => {
                one == other && path == other_path
            }
            (Kind::Own(one), Kind::Own(other)) => core::ptr::fn_addr_eq(one, other),
            _ => false,
        }
    }
}

impl Eq for Choice {}

/// A name without what the log must not have: in doubt too much is hidden.
pub(crate) fn hide_password(name: &str) -> String {
    let mut text = name.to_owned();
    // A list of settings has a `=` before anything else.
    let is_url = name
        .split_once("//")
        .is_some_and(|(head, _)| !head.contains('='));
    // `scheme://user:password@host`
    if let Some((head, rest)) = name.split_once("//").filter(|_| is_url) {
        let authority = rest.split(['/', '?']).next().unwrap_or(rest);
        // A password may have a slash in it.
        let at = authority.rfind('@').or_else(|| rest.rfind('@'));
        if let Some((user, host)) = at.map(|at| rest.split_at(at)) {
            if let Some((user, _)) = user.split_once(':') {
                text = format!("{head}//{user}:***{host}");
            }
        }
    }
    // `password=...` in a list of settings or behind a `?`
    let mut from = 0;
    while let Some(at) = text[from..].find("password") {
        from += at + "password".len();
        let blanks = |at: usize| text[at..].len() - text[at..].trim_start().len();
        let equals = from + blanks(from);
        if text[equals..].starts_with('=') {
            let start = equals + 1 + blanks(equals + 1);
            let end = start + length_of_value(&text[start..], is_url);
            text.replace_range(start..end, "***");
            from = start;
        }
    }
    text
}

/// Where a value ends that may be in quotes; what follows on a backslash is no end.
fn length_of_value(text: &str, is_url: bool) -> usize {
    let quoted = text.starts_with('\'');
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(usize::from(quoted)) {
        match character {
            _ if escaped => escaped = false,
            '&' if is_url => return at,
            '\\' => escaped = true,
            '\'' if quoted => return at + 1,
            _ if character.is_whitespace() && !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_place() {
        for (text, place) in [
            ("memory", Place::Memory),
            ("shm:orders", Place::Shm("orders".to_owned())),
            ("shm:/orders", Place::Shm("orders".to_owned())),
            ("file:/var/lib/a:b", Place::File("/var/lib/a:b".into())),
            ("file:state", Place::File("state".into())),
        ] {
            assert_eq!(Place::parse(text), Ok(place), "{text}");
        }
    }

    #[test]
    fn anything_else_is_told_what_was_expected() {
        for (text, expected) in [
            ("", "`memory`"),
            ("disk", "`memory`"),
            ("disk:/x", "`memory`"),
            ("Memory", "`memory`"),
            ("file:", "the path of a file after `file:`"),
            ("file:a\0b", "the path of a file"),
            ("shm:", "a name without a slash"),
            ("shm:a/b", "a name without a slash"),
            ("shm:..", "a name without a slash"),
        ] {
            let error = Place::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_path_stays_where_it_was_when_the_program_began() {
        let here = std::env::current_dir().unwrap();
        let here = here.to_str().unwrap();
        for (name, absolute) in [
            ("file:a/b", format!("file:{here}/a/b")),
            ("file:/a/b", "file:/a/b".to_owned()),
            ("shm:a", "shm:a".to_owned()),
            ("memory", "memory".to_owned()),
        ] {
            assert_eq!(Choice::named(name).absolute().unwrap().shown(), absolute);
        }
        let path = Path::new("/x/state");
        assert_eq!(
            Choice::named("file:state").at(path).shown(),
            "file:/x/state"
        );
        assert_eq!(Choice::named("shm:state").at(path).shown(), "shm:state");
    }

    #[test]
    fn a_path_that_is_no_text_stays_that_very_path() {
        let os = |bytes: &'static [u8]| OsStr::from_bytes(bytes);
        let choice = |bytes| Choice::from_os(os(bytes)).unwrap();
        let path = |choice: Choice| choice.place().and_then(|place| place.path());
        assert_eq!(path(choice(b"file:/x\xfe")), Some(os(b"/x\xfe").into()));
        assert_ne!(choice(b"file:/x\xfe"), choice(b"file:/x\xfd"));
        assert_eq!(choice(b"file:/x\xfe").shown(), "file:/x\\xFE");
        assert_eq!(choice(b"file:/x"), Choice::named("file:/x"));
        let here = std::env::current_dir().unwrap();
        let absolute = choice(b"file:x\xfe").absolute().unwrap();
        assert_eq!(path(absolute), Some(here.join(os(b"x\xfe"))));
        let elsewhere = Path::new(os(b"/\xff/y"));
        for choice in [choice(b"file:x\xfe"), Choice::named("file:x")] {
            assert_eq!(path(choice.at(elsewhere)), Some(os(b"/\xff/y").into()));
        }
        for name in [
            &b"shm:\xfe"[..],
            b"\xfe",
            b"\xfe:x",
            b"postgres:\xfe",
            b"disk:\xfe",
        ] {
            assert!(Place::parse_os(os(name)).is_err(), "{name:?}");
        }
    }

    #[test]
    fn passwords_are_hidden() {
        for (name, shown) in [
            ("postgres://u:p@h/db", "postgres://u:***@h/db"),
            ("postgres://u:p@x@h:5/db?a=b", "postgres://u:***@h:5/db?a=b"),
            ("postgres://u@h/db", "postgres://u@h/db"),
            (
                "postgres:host=h password=p user=u",
                "postgres:host=h password=*** user=u",
            ),
            (
                "postgres:host=h password='a b' user=u",
                "postgres:host=h password=*** user=u",
            ),
            (
                "postgres://h/db?password=p&x=y",
                "postgres://h/db?password=***&x=y",
            ),
            (
                r"postgres:host=h password = 'a\' b' user=u",
                "postgres:host=h password = *** user=u",
            ),
            (
                r"postgres:password=a&b\ c user=u",
                "postgres:password=*** user=u",
            ),
            (
                "postgres:password=x://y:z@h password=p",
                "postgres:password=*** password=***",
            ),
            ("postgres://u:a/b?c@h/db", "postgres://u:***@h/db"),
            ("file:/a@b:c", "file:/a@b:c"),
        ] {
            assert_eq!(hide_password(name), shown);
        }
    }
}
