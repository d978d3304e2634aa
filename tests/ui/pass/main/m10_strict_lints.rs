//! M10: none of these lints is for generated code to break.
#![forbid(unsafe_code)]
#![deny(warnings)]
#![deny(
    let_underscore_drop,
    missing_docs,
    non_ascii_idents,
    rust_2018_idioms,
    rust_2021_compatibility,
    rust_2024_compatibility,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unreachable_pub,
    unused,
    unused_extern_crates,
    unused_import_braces,
    unused_lifetimes,
    unused_qualifications,
    unused_results,
    variant_size_differences
)]

use std::time::Duration;

use ppair::{Checkpoint, Config, HardState, Pair, Restart, Worker};

/// A state.
#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
pub struct Progress {
    next: u32,
}

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Hidden {
    next: u32,
}

fn read() -> Result<u32, String> {
    Ok(3)
}

#[ppair::main(
    setup = read,
    state = Hidden,
    restart = Restart::Never,
    max_restarts = 3,
    restart_delay = Duration::from_millis(5),
    healthy_after = "5s",
    hang_timeout = "30s",
    orphans = "keep",
    on_event = |_| ()
)]
fn main(config: &u32, progress: Checkpoint<Progress>, worker: Worker) -> Result<(), String> {
    progress.update(|p| p.next = *config + worker.incarnation());
    let new: fn(Config) -> Pair = Pair::new;
    let _ = new;
    ppair::checkpoint::<Hidden>().map(drop).ok_or_else(|| "no state".to_owned())
}
