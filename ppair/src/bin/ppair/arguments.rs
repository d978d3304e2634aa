//! What the user has typed.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use lexopt::{Arg, Parser, ValueExt};

pub(crate) const HELP: &str = "\
Looks into process pairs of ppair: their hard states, how they fare, what they have logged.

  ppair inspect SOURCE         the hard states in a store, a database or a running pair, field by field
  ppair status PID             how a running pair fares: processes, deaths, outages
  ppair log [FILE|-]           what the log of a pair says, as a timeline
  ppair export SOURCE FILE     a backup of the hard states in a store or a running pair
  ppair import FILE STORE      a backup's hard states into a store
  ppair help COMMAND           more about one of them
  ppair --version

Exit status: 0, 1 if it could not be done, 2 if the arguments are wrong.
";

const INSPECT: &str = "\
usage: ppair inspect [--json] [--all] SOURCE

Prints each hard state: its name, generation and worker, and its value field by field. A running pair is not disturbed by it.

SOURCE is one of
  PID             the watch dog or the worker of a running pair
  PATH            a file of `store = \"file:PATH\"`, one of `export`, the bytes of a `Stored`, or an SQLite database
  NAME            a shared memory object of `store = \"shm:NAME\"`
  file:PATH, shm:NAME, sqlite:PATH

  --json          one JSON object, with all elements of every array
  --all           all elements of every array as text too
";

const STATUS: &str = "\
usage: ppair status [--json] PID

Prints how the running pair fares that this watch dog or worker belongs to: who lives since when, restarts, deaths by cause, the last death,
and the times from a death to the next worker. The pair is not disturbed by it.

  --json          one JSON object, with times as seconds
";

const LOG: &str = "\
usage: ppair log [--json] [--event NAME]... [--summary] [FILE|-]

Prints the events of ppair in a log, which may hold other lines and have anything in front of them: a time, a program's name. Without a FILE, or
with `-`, it is read from standard input: `journalctl -u service | ppair log`.

  --event NAME    events of this name only, such as `died`; may be given several times
  --summary       workers, deaths by cause, and the longest time from a death to the next worker
  --json          a JSON object for each event: times as seconds, `maxrss` as KiB; what was in front is `front`
";

const EXPORT: &str = "\
usage: ppair export [--json] SOURCE FILE

Writes the hard states that `ppair inspect SOURCE` shows into a new FILE. It is a store of its own: `store = \"file:FILE\"` starts from it.
A FILE that is there already is not overwritten.
";

const IMPORT: &str = "\
usage: ppair import [--dry-run] [--json] FILE STORE

Puts the hard states of a backup (or of anything else that `ppair inspect` reads) into a store, which no pair may hold meanwhile. What the
store has of the same names is set aside there; what it has of other names stays. If the store has all of it already, nothing is imported, and
that is a failure.

STORE is `file:PATH`, `shm:NAME`, `sqlite:PATH` or `postgres:URL`, as the option `store` has it.

  --dry-run       only says what would be done
";

/// What to do.
pub(crate) enum Command {
    Help(&'static str),
    Version,
    Inspect {
        source: String,
        json: bool,
        all: bool,
    },
    Status {
        pid: i32,
        json: bool,
    },
    Log(LogOptions),
    Export {
        source: String,
        file: PathBuf,
        json: bool,
    },
    Import {
        backup: String,
        store: String,
        dry_run: bool,
        json: bool,
    },
}

/// How a log is read.
#[derive(Default)]
pub(crate) struct LogOptions {
    /// `None` for standard input.
    pub(crate) file: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) summary: bool,
    /// All, if there are none.
    pub(crate) events: Vec<String>,
}

/// What is wrong with the arguments, of which command.
pub(crate) struct Wrong {
    pub(crate) what: String,
    pub(crate) command: Option<&'static str>,
}

/// What the commands have in common: flags, and so many names.
#[allow(clippy::struct_excessive_bools, reason = "they are flags")]
#[derive(Default)]
struct Given {
    names: Vec<OsString>,
    json: bool,
    all: bool,
    dry_run: bool,
    summary: bool,
    events: Vec<String>,
    help: bool,
}

/// A command's name, its help, the names and the options that it takes.
struct Shape {
    command: &'static str,
    help: &'static str,
    names: &'static [&'static str],
    options: &'static [&'static str],
}

const SHAPES: [Shape; 5] = [
    Shape {
        command: "inspect",
        help: INSPECT,
        names: &["SOURCE"],
        options: &["json", "all"],
    },
    Shape {
        command: "status",
        help: STATUS,
        names: &["PID"],
        options: &["json"],
    },
    Shape {
        command: "log",
        help: LOG,
        names: &[],
        options: &["json", "summary", "event"],
    },
    Shape {
        command: "export",
        help: EXPORT,
        names: &["SOURCE", "FILE"],
        options: &["json"],
    },
    Shape {
        command: "import",
        help: IMPORT,
        names: &["FILE", "STORE"],
        options: &["json", "dry-run"],
    },
];

impl Command {
    pub(crate) fn parse(mut parser: Parser) -> Result<Self, Wrong> {
        let first = parser.next().map_err(|error| wrong(error, None))?;
        let name = match first {
            None => return Err(wrong("a command is missing", None)),
            Some(Arg::Short('h') | Arg::Long("help")) => return Ok(Self::Help(HELP)),
            Some(Arg::Short('V') | Arg::Long("version")) => return Ok(Self::Version),
            Some(Arg::Value(name)) => name,
            Some(other) => return Err(wrong(other.unexpected(), None)),
        };
        if name == "help" {
            return help(&mut parser);
        }
        let shape = find(&name)?;
        let given = Given::parse(&mut parser, shape)?;
        if given.help {
            return Ok(Self::Help(shape.help));
        }
        given.into_command(shape)
    }
}

fn help(parser: &mut Parser) -> Result<Command, Wrong> {
    match parser.next().map_err(|error| wrong(error, None))? {
        None => Ok(Command::Help(HELP)),
        Some(Arg::Value(name)) => Ok(Command::Help(find(&name)?.help)),
        Some(other) => Err(wrong(other.unexpected(), None)),
    }
}

fn find(name: &OsString) -> Result<&'static Shape, Wrong> {
    let found = SHAPES.iter().find(|shape| name == shape.command);
    found.ok_or_else(|| {
        let known: Vec<_> = SHAPES.iter().map(|shape| shape.command).collect();
        let name = name.to_string_lossy();
        match ppair::inspect::similar(&name, &known) {
            Some(meant) => wrong(
                format_args!("there is no command {name:?}; did you mean `ppair {meant}`?"),
                None,
            ),
            None => wrong(
                format_args!("there is no command {name:?}, but {}", known.join(", ")),
                None,
            ),
        }
    })
}

impl Given {
    fn parse(parser: &mut Parser, shape: &Shape) -> Result<Self, Wrong> {
        let mut given = Self::default();
        let of = Some(shape.command);
        while let Some(arg) = parser.next().map_err(|error| wrong(error, of))? {
            let name = match arg {
                Arg::Value(name) => {
                    given.names.push(name);
                    continue;
                }
                Arg::Short('h') | Arg::Long("help") => {
                    given.help = true;
                    continue;
                }
                Arg::Long(name) if shape.options.contains(&name) => name.to_owned(),
                other => return Err(wrong(other.unexpected(), of)),
            };
            match name.as_str() {
                "json" => given.json = true,
                "all" => given.all = true,
                "dry-run" => given.dry_run = true,
                "summary" => given.summary = true,
                _ => {
                    let value = parser.value().and_then(ValueExt::string);
                    given.events.push(value.map_err(|error| wrong(error, of))?);
                }
            }
        }
        Ok(given)
    }

    fn into_command(self, shape: &Shape) -> Result<Command, Wrong> {
        let of = Some(shape.command);
        if shape.command == "log" {
            let mut names = self.names.into_iter();
            let file = names.next().filter(|name| name != "-").map(PathBuf::from);
            if names.next().is_some() {
                return Err(wrong("one FILE at a time", of));
            }
            return Ok(Command::Log(LogOptions {
                file,
                json: self.json,
                summary: self.summary,
                events: self.events,
            }));
        }
        if let Some(missing) = shape.names.get(self.names.len()) {
            return Err(wrong(format_args!("{missing} is missing"), of));
        }
        if let Some(more) = self.names.get(shape.names.len()) {
            let more = more.to_string_lossy();
            return Err(wrong(format_args!("{more:?} is one argument too many"), of));
        }
        let text = |at: usize| {
            let name: &OsString = &self.names[at];
            let text = name.to_str().map(str::to_owned);
            text.ok_or_else(|| wrong(format_args!("{name:?} is no UTF-8"), of))
        };
        Ok(match shape.command {
            "inspect" => Command::Inspect {
                source: text(0)?,
                json: self.json,
                all: self.all,
            },
            "status" => {
                let pid = text(0)?;
                let number = pid.parse().ok().filter(|pid| *pid > 0);
                let number = number.ok_or_else(|| wrong(no_process(&pid), of))?;
                Command::Status {
                    pid: number,
                    json: self.json,
                }
            }
            "export" => Command::Export {
                source: text(0)?,
                file: PathBuf::from(&self.names[1]),
                json: self.json,
            },
            _ => Command::Import {
                backup: text(0)?,
                store: text(1)?,
                dry_run: self.dry_run,
                json: self.json,
            },
        })
    }
}

/// What to say of something else than a process id.
fn no_process(given: &str) -> String {
    let is_store = given.contains([':', '/']) || Path::new(given).exists();
    let instead = if is_store {
        format!("for a store use `ppair inspect {given}`")
    } else {
        "name the watch dog or the worker of a pair, which its line `ppair event=started` tells"
            .to_owned()
    };
    format!("{given:?} is no process id; {instead}")
}

fn wrong(what: impl Display, command: Option<&'static str>) -> Wrong {
    Wrong {
        what: what.to_string(),
        command,
    }
}
