//! What never waits for ever: a server that is stopped, or whose disk hangs, closes no connection and answers nothing.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::store::StoreError;

/// How many threads may hang. Each has a connection.
const MOST: usize = 4;

/// Threads that were not waited for to their end.
#[derive(Default)]
pub(super) struct Deadlines {
    late: Vec<JoinHandle<()>>,
}

impl Deadlines {
    /// Does `act` in a thread, for as long as `limit`. Whatever it still does after that is not seen any more.
    pub(super) fn within<T: Send + 'static>(
        &mut self,
        limit: Duration,
        act: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.late.retain(|thread| !thread.is_finished());
        let silent = || StoreError::failed("the server does not answer");
        if self.late.len() >= MOST {
            return Err(silent());
        }
        let (sender, receiver) = channel();
        let thread = thread::Builder::new()
            .name("ppair-postgres".to_owned())
            .spawn(move || {
                // Nobody receives what is late.
                let _ = sender.send(act());
            })
            .map_err(|error| StoreError::failed(format_args!("no thread: {error}")))?;
        match receiver.recv_timeout(limit) {
            Ok(done) => {
                // It has nothing left to do.
                let _ = thread.join();
                Ok(done)
            }
            Err(RecvTimeoutError::Timeout) => {
                self.late.push(thread);
                Err(silent())
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(StoreError::failed("the client of the database panicked"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(5);
    const LATER: Duration = Duration::from_secs(20);

    #[test]
    fn what_is_in_time_is_returned() {
        assert_eq!(Deadlines::default().within(LATER, || 7), Ok(7));
    }

    #[test]
    fn what_hangs_is_left_behind_but_not_without_end() {
        let mut deadlines = Deadlines::default();
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..MOST).map(|_| channel::<()>()).unzip();
        let silent = || StoreError::failed("the server does not answer");
        for receiver in receivers {
            let hang = move || receiver.recv().is_ok();
            assert_eq!(deadlines.within(SOON, hang), Err(silent()));
        }
        let one_more = deadlines.within(LATER, || ());
        assert_eq!(one_more, Err(silent()));
        drop(senders);
        while deadlines.late.iter().any(|thread| !thread.is_finished()) {
            thread::yield_now();
        }
        assert_eq!(deadlines.within(LATER, || 7), Ok(7));
    }

    #[test]
    fn a_panic_is_an_error() {
        let done = Deadlines::default().within(LATER, || std::panic::resume_unwind(Box::new(())));
        let error: Result<(), _> = Err(StoreError::failed("the client of the database panicked"));
        assert_eq!(done, error);
    }
}
