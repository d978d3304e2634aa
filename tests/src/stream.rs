//! The lines of one pipe, read by a thread as they come.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// What came through a pipe so far, and how far it was taken.
pub(crate) struct Stream {
    state: Arc<State>,
    taken: usize,
}

#[derive(Default)]
struct State {
    read: Mutex<Lines>,
    more: Condvar,
}

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

/// What the wait for a line ended with.
pub(crate) enum Next {
    Line(String),
    Ended,
    Late,
}

impl Stream {
    pub(crate) fn new(pipe: impl Read + Send + 'static) -> Self {
        let state = Arc::new(State::default());
        let writer = Arc::clone(&state);
        thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            // An error reads as the end: the pipe gives nothing more.
            while matches!(pipe.read_until(b'\n', &mut line), Ok(1..)) {
                let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line));
                writer.lock().lines.push(text.into_owned());
                writer.more.notify_all();
                line.clear();
            }
            writer.lock().ended = true;
            writer.more.notify_all();
        });
        Self { state, taken: 0 }
    }

    /// Takes the next line.
    pub(crate) fn next(&mut self, until: Instant) -> Next {
        let mut read = self.state.lock();
        loop {
            if let Some(line) = read.lines.get(self.taken) {
                self.taken += 1;
                return Next::Line(line.clone());
            }
            if read.ended {
                return Next::Ended;
            }
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return Next::Late;
            };
            read = wait(&self.state.more, read, left);
        }
    }

    /// Waits for the end of the pipe; `false` if it did not come in time.
    pub(crate) fn end(&self, until: Instant) -> bool {
        let mut read = self.state.lock();
        while !read.ended {
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return false;
            };
            read = wait(&self.state.more, read, left);
        }
        true
    }

    /// All lines so far, taken or not.
    pub(crate) fn all(&self) -> Vec<String> {
        self.state.lock().lines.clone()
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a>(
    more: &Condvar,
    read: MutexGuard<'a, Lines>,
    left: std::time::Duration,
) -> MutexGuard<'a, Lines> {
    more.wait_timeout(read, left)
        .unwrap_or_else(PoisonError::into_inner)
        .0
}
