//! What is left of a program that has ended.

use std::fmt::Write as _;
use std::process::ExitStatus;

use crate::Event;

/// How a program ended, and all that it said.
#[derive(Debug)]
pub struct End {
    /// The exit status.
    pub status: ExitStatus,
    /// The lines of standard output.
    pub stdout: Vec<String>,
    /// The lines of standard error.
    pub stderr: Vec<String>,
}

impl End {
    /// The exit code; `None` if a signal killed it.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The events of this name.
    #[must_use]
    pub fn events(&self, name: &str) -> Vec<Event> {
        self.all_events()
            .into_iter()
            .filter(|event| event.name() == name)
            .collect()
    }

    /// All events.
    #[must_use]
    pub fn all_events(&self) -> Vec<Event> {
        self.stderr
            .iter()
            .filter_map(|line| Event::find(line))
            .collect()
    }

    /// Standard error without ppair's lines.
    #[must_use]
    pub fn other_stderr(&self) -> Vec<&str> {
        let other = self
            .stderr
            .iter()
            .filter(|line| Event::find(line).is_none());
        other.map(String::as_str).collect()
    }

    /// Fails unless the exit code is this one; says all that the program said.
    ///
    /// # Panics
    ///
    /// If it is another.
    #[track_caller]
    pub fn expect_code(&self, code: i32) {
        assert!(
            self.code() == Some(code),
            "expected exit code {code}, found {}\n{}",
            self.status,
            transcript("the program", &self.stdout, &self.stderr)
        );
    }
}

/// The lines of standard output.
#[must_use]
pub fn stdout_lines(end: &End) -> Vec<&str> {
    end.stdout.iter().map(String::as_str).collect()
}

/// The last lines of both streams: a storm's whole log would hide the reason.
pub(crate) fn transcript(what: &str, stdout: &[String], stderr: &[String]) -> String {
    const LAST: usize = 60;
    let mut text = format!("of {what}\n");
    for (name, lines) in [("stdout", stdout), ("stderr", stderr)] {
        let skipped = lines.len().saturating_sub(LAST);
        let _ = writeln!(
            text,
            "--- {name}, {} lines, {skipped} of them not shown",
            lines.len()
        );
        for line in &lines[skipped..] {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}
