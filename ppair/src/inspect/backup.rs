//! Backups: checkpoints from anywhere into a file of their own, and from there into a store.

use std::path::Path;

use super::{Error, Found, read};
use crate::shown::shown;
use crate::state::stored::Stored;
use crate::store::choice::{self, Place};
use crate::store::file::{Durability, FileStore};
use crate::store::holder::Naming;
use crate::store::lock::{Lock, path_of as path_of_lock};
use crate::store::{self, Owner, Store, StoreError};
use crate::sys::process;

/// What an import does, or would do, with one checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The name of the hard state.
    pub name: String,
    /// The generation in the backup; `None` for what the backup does not have, and the store keeps.
    pub new: Option<u64>,
    /// The generation in the store.
    pub old: Option<u64>,
    /// Whether the two are the same.
    pub same: bool,
}

/// What an import has done, or would do.
#[derive(Clone, Debug)]
pub struct Import {
    /// What the log calls the store.
    pub store: String,
    /// Each checkpoint.
    pub steps: Vec<Step>,
}

/// Writes the checkpoints at `source` into a new file, which is a store of its own. Returns what was found there.
///
/// # Errors
///
/// If there is such a file already, if there is nothing to write, or if it cannot be written.
pub fn export(source: &str, file: &Path) -> Result<Found, Error> {
    let found = read(source)?;
    let states = stored(found.clone());
    if states.is_empty() {
        return Err(Error::new(format_args!(
            "nothing is committed in {}, so there is nothing to export",
            found.place
        )));
    }
    let there_is = || {
        Error::new(format_args!(
            "there is a file {} already, which is not overwritten: name another one",
            shown(&file)
        ))
    };
    if file.symlink_metadata().is_ok() {
        return Err(there_is());
    }
    let mut store = FileStore::new(file.to_owned(), Durability::Disk);
    if !store.load().map_err(Error::new)?.is_empty() {
        // Somebody was faster.
        return Err(there_is());
    }
    store.save(&states).map_err(Error::new)?;
    Ok(found)
}

/// Puts the checkpoints of a backup into a store, in place of those of the same names, which are set aside. With `dry_run` it only says what it would
/// do, and changes nothing.
///
/// # Errors
///
/// If a pair has the store, or one of the two cannot be used.
pub fn import(backup: &str, into: &str, dry_run: bool) -> Result<Import, Error> {
    let states = stored(read(backup)?);
    let place = Place::parse(into).map_err(|expected| {
        Error::new(format_args!(
            "{} is no store to import into: expected {expected}",
            choice::hide_password(into)
        ))
    })?;
    let store_name = choice::hide_password(into);
    let fails = |error: StoreError| match error {
        StoreError::Held { holder } => Error::new(format_args!(
            "{store_name} is held by {holder}: stop that pair first, as it would overwrite what is imported"
        )),
        other => Error::new(format_args!("{store_name}: {other}")),
    };
    if let (Some(path), true) = (place.path(), dry_run) {
        if path_of_lock(&path).exists() {
            take(&path).map_err(fails)?;
        }
        let before = if path.symlink_metadata().is_ok() {
            stored(read(into)?)
        } else {
            Vec::new()
        };
        return Ok(plan(store_name, &states, &before));
    }
    // As long as it is held, no pair begins with the store.
    let _lock = place
        .path()
        .map(|path| take(&path))
        .transpose()
        .map_err(fails)?;
    let mut store = open(&place)?;
    let before = store.load().map_err(fails)?;
    let import = plan(store_name.clone(), &states, &before);
    if dry_run {
        return Ok(import);
    }
    let mut newest = states;
    for old in before {
        match newest.iter().find(|new| new.name() == old.name()) {
            Some(new) if *new == old => {}
            Some(_) => store.set_aside(&old).map_err(fails)?,
            None => newest.push(old),
        }
    }
    store.save(&newest).map_err(fails)?;
    Ok(import)
}

fn take(path: &Path) -> Result<Lock, StoreError> {
    Lock::take(path, process::pid(), &mut Naming::default())
}

fn stored(found: Found) -> Vec<Stored> {
    let states = found.states.into_iter();
    states.filter_map(|state| state.stored).collect()
}

fn plan(store: String, states: &[Stored], before: &[Stored]) -> Import {
    let steps = states.iter().map(|new| {
        let old = before.iter().find(|old| old.name() == new.name());
        Step {
            name: new.name().to_owned(),
            new: Some(new.generation()),
            old: old.map(Stored::generation),
            same: old == Some(new),
        }
    });
    let is_kept = |old: &&Stored| states.iter().all(|new| new.name() != old.name());
    let kept = before.iter().filter(is_kept).map(|old| Step {
        name: old.name().to_owned(),
        new: None,
        old: Some(old.generation()),
        same: false,
    });
    Import {
        store,
        steps: steps.chain(kept).collect(),
    }
}

fn open(place: &Place) -> Result<Box<dyn Store>, Error> {
    // Nobody else has this name, and nothing of it is to be gone on with.
    let token = format!("import by process {}", process::pid());
    let owner = Owner {
        token: &token,
        watchdog: process::pid(),
        is_first: true,
    };
    store::open_place(place, owner).ok_or_else(|| {
        Error::new("`memory` is no store to import into: what is there ends with its pair")
    })
}
