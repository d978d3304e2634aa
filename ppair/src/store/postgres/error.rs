//! What an error of the client's means to the pair.

use core::error::Error as _;

use ::postgres::Error;
use ::postgres::error::DbError;

use crate::store::StoreError;

/// Why something was not done in a session.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) error: StoreError,
    /// Whether the session can do nothing more.
    pub(super) lost: bool,
}

impl Problem {
    /// A failure that a new session may not have.
    pub(super) fn lost(reason: impl core::fmt::Display) -> Self {
        Self {
            error: StoreError::failed(reason),
            lost: true,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self { error, lost: false }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let Some(said) = error.as_db_error() else {
            return Self {
                error: of_client(&error),
                lost: true,
            };
        };
        let code = said.code().code();
        Self {
            error: of_server(code, said),
            lost: ends_session(code),
        }
    }
}

/// What the server has said.
fn of_server(code: &str, said: &DbError) -> StoreError {
    let mut text = said.message().to_owned();
    for more in [said.detail(), said.hint()].into_iter().flatten() {
        text.push_str("; ");
        text.push_str(more);
    }
    let advice = match code {
        "3D000" => "name a database that is there",
        "3F000" => "name a schema that is there in `ppair_table`",
        "42501" => {
            "give the user the right to create tables, or to read and write those that are there"
        }
        _ if code.starts_with("28") => {
            "give another user or password in the address, or let this one in (pg_hba.conf)"
        }
        _ => "",
    };
    let reason = if advice.is_empty() {
        format!("the server says: {text} (SQLSTATE {code})")
    } else {
        format!("the server says: {text} (SQLSTATE {code}): {advice}")
    };
    if !advice.is_empty() || is_lasting(code) {
        StoreError::unusable(reason)
    } else {
        StoreError::failed(reason)
    }
}

/// Whether it will be the same next time. A table that is gone is made again.
fn is_lasting(code: &str) -> bool {
    let classes = ["0A", "22", "42", "54"];
    code != "42P01" && classes.iter().any(|class| code.starts_with(class))
}

/// Whether the server closes the connection after that, or the state of the session is not known.
fn ends_session(code: &str) -> bool {
    let shuts_down = code.starts_with("57P");
    let broken = code.starts_with("08") || code.starts_with("25") || code.starts_with("XX");
    shuts_down || broken || code == "42P01"
}

/// What the client has found.
fn of_client(error: &Error) -> StoreError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    // The client does not tell its kinds of errors apart in any other way.
    let lasting = ["invalid configuration", "authentication error"];
    if lasting.iter().any(|kind| text.starts_with(kind)) {
        return StoreError::unusable(format_args!("{text}: see the address"));
    }
    StoreError::failed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_and_what_ends_a_session() {
        for (code, lasting, ends) in [
            ("42703", true, false),
            ("42P10", true, false),
            ("42P01", false, true),
            ("53100", false, false),
            ("55P03", false, false),
            ("57014", false, false),
            ("40001", false, false),
            ("57P01", false, true),
            ("25P02", false, true),
            ("25006", false, true),
            ("08006", false, true),
            ("54000", true, false),
        ] {
            assert_eq!(
                (is_lasting(code), ends_session(code)),
                (lasting, ends),
                "{code}"
            );
        }
    }
}
