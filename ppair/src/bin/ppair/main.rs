//! The command `ppair`: looks into running pairs, their stores and their logs.

mod arguments;
mod backup;
mod json;
mod log;
mod logfmt;
mod moment;
mod show;
mod status;
mod summary;

use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use arguments::{Command, Wrong};

/// Something could not be done.
const COULD_NOT: u8 = 1;
/// The arguments are wrong.
const WRONG_USAGE: u8 = 2;

/// Why the command ends without having done what it should.
enum Failure {
    /// Nobody reads the output any more, which is as good as a success.
    NobodyReads,
    Could(String),
}

impl From<ppair::inspect::Error> for Failure {
    fn from(error: ppair::inspect::Error) -> Self {
        Self::Could(error.to_string())
    }
}

/// Of the output; what reads the input says which file it was.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe {
            Self::NobodyReads
        } else {
            Self::Could(format!("the output cannot be written: {error}"))
        }
    }
}

fn main() -> ExitCode {
    let command = match Command::parse(lexopt::Parser::from_env()) {
        Ok(command) => command,
        Err(Wrong { what, command }) => {
            let help = command.map_or_else(String::new, |command| format!(" {command}"));
            complain(&format!("{what}; `ppair help{help}` tells how it is used"));
            return WRONG_USAGE.into();
        }
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let done = run(&command, &mut out).and_then(|()| Ok(out.flush()?));
    match done {
        Ok(()) | Err(Failure::NobodyReads) => ExitCode::SUCCESS,
        Err(Failure::Could(reason)) => {
            // What was found before it.
            let _ = out.flush();
            complain(&reason);
            COULD_NOT.into()
        }
    }
}

fn run(command: &Command, out: &mut impl Write) -> Result<(), Failure> {
    match command {
        Command::Help(text) => out.write_all(text.as_bytes())?,
        Command::Version => writeln!(out, "ppair {}", env!("CARGO_PKG_VERSION"))?,
        Command::Inspect { source, json, all } => show::run(source, *json, *all, out)?,
        Command::Status { pid, json } => status::run(*pid, *json, out)?,
        Command::Log(options) => log::run(options, out)?,
        Command::Export { source, file, json } => backup::export(source, file, *json, out)?,
        Command::Import {
            backup,
            store,
            dry_run,
            json,
        } => backup::import(backup, store, *dry_run, *json, out)?,
    }
    Ok(())
}

fn complain(reason: &str) {
    let _ = writeln!(io::stderr(), "ppair: {reason}");
}
