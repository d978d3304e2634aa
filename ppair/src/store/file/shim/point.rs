//! What a power failure may leave: each change that is not sure has happened or not, sector by sector.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

/// What a disk writes whole or not at all.
pub(in crate::store::file) const SECTOR: usize = 512;

/// A piece of what may have reached the disk.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Size(usize),
    Write(usize, Vec<u8>),
}

/// Names that change at once.
pub(super) type Renaming = Vec<(PathBuf, Option<usize>)>;

/// A file, and each change with whether it is sure.
pub(super) type Left = (Rc<Vec<u8>>, Vec<(Change, bool)>);

/// What the disk may hold if the power fails now.
#[derive(Clone, Debug, Default)]
pub(in crate::store::file) struct Point {
    pub(super) files: Vec<Left>,
    pub(super) names: BTreeMap<PathBuf, usize>,
    pub(super) renamings: Vec<Renaming>,
}

pub(super) fn apply_names(renaming: &Renaming, names: &mut BTreeMap<PathBuf, usize>) {
    for (name, inode) in renaming {
        match inode {
            Some(inode) => names.insert(name.clone(), *inode),
            None => names.remove(name),
        };
    }
}

/// As `resize`, which takes its time in a debug build.
fn grow(file: &mut Vec<u8>, size: usize) {
    let more = size.saturating_sub(file.len());
    file.extend_from_slice(&vec![0; more]);
}

impl Change {
    pub(super) fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Size(size) => grow(file, *size),
            Self::Write(at, bytes) => {
                let end = at + bytes.len();
                grow(file, end);
                file[*at..end].copy_from_slice(bytes);
            }
        }
    }

    /// What of it reaches the disk whole or not at all.
    fn sectors(&self) -> Vec<Self> {
        let Self::Write(at, bytes) = self else {
            return vec![self.clone()];
        };
        assert_eq!(at % SECTOR, 0, "a store writes whole pages");
        let sectors = bytes.chunks(SECTOR).enumerate();
        sectors
            .map(|(number, sector)| Self::Write(at + number * SECTOR, sector.to_vec()))
            .collect()
    }
}

impl Point {
    /// The same with each write taken apart into sectors.
    pub(in crate::store::file) fn torn(&self) -> Self {
        let file = |(durable, changes): &Left| {
            let torn = changes.iter().flat_map(|(change, is_sure)| {
                let sectors = change.sectors().into_iter();
                sectors.map(move |sector| (sector, *is_sure))
            });
            // What changes nothing, whatever else happens, makes only more of the same.
            let is_idle = |(change, _): &(Change, bool)| match change {
                Change::Write(at, bytes) => {
                    let same = |(other, _): &&(Change, bool)| {
                        matches!(other, Change::Write(place, what)
                            if (*place..place + what.len()).contains(at))
                    };
                    changes.iter().filter(same).count() == 1
                        && durable.get(*at..at + bytes.len()) == Some(bytes)
                }
                Change::Size(_) => false,
            };
            (
                durable.clone(),
                torn.filter(|change| !is_idle(change)).collect(),
            )
        };
        Self {
            files: self.files.iter().map(file).collect(),
            ..self.clone()
        }
    }

    /// Changes that may have happened or not.
    pub(in crate::store::file) fn choices(&self) -> usize {
        let changes = self.files.iter().flat_map(|(_, changes)| changes);
        changes.filter(|(_, is_sure)| !is_sure).count() + self.renamings.len()
    }

    /// The files, if what `happened` says has happened of those changes.
    pub(in crate::store::file) fn after(
        &self,
        happened: &[bool],
    ) -> BTreeMap<PathBuf, Rc<Vec<u8>>> {
        let mut happened = happened.iter().copied();
        let mut files = Vec::new();
        for (durable, changes) in &self.files {
            let mut file = Rc::clone(durable);
            for (change, is_sure) in changes {
                if *is_sure || happened.next() == Some(true) {
                    change.apply(Rc::make_mut(&mut file));
                }
            }
            files.push(file);
        }
        let mut names = self.names.clone();
        for renaming in &self.renamings {
            if happened.next() == Some(true) {
                apply_names(renaming, &mut names);
            }
        }
        let names = names.into_iter();
        names
            .map(|(name, inode)| (name, Rc::clone(&files[inode])))
            .collect()
    }
}
