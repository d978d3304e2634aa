//! Where checkpoints are looked for: what the user may name, and what is in a file.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{Error, Found, State, process};
use crate::shown::shown;
use crate::state::stored::Stored;
use crate::store::file;

/// The first bytes of an SQLite database: <https://www.sqlite.org/fileformat.html>.
const SQLITE: &[u8] = b"SQLite format 3\0";
/// And of the bytes of one checkpoint.
const STORED: &[u8] = b"ppairchk";

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Process(i32),
    /// A file of any kind that is known.
    Any(PathBuf),
    /// A file that the name says to be a store.
    Store(PathBuf),
    Sqlite(PathBuf),
}

/// The checkpoints at the place that `name` stands for: a path, a process id, `shm:NAME`, `file:PATH`, `sqlite:PATH`, or the bare name of a
/// shared memory object.
///
/// # Errors
///
/// If there are none that can be read.
pub fn read(name: &str) -> Result<Found, Error> {
    let (path, states) = match Place::parse(name)? {
        Place::Process(pid) => return process::read(pid),
        Place::Store(path) => {
            only_regular(&path)?;
            let states = read_store(&path)?;
            (path, states)
        }
        Place::Sqlite(path) => {
            only_regular(&path)?;
            let states = read_database(&path)?;
            (path, states)
        }
        Place::Any(path) => {
            let states = read_any(&path)?;
            (path, states)
        }
    };
    let states = states.into_iter().map(|stored| State {
        name: stored.name().to_owned(),
        live: None,
        stored: Some(stored),
    });
    Ok(Found {
        place: shown(&path).to_string(),
        states: states.collect(),
    })
}

impl Place {
    fn parse(name: &str) -> Result<Self, Error> {
        // The spellings of the option, but for what needs no such name.
        if let Some((scheme, rest)) = name.split_once(':') {
            match scheme {
                "file" if !rest.is_empty() => return Ok(Self::Store(rest.into())),
                "sqlite" if !rest.is_empty() => return Ok(Self::Sqlite(rest.into())),
                "shm" => return shared(rest.strip_prefix('/').unwrap_or(rest)).map(Self::Store),
                "postgres" | "postgresql" => {
                    return Err(Error::new(
                        "a PostgreSQL database is not looked into: `psql -c 'table ppair_checkpoint'` shows what is there",
                    ));
                }
                _ => {}
            }
        }
        let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        if is_number {
            let pid = name.parse().ok().filter(|pid| *pid > 0);
            let pid = pid.ok_or_else(|| Error::new(format_args!("{name} is no process id")))?;
            return Ok(Self::Process(pid));
        }
        let path = Path::new(name);
        if name.contains('/') || path.symlink_metadata().is_ok() {
            return Ok(Self::Any(path.to_owned()));
        }
        let object = shared(name)?;
        if object.symlink_metadata().is_err() {
            return Err(Error::new(format_args!(
                "there is no file {name} and no shared memory object {name} ({}): name a store's file, a database, or \
                 the process id of a watch dog or worker, for which there is `ppair status` too",
                shown(&object)
            )));
        }
        Ok(Self::Store(object))
    }
}

/// The file of a shared memory object.
fn shared(name: &str) -> Result<PathBuf, Error> {
    if name.is_empty() || name.contains('/') || name == "." || name == ".." {
        return Err(Error::new(format_args!(
            "{name:?} is no name of a shared memory object: it has no slash, as in `shm:orders`"
        )));
    }
    Ok(Path::new("/dev/shm").join(name))
}

/// Anything else might keep a reader waiting, or do something when it is opened.
fn only_regular(path: &Path) -> Result<(), Error> {
    let cannot = |error| cannot_read(path, &error);
    if fs::metadata(path).map_err(cannot)?.is_file() {
        return Ok(());
    }
    Err(Error::new(format_args!(
        "{} is no regular file, so there is no checkpoint in it",
        shown(&path)
    )))
}

fn read_any(path: &Path) -> Result<Vec<Stored>, Error> {
    only_regular(path)?;
    let cannot = |error| cannot_read(path, &error);
    let mut head = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(SQLITE.len() as u64)
        .read_to_end(&mut head)
        .map_err(cannot)?;
    if head == SQLITE {
        return read_database(path);
    }
    if head.starts_with(STORED) {
        let bytes = fs::read(path).map_err(cannot)?;
        let stored = Stored::from_bytes(&bytes);
        let stored = stored
            .map_err(|unreadable| Error::new(format_args!("{}: {unreadable}", shown(&path))))?;
        return Ok(vec![stored]);
    }
    read_store(path)
}

fn read_store(path: &Path) -> Result<Vec<Stored>, Error> {
    // It says where.
    file::read(path).map_err(Error::new)
}

#[cfg(feature = "sqlite")]
fn read_database(path: &Path) -> Result<Vec<Stored>, Error> {
    super::sqlite::read(path)
}

#[cfg(not(feature = "sqlite"))]
fn read_database(path: &Path) -> Result<Vec<Stored>, Error> {
    Err(Error::new(format_args!(
        "{} is an SQLite database, and this command was built without ppair's feature `sqlite`: build it with \
         `cargo install ppair --features cli,sqlite`",
        shown(&path)
    )))
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Error {
    if error.kind() == ErrorKind::NotFound {
        return Error::new(format_args!("there is no file {}", shown(&path)));
    }
    Error::new(format_args!("{} cannot be read: {error}", shown(&path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_place() {
        for (name, place) in [
            ("4711", Place::Process(4711)),
            ("./4711", Place::Any("./4711".into())),
            ("file:4711", Place::Store("4711".into())),
            ("file:/a:b", Place::Store("/a:b".into())),
            ("shm:orders", Place::Store("/dev/shm/orders".into())),
            ("shm:/orders", Place::Store("/dev/shm/orders".into())),
            ("sqlite:x.db", Place::Sqlite("x.db".into())),
            ("/no/such/file", Place::Any("/no/such/file".into())),
            ("a:b/c", Place::Any("a:b/c".into())),
        ] {
            assert_eq!(Place::parse(name), Ok(place), "{name}");
        }
    }

    #[test]
    fn what_is_no_place_is_told_why() {
        for (name, reason) in [
            ("0", "0 is no process id"),
            ("99999999999", "is no process id"),
            ("shm:a/b", "no name of a shared memory object"),
            ("no-such-object", "there is no file no-such-object"),
            ("postgres://h/d", "is not looked into"),
            ("", "no name of a shared memory object"),
        ] {
            let error = Place::parse(name).unwrap_err().to_string();
            assert!(error.contains(reason), "{name}: {error}");
        }
    }

    #[test]
    fn what_is_no_file_of_checkpoints_is_refused() {
        let error = read("/proc/").unwrap_err().to_string();
        assert_eq!(
            error,
            "/proc/ is no regular file, so there is no checkpoint in it"
        );
        let error = read("/no/such/file").unwrap_err().to_string();
        assert_eq!(error, "there is no file /no/such/file");
    }
}
