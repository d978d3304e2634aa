//! A heart that beats as long as a tokio runtime turns.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Arc, mpsc};
use std::thread::{self, Thread};

use tokio::runtime::Handle;

use crate::event::Event as Say;
use crate::heart::{self, Heart, heart};
use crate::log::say;

/// The longest time between two probes.
const AT_LEAST_EVERY: Duration = Duration::from_secs(1);

/// Watches over a tokio runtime: the worker hangs if the runtime does not run a task that is spawned on it within
/// [`hang_timeout`](crate::Config::hang_timeout).
///
/// A heart that beats in a task of its own, after each tick of a timer, says less than it seems: it is woken ahead of the queue that everybody else waits
/// in. Here a thread outside of the runtime spawns a fresh task again and again, which goes the way of every task, and the heart beats when it runs. A current-thread runtime that
/// a task blocks, or a multi-thread one in which every thread is blocked, runs none.
///
/// It ends with the runtime, or when it is dropped. Without a `hang_timeout` it does nothing.
///
/// ```no_run
/// #[ppair::main(hang_timeout = "30s")]
/// fn main() -> std::io::Result<()> {
///     let runtime = tokio::runtime::Builder::new_current_thread().build()?;
///     let _heart = ppair::watch_runtime("tokio", runtime.handle());
///     runtime.block_on(async {
///         // serve
///     });
///     Ok(())
/// }
/// ```
///
/// Below `#[tokio::main]` the handle is `tokio::runtime::Handle::current()`.
pub fn watch_runtime(name: &str, runtime: &Handle) -> RuntimeHeart {
    let Some(timeout) = heart::timeout() else {
        return RuntimeHeart { probe: None };
    };
    let every = (timeout / 4).min(AT_LEAST_EVERY);
    let ended = Arc::new(AtomicBool::new(false));
    let heart = Arc::new(heart(name));
    let (runtime, ends) = (runtime.clone(), Arc::clone(&ended));
    let probing = thread::Builder::new()
        .name("ppair-heart".to_owned())
        .spawn(move || probe(&runtime, &heart, &ends, every));
    let probe = match probing {
        Ok(probing) => Some((ended, probing.thread().clone())),
        Err(error) => {
            let reason = format!(
                "no thread for the heart `{name}`, so nobody watches over the runtime: {error}"
            );
            say(&Say::Warning { reason: &reason });
            None
        }
    };
    RuntimeHeart { probe }
}

/// Spawns a task, waits until it has run, rests; until the runtime is gone.
fn probe(runtime: &Handle, heart: &Arc<Heart>, ended: &AtomicBool, every: Duration) {
    while !ended.load(Ordering::Relaxed) {
        let (ran, wait) = mpsc::channel();
        let heart = Arc::clone(heart);
        runtime.spawn(async move {
            heart.beat();
            // Nobody waits if the heart was dropped meanwhile.
            let _ = ran.send(());
        });
        // A runtime that has ended drops the task with its end of the channel.
        if wait.recv().is_err() {
            return;
        }
        thread::park_timeout(every);
    }
}

/// The heart of a runtime, from [`watch_runtime`]. Dropping it ends the watch.
#[derive(Debug)]
#[must_use = "a heart that is dropped is not watched over"]
pub struct RuntimeHeart {
    probe: Option<(Arc<AtomicBool>, Thread)>,
}

static_assertions::assert_impl_all!(RuntimeHeart: core::panic::UnwindSafe, core::panic::RefUnwindSafe);

impl Drop for RuntimeHeart {
    fn drop(&mut self) {
        if let Some((ended, thread)) = &self.probe {
            ended.store(true, Ordering::Relaxed);
            thread.unpark();
        }
    }
}
