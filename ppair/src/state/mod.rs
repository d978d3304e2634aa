//! The hard state: what it may be made of, how it lies in the segment, how it is committed and recovered. Nothing in here
//! knows of the watch dog.

pub(crate) mod black_box;
pub(crate) mod checkpoint;
pub(crate) mod commit;
pub(crate) mod hard_state;
pub(crate) mod layout;
pub(crate) mod recovery;
pub(crate) mod segment;

pub use checkpoint::Checkpoint;
pub use commit::Fenced;
pub use hard_state::HardState;
pub use layout::{Field, Invalid, Kind, Layout};
pub use recovery::{Origin, Source};
