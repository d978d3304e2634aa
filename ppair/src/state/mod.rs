//! The hard state: what it may be made of, how it lies in the segment, how it is committed and recovered. Nothing in here
//! knows of the watch dog.

pub(crate) mod black_box;
pub(crate) mod blob;
pub(crate) mod bytes;
pub(crate) mod checkpoint;
pub(crate) mod commit;
pub(crate) mod delivery;
pub(crate) mod descriptor;
pub(crate) mod differences;
pub(crate) mod durable;
pub(crate) mod edit;
pub(crate) mod fit;
#[cfg(feature = "cli")]
pub(crate) mod foreign;
pub(crate) mod hard_state;
pub(crate) mod hearts;
pub(crate) mod keep;
pub(crate) mod layout;
pub(crate) mod recovery;
pub(crate) mod redo;
pub(crate) mod region;
pub(crate) mod restored;
pub(crate) mod segment;
pub(crate) mod status;
pub(crate) mod stored;
pub(crate) mod turn;
pub(crate) mod words;
pub(crate) mod working;

pub use checkpoint::Checkpoint;
pub use commit::CommitError;
pub use descriptor::Descriptor;
pub use differences::{Difference, Differences};
pub use durable::SyncError;
pub use edit::Edit;
pub use fit::Rejection;
pub use hard_state::{HardState, MigrateFrom};
pub use layout::{Field, Invalid, Kind, Layout, Variant};
pub use recovery::{Origin, Source};
pub use restored::Restored;
pub use stored::{Stored, Unreadable};

#[cfg(test)]
mod hooked;
#[cfg(all(test, ppair_model))]
mod model;
#[cfg(test)]
mod random_tests;
