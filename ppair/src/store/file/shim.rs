//! A disk in memory that knows what has reached it, and what may have: every write is a change that is sure only when it was synced.
//!
//! A sync that fails is as on Linux: what was written stays readable, may or may not have reached the disk, and no later sync brings it there.

mod point;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};

use super::disk::{Disk, Facts, Identity, Over};
use crate::sys::Errno;
use point::{Change, Renaming, apply_names};
pub(super) use point::{Point, SECTOR};

/// In what way the disk is not what the store believes: a store on it must be caught.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Flaw {
    #[default]
    None,
    /// To sync a file does nothing.
    DeafFiles,
    /// To sync a folder does nothing.
    DeafFolders,
    /// What is written where it stands already is not written, also if it stands only in memory.
    Elides,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Pending,
    /// No sync brings it to the disk any more.
    Limbo,
    /// It is on the disk, behind something that may not be.
    Sure,
}

#[derive(Clone, Debug, Default)]
struct Inode {
    now: Rc<Vec<u8>>,
    durable: Rc<Vec<u8>>,
    changes: Vec<(Change, Fate)>,
}

/// What somebody else does on the disk.
pub(super) type Act = fn(&Shim);

/// An open file. It is locked as long as it, and not a copy, is there.
pub(super) type Handle = Rc<usize>;

#[derive(Debug, Default)]
struct World {
    inodes: Vec<Inode>,
    /// Who has locked what.
    locks: BTreeMap<usize, Weak<usize>>,
    /// Whether two files cannot change names.
    cannot_exchange: bool,
    /// What somebody else does in front of an operation that changes something.
    interruption: Option<(usize, Act)>,
    now: BTreeMap<PathBuf, usize>,
    durable: BTreeMap<PathBuf, usize>,
    renamings: Vec<Renaming>,
    flaw: Flaw,
    /// Operations that change something, until one fails.
    until_fault: Option<(usize, Errno)>,
    /// The state of the disk after each such operation; `None` if nobody asks.
    points: Option<Vec<Point>>,
}

/// The disk. Its copies are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Shim(Rc<RefCell<World>>);

impl Shim {
    /// A disk on which this is all that there is, and sure.
    pub(super) fn holding(files: BTreeMap<PathBuf, Rc<Vec<u8>>>) -> Self {
        let mut world = World::default();
        for (path, bytes) in files {
            world.now.insert(path, world.inodes.len());
            world.inodes.push(Inode {
                now: Rc::clone(&bytes),
                durable: bytes,
                changes: Vec::new(),
            });
        }
        world.durable.clone_from(&world.now);
        Self(Rc::new(RefCell::new(world)))
    }

    pub(super) fn set_flaw(&self, flaw: Flaw) {
        self.0.borrow_mut().flaw = flaw;
    }

    /// Somebody else does this in front of the operation that changes something after `after`
    /// others have.
    pub(super) fn interrupt(&self, after: usize, act: Act) {
        self.0.borrow_mut().interruption = Some((after, act));
    }

    /// Whether that has happened.
    pub(super) fn was_interrupted(&self) -> bool {
        self.0.borrow().interruption.is_none()
    }

    /// Files cannot change names here.
    pub(super) fn forbid_exchange(&self) {
        self.0.borrow_mut().cannot_exchange = true;
    }

    /// The operation fails that changes something after `after` others have.
    pub(super) fn fail(&self, after: usize, errno: Errno) {
        self.0.borrow_mut().until_fault = Some((after, errno));
    }

    /// Whether a fault is still to come.
    pub(super) fn fails_later(&self) -> bool {
        self.0.borrow().until_fault.is_some()
    }

    /// From now on the disk is looked at after each change.
    pub(super) fn record(&self) {
        self.0.borrow_mut().points = Some(Vec::new());
    }

    /// The states of the disk since the last call.
    pub(super) fn take_points(&self) -> Vec<Point> {
        let mut world = self.0.borrow_mut();
        world
            .points
            .as_mut()
            .map(core::mem::take)
            .unwrap_or_default()
    }

    /// The state of the disk now.
    pub(super) fn point(&self) -> Point {
        self.0.borrow().point()
    }

    /// What stands at the path, as a program sees it.
    pub(super) fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        let world = self.0.borrow();
        let inode = world.now.get(path)?;
        Some(world.inodes[*inode].now.to_vec())
    }

    fn change<T>(
        &self,
        broken: impl FnOnce(&mut World),
        done: impl FnOnce(&mut World) -> io::Result<T>,
    ) -> io::Result<T> {
        let interruption = self.0.borrow_mut().interruption.take();
        match interruption {
            Some((0, act)) => act(self),
            Some((after, act)) => self.0.borrow_mut().interruption = Some((after - 1, act)),
            None => {}
        }
        let mut world = self.0.borrow_mut();
        let result = match world.until_fault {
            Some((0, errno)) => {
                world.until_fault = None;
                world.points = Some(Vec::new());
                broken(&mut world);
                Err(errno.into())
            }
            Some((after, errno)) => {
                world.until_fault = Some((after - 1, errno));
                done(&mut world)
            }
            None => done(&mut world),
        };
        let point = world.points.is_some().then(|| world.point());
        if let (Some(points), Some(point)) = (&mut world.points, point) {
            points.push(point);
        }
        result
    }

    fn sync_file(&self, inode: usize) -> io::Result<()> {
        self.change(
            |world| {
                for (_, fate) in &mut world.inodes[inode].changes {
                    if *fate == Fate::Pending {
                        *fate = Fate::Limbo;
                    }
                }
            },
            |world| {
                if world.flaw == Flaw::DeafFiles {
                    return Ok(());
                }
                let Inode {
                    durable, changes, ..
                } = &mut world.inodes[inode];
                for (_, fate) in changes.iter_mut() {
                    if *fate == Fate::Pending {
                        *fate = Fate::Sure;
                    }
                }
                let sure = changes.iter().take_while(|(_, fate)| *fate == Fate::Sure);
                let sure = sure.count();
                for (change, _) in changes.drain(..sure) {
                    change.apply(Rc::make_mut(durable));
                }
                Ok(())
            },
        )
    }
}

impl World {
    fn point(&self) -> Point {
        let file = |inode: &Inode| {
            let changes = inode.changes.iter();
            let changes = changes.map(|(change, fate)| (change.clone(), *fate == Fate::Sure));
            (Rc::clone(&inode.durable), changes.collect())
        };
        Point {
            files: self.inodes.iter().map(file).collect(),
            names: self.durable.clone(),
            renamings: self.renamings.clone(),
        }
    }

    fn write(&mut self, inode: usize, change: Change) {
        let inode = &mut self.inodes[inode];
        if let (Flaw::Elides, Change::Write(at, bytes)) = (self.flaw, &change) {
            if inode.now.get(*at..at + bytes.len()) == Some(bytes) {
                return;
            }
        }
        change.apply(Rc::make_mut(&mut inode.now));
        inode.changes.push((change, Fate::Pending));
    }

    fn name(&mut self, renaming: Renaming) {
        apply_names(&renaming, &mut self.now);
        self.renamings.push(renaming);
    }
}

const USER: u32 = 1000;

impl Disk for Shim {
    type File = Handle;

    fn facts_at(&self, path: &Path) -> io::Result<Facts> {
        let found = self.0.borrow().now.get(path).copied();
        found.map_or_else(
            || Err(Errno::ENOENT.into()),
            |inode| self.facts(&Rc::new(inode)),
        )
    }

    fn facts(&self, file: &Handle) -> io::Result<Facts> {
        let inode = **file;
        let world = self.0.borrow();
        let names = world.now.values().filter(|named| **named == inode);
        Ok(Facts {
            links: names.count() as u64,
            identity: Identity(0, inode as u64),
            is_regular: true,
            is_link: false,
            size: world.inodes[inode].now.len() as u64,
            owner: USER,
            mode: 0o600,
        })
    }

    fn user(&self) -> u32 {
        USER
    }

    fn open(&self, path: &Path) -> io::Result<Handle> {
        let found = self.0.borrow().now.get(path).copied();
        found.map(Rc::new).ok_or_else(|| Errno::ENOENT.into())
    }

    fn create(&self, path: &Path) -> io::Result<Handle> {
        self.change(
            |_| (),
            |world| {
                if world.now.contains_key(path) {
                    return Err(Errno::EEXIST.into());
                }
                let inode = world.inodes.len();
                world.inodes.push(Inode::default());
                world.name(vec![(path.to_owned(), Some(inode))]);
                Ok(Rc::new(inode))
            },
        )
    }

    fn allocate(&self, file: &Handle, size: u64) -> io::Result<()> {
        let (inode, size) = (**file, usize::try_from(size).expect("it is small"));
        self.change(
            |_| (),
            |world| {
                world.write(inode, Change::Size(size));
                Ok(())
            },
        )
    }

    fn read_at(&self, file: &Handle, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let world = self.0.borrow();
        let (inode, at) = (**file, usize::try_from(offset).expect("it is small"));
        let found = world.inodes[inode].now.get(at..at + bytes.len());
        bytes.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, file: &Handle, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (inode, at) = (**file, usize::try_from(offset).expect("it is small"));
        let write = |bytes: &[u8]| Change::Write(at, bytes.to_vec());
        self.change(
            // The first half is written, and then there is an error.
            |world| world.write(inode, write(&bytes[..bytes.len() / 2])),
            |world| {
                world.write(inode, write(bytes));
                Ok(())
            },
        )
    }

    fn sync(&self, file: &Handle) -> io::Result<()> {
        self.sync_file(**file)
    }

    fn sync_all(&self, file: &Handle) -> io::Result<()> {
        self.sync_file(**file)
    }

    fn lock(&self, file: &Handle) -> io::Result<bool> {
        let mut world = self.0.borrow_mut();
        let holder = world.locks.get(&**file).and_then(Weak::upgrade);
        if holder.is_some_and(|holder| !Rc::ptr_eq(&holder, file)) {
            return Ok(false);
        }
        world.locks.insert(**file, Rc::downgrade(file));
        Ok(true)
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<bool> {
        if self.0.borrow().cannot_exchange {
            return Ok(false);
        }
        self.change(
            |_| (),
            |world| {
                let inode = |path| world.now.get(path).copied().ok_or(Errno::ENOENT);
                let names = vec![
                    (one.to_owned(), Some(inode(other)?)),
                    (other.to_owned(), Some(inode(one)?)),
                ];
                world.name(names);
                Ok(true)
            },
        )
    }

    fn rename(&self, from: &Path, to: &Path, over: Over) -> io::Result<()> {
        self.change(
            |_| (),
            |world| {
                if over == Over::Nothing && world.now.contains_key(to) {
                    return Err(Errno::EEXIST.into());
                }
                let inode = *world.now.get(from).ok_or(Errno::ENOENT)?;
                world.name(vec![(from.to_owned(), None), (to.to_owned(), Some(inode))]);
                Ok(())
            },
        )
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(
            |_| (),
            |world| {
                world.now.get(path).ok_or(Errno::ENOENT)?;
                world.name(vec![(path.to_owned(), None)]);
                Ok(())
            },
        )
    }

    fn sync_folder_of(&self, _: &Path) -> io::Result<()> {
        self.change(
            |_| (),
            |world| {
                if world.flaw != Flaw::DeafFolders {
                    world.renamings.clear();
                    world.durable.clone_from(&world.now);
                }
                Ok(())
            },
        )
    }
}
