//! The harness of ppair's black-box tests: it spawns a program, reads what it says, and always
//! ends.
//!
//! A test never forks itself: libtest has threads. It spawns a fixture of `src/bin` (or an example)
//! and talks to it through its pipes and signals:
//!
//! ```no_run
//! use ppair_tests::{Fixture, Signal, stdout_lines};
//!
//! // In an integration test: `Fixture::new(env!("CARGO_BIN_EXE_counter"))`.
//! let mut pair = Fixture::new("target/debug/counter").arg("--to").arg("30").spawn();
//! let worker = pair.event("started").pid("worker"); // next `event=started` line of stderr
//! assert_eq!(pair.stdout_line(), "1"); // next line of stdout
//! pair.kill(worker, Signal::SIGKILL);
//! let died = pair.event("died"); // lines between are skipped here, and kept for `finish`
//! assert_eq!(died.get("signal"), Some("SIGKILL"));
//! assert_eq!(pair.event("started").number::<u32>("incarnation"), 2);
//! let end = pair.finish(); // waits for the exit and for the end of both pipes
//! assert_eq!(end.code(), Some(0));
//! assert_eq!(end.events("died").len(), 1);
//! assert_eq!(stdout_lines(&end).len(), 30);
//! ```
//!
//! * **Deadline.** Each [`Fixture`] has one (30 s unless told, and [`patience`] for a busy machine),
//!   armed at the spawn. When it passes,
//!   the fixture's whole process group is killed, and the call that waits panics with all that the
//!   program has printed. So no read and no wait here blocks for ever, and none needs a sleep.
//! * **Process group.** The fixture leads its own; [`Running::kill_group`] is what a terminal's
//!   Ctrl-C is. Whatever is left in the group is killed when [`Running`] is dropped. The fixture
//!   stays unreaped until then, so that its id names nobody else.
//! * **Environment.** `PPAIR*`, `JOURNAL_STREAM`, `INVOCATION_ID` and `RUST_BACKTRACE` of the tests'
//!   own environment do not reach the fixture.
//! * **State of a process** from `/proc`: [`children`], [`descriptors`], [`threads`], [`Memory`],
//!   [`Activity`], [`is_alive`], [`is_stopped`], [`group_members`]. For a condition that nobody reports there is
//!   [`eventually`].
//! * **Powers.** A test that needs `strace`, root or a cgroup begins with
//!   `if lacks("name of the test", &Power::strace()) { return; }`: it prints
//!   `SKIPPED: <test>: needs <power>`, or fails if `PPAIR_REQUIRE_<POWER>=1` is set.

pub mod broken;
mod end;
mod event;
mod fixture;
pub mod inject;
pub mod lineage;
mod manager;
pub mod mapped;
pub mod namespace;
pub mod network;
pub mod package;
mod patience;
pub mod postgres;
mod power;
mod process;
mod random;
pub mod recovery;
mod running;
mod scratch;
mod service;
mod shortage;
mod small_disk;
mod statistics;
pub mod step;
pub mod stored;
pub mod stray;
mod stream;
pub mod subject;
mod terminal;
pub mod upgrade;

/// The schemes of stores that have a path of their own, as far as the tests are built with them.
pub const FILE_SCHEMES: &[&str] = if cfg!(feature = "full") {
    &["file", "sqlite"]
} else {
    &["file"]
};

pub use end::{End, stdout_lines};
pub use event::Event;
pub use fixture::Fixture;
pub use manager::Manager;
pub use nix::sys::signal::Signal;
pub use nix::unistd::Pid;
pub use patience::patience;
pub use power::{Power, lacks};
pub use process::{
    Activity, Memory, children, copy_program, descendants, descriptors, eventually, group_members,
    is_alive, is_stopped, is_zombie, keeper, send, threads, zombies,
};
pub use random::Random;
pub use running::Running;
pub use scratch::Scratch;
pub use service::value;
pub use shortage::Shortage;
pub use small_disk::SmallDisk;
pub use statistics::{interval, median};
pub use terminal::{Key, Terminal};
