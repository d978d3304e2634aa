//! Where a checkpoint outlives the pair: the trait, and the stores that come with ppair. Nothing in here knows of processes; what is
//! here runs in the keeper.

pub(crate) mod choice;
pub(crate) mod claim;
pub(crate) mod file;
pub(crate) mod holder;
pub(crate) mod lock;
mod meant;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod saved;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use core::fmt;

use choice::{Choice, Place};
use claim::Claim;
use file::{Durability, FileStore};

use crate::state::stored::Stored;

/// A place where checkpoints outlive the pair: see the option [`store`](crate::Config::store).
///
/// Implement it for a place that ppair does not know, and name the function that makes it: `store = open` in the attribute, or
/// [`Config::store_with`](crate::Config::store_with).
///
/// All of it runs in the *keeper*, a process of its own, which the watch dog starts before the first worker and again if it dies. So it may take its time,
/// use any library, start threads, and even crash: no worker waits for it, but for those that ask for
/// [a durable commit](crate::Checkpoint::commit_durable). What was made before the pair began (by `setup`, or in statics) is there; what
/// the worker makes is not.
///
/// ```
/// use std::path::PathBuf;
///
/// use ppair::{Store, StoreError, Stored};
///
/// /// A folder with a file for each hard state.
/// struct Folder(PathBuf);
///
/// impl Store for Folder {
///     fn name(&self) -> String {
///         format!("the folder {}", self.0.display())
///     }
///
///     fn load(&mut self) -> Result<Vec<Stored>, StoreError> {
///         let mut found = Vec::new();
///         for entry in std::fs::read_dir(&self.0).map_err(StoreError::failed)? {
///             let path = entry.map_err(StoreError::failed)?.path();
///             if path.extension().is_some_and(|end| end == "checkpoint") {
///                 let bytes = std::fs::read(path).map_err(StoreError::failed)?;
///                 found.push(Stored::from_bytes(&bytes).map_err(StoreError::unusable)?);
///             }
///         }
///         Ok(found)
///     }
///
///     fn save(&mut self, newest: &[Stored]) -> Result<(), StoreError> {
///         for stored in newest {
///             let path = self.0.join(stored.name()).with_extension("checkpoint");
///             let new = path.with_extension("new");
///             let write = || {
///                 std::fs::write(&new, stored.to_bytes())?;
///                 std::fs::File::open(&new)?.sync_all()?;
///                 std::fs::rename(&new, &path)?;
///                 std::fs::File::open(&self.0)?.sync_all()
///             };
///             write().map_err(StoreError::failed)?;
///         }
///         Ok(())
///     }
///
///     fn set_aside(&mut self, stored: &Stored) -> Result<(), StoreError> {
///         let name = format!("{}.{}.aside", stored.name(), stored.generation());
///         std::fs::write(self.0.join(name), stored.to_bytes()).map_err(StoreError::failed)
///     }
/// }
///
/// fn open() -> Box<dyn Store> {
///     Box::new(Folder("/var/lib/service".into()))
/// }
/// # let folder = std::env::temp_dir().join(format!("ppair-doc-{}", std::process::id()));
/// # std::fs::create_dir(&folder)?;
/// # let mut store = Folder(folder.clone());
/// # store.save(&[Stored::of(&7_u64, 3)])?;
/// # assert_eq!(store.load()?, [Stored::of(&7_u64, 3)]);
/// # std::fs::remove_dir_all(folder)?;
/// # let _ = open;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Store {
    /// What the log calls it. No secrets: of a database's address the password stays out.
    fn name(&self) -> String;

    /// Makes the store ready, and this pair's alone where it can, and returns the newest checkpoint of each hard state that it has. A store
    /// in which nothing was saved yet is created, and returns none.
    ///
    /// It is the first that a keeper calls. At the start of the pair, what it returns is what the first worker starts from. A keeper that
    /// replaces a dead one calls it for its effect, until it works.
    ///
    /// # Errors
    ///
    /// At the start of the pair each error ends the program before any worker runs, as going on without what is stored would lose it:
    /// [`StoreError::Held`] with exit status 75, [`StoreError::Unusable`] with 78, [`StoreError::Failed`] with 71.
    fn load(&mut self) -> Result<Vec<Stored>, StoreError>;

    /// Saves the newest checkpoint of each hard state, all of them or none, each in place of the one with its
    /// [name](Stored::name). When it returns, they are on stable storage. Those whose [generation](Stored::generation) is the one that was saved
    /// last have not changed.
    ///
    /// It is called at most once in a [`store_interval`](crate::Config::store_interval), or when a commit is to be durable.
    ///
    /// # Errors
    ///
    /// If they are not, or may not be, on stable storage. It is said (`event=store_failed`), and tried again.
    fn save(&mut self, newest: &[Stored]) -> Result<(), StoreError>;

    /// Puts a checkpoint, which [`load`](Self::load) has returned, where `save` does not overwrite it: the program's type of that name has another
    /// layout, so what is saved from now on is another thing. It is called before the first `save`, and may be called again for the same one.
    ///
    /// # Errors
    ///
    /// If it is not safe there. Then nothing is saved, and it is tried again.
    fn set_aside(&mut self, stored: &Stored) -> Result<(), StoreError>;
}

/// Why a [`Store`] did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// A live pair has it.
    Held {
        /// Who: a process id, and the machine if it is another one.
        holder: String,
    },
    /// It is not what a store can use, and will not be by itself: it belongs to somebody else, it holds something else, it is damaged.
    Unusable {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// It does not work now, and may later: the disk is full, the server does not answer.
    Failed {
        /// What has failed.
        reason: String,
    },
}

impl StoreError {
    /// [`StoreError::Held`].
    pub fn held(holder: impl fmt::Display) -> Self {
        Self::Held {
            holder: format!("{holder:#}"),
        }
    }

    /// [`StoreError::Unusable`].
    pub fn unusable(reason: impl fmt::Display) -> Self {
        Self::Unusable {
            reason: format!("{reason:#}"),
        }
    }

    /// [`StoreError::Failed`].
    pub fn failed(reason: impl fmt::Display) -> Self {
        Self::Failed {
            reason: format!("{reason:#}"),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { holder } => write!(f, "it is held by another pair: {holder}"),
            Self::Unusable { reason } | Self::Failed { reason } => f.write_str(reason),
        }
    }
}

impl core::error::Error for StoreError {}

/// For whom a store is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    /// What the pair is called; no other one is called so.
    pub(crate) token: &'a str,
    /// The process id of its watch dog.
    pub(crate) watchdog: i32,
    /// Whether nothing of that pair has had the store yet.
    pub(crate) is_first: bool,
}

/// Makes the store that was chosen; `None` if it is `memory`, or this program has no such store.
pub(crate) fn open(choice: &Choice, owner: Owner<'_>) -> Option<Box<dyn Store>> {
    if let Some(make) = choice.maker() {
        return Some(make());
    }
    open_place(&choice.place()?, owner)
}

/// As [`open`], for a place.
pub(crate) fn open_place(place: &Place, owner: Owner<'_>) -> Option<Box<dyn Store>> {
    Some(match (place, place.path()) {
        (Place::Shm(_), Some(path)) => {
            Box::new(FileStore::new(path, Durability::Memory).claimed(Claim::of(owner)))
        }
        (Place::File(_), Some(path)) => {
            Box::new(FileStore::new(path, Durability::Disk).claimed(Claim::of(owner)))
        }
        #[cfg(feature = "sqlite")]
        (Place::Sqlite(_), Some(path)) => {
            Box::new(sqlite::SqliteStore::new(path).claimed(Claim::of(owner)))
        }
        #[cfg(feature = "postgres")]
        (Place::Postgres(address), _) => {
            let holder = postgres::Holder {
                token: owner.token.to_owned(),
                process: owner.watchdog,
                is_first: owner.is_first,
            };
            Box::new(postgres::PostgresStore::new(address, holder))
        }
        _ => return None,
    })
}
