//! Watches web servers: asks one URL after the other whether it answers.
//!
//! What it shows: the service that process pairs are taught with. The watch dog reads the list of
//! URLs before there is a worker; every worker inherits it and reads no file. The hard state is the
//! next URL and the round, so a crash costs no round and repeats at most one request.
//!
//! ```text
//! cargo run --features url_watch --example url_watch -- FILE TIMEOUT_MS PAUSE_MS [--rounds R]
//! ```
//!
//! FILE holds one `http` URL a line; empty lines and lines that begin with `#` count for nothing.
//! `TIMEOUT_MS` is how long one URL may take, `PAUSE_MS` the pause after each. With R it ends after
//! R rounds with exit code 0, else it goes on for ever. It prints
//!
//! ```text
//! ===> Successful response from host HOST(ADDR): HTTP/1.1 200 OK
//! ===> Host HOST(ADDR) does not respond with "success"
//! HTTP/1.1 404 Not Found
//! ===> Could not find host HOST
//! ===> No answer from host HOST(ADDR): nothing came within 500 ms
//! ```
//!
//! How to crash it: `kill -9` the worker that an `event=started` line names, as often as you like; a
//! URL that takes its time gives you the time to do it during a request.
//!
//! What one then sees: stderr says why the worker died and that the next one started. If it died
//! during a request, the same URL is asked again, else the next one; each URL is answered for once
//! in each round. (A kill in the microseconds between an answer's line and its commit prints that
//! line again.)
//!
//! The name of a host is looked up by the system, which has its own patience:
//! `TIMEOUT_MS` begins once the address is known.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use lexopt::{Arg, ValueExt};
use ppair::{Checkpoint, HardState};
use url::{Position, Url};

const USAGE: &str = "\
usage: url_watch FILE TIMEOUT_MS PAUSE_MS [--rounds R]

Asks the URLs of FILE (http, one a line) in turn, and prints what each answers.

  TIMEOUT_MS  how long one URL may take, in milliseconds
  PAUSE_MS    the pause after each URL, in milliseconds
  --rounds R  end after R rounds
  --help      print this
";

/// A status line may not be longer.
const LONGEST_LINE: u64 = 8 * 1024;

const CLOSED: &str = "it closed the connection";

/// Which URL comes next.
#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Place {
    round: u64,
    next: u64,
}

/// What the command line and the file ask for.
struct Settings {
    urls: Vec<Url>,
    timeout: Duration,
    pause: Duration,
    rounds: Option<u64>,
}

/// Runs once, in the watch dog: an error here ends the program before there is a worker.
fn read_settings() -> Result<Settings, lexopt::Error> {
    let (mut file, mut timeout, mut pause, mut rounds) = (None, None, None, None);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("rounds") => rounds = Some(args.value()?.parse()?),
            Arg::Short('h') | Arg::Long("help") => {
                print!("{USAGE}");
                std::process::exit(0);
            }
            Arg::Value(value) if file.is_none() => file = Some(PathBuf::from(value)),
            Arg::Value(value) if timeout.is_none() => {
                timeout = Some(milliseconds("TIMEOUT_MS", &value.string()?)?);
            }
            Arg::Value(value) if pause.is_none() => {
                pause = Some(milliseconds("PAUSE_MS", &value.string()?)?);
            }
            other => return Err(other.unexpected()),
        }
    }
    let urls = read_urls(&file.ok_or("missing argument FILE")?)?;
    let timeout = timeout.ok_or("missing argument TIMEOUT_MS")?;
    if timeout.is_zero() {
        return Err("TIMEOUT_MS: expected at least 1, found 0".into());
    }
    Ok(Settings {
        urls,
        timeout,
        pause: pause.ok_or("missing argument PAUSE_MS")?,
        rounds,
    })
}

fn milliseconds(name: &str, text: &str) -> Result<Duration, String> {
    let number = text
        .parse()
        .map_err(|error| format!("{name}: {error}: {text:?}"))?;
    Ok(Duration::from_millis(number))
}

fn read_urls(file: &Path) -> Result<Vec<Url>, String> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    let mut urls = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = format!("{name}:{}", index + 1);
        let url = Url::parse(line).map_err(|error| format!("{at}: {error}: {line}"))?;
        if url.scheme() != "http" {
            return Err(format!(
                "{at}: expected an `http` URL, found `{}`: {line}",
                url.scheme()
            ));
        }
        urls.push(url);
    }
    if urls.is_empty() {
        Err(format!("{name}: it holds no URL"))
    } else {
        Ok(urls)
    }
}

#[ppair::main(setup = read_settings)]
fn main(settings: &Settings, place: Checkpoint<Place>) -> io::Result<()> {
    loop {
        let Place { round, next } = place.load();
        if settings.rounds.is_some_and(|rounds| round >= rounds) {
            return Ok(());
        }
        // The list does not change while the pair lives; a place behind its end begins a round.
        let index = usize::try_from(next).unwrap_or(usize::MAX);
        let Some(url) = settings.urls.get(index) else {
            place.store(Place {
                round: round + 1,
                next: 0,
            });
            continue;
        };
        let answer = ask(url, settings.timeout);
        // One write, and before the commit: a crash in between repeats the answer, it loses none.
        match io::stdout()
            .lock()
            .write_all(format!("===> {answer}\n").as_bytes())
        {
            // Nobody reads any more, so there is nothing left to do.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            printed => printed?,
        }
        place.store(Place {
            round,
            next: next + 1,
        });
        thread::sleep(settings.pause);
    }
}

/// What became of a request.
enum Answer {
    Unknown { host: String },
    None { host: Host, why: String },
    Status { host: Host, code: u16, line: String },
}

/// A host and the address that answers for it.
struct Host {
    name: String,
    address: SocketAddr,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.address.ip())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { host } => write!(f, "Could not find host {host}"),
            Self::None { host, why } => write!(f, "No answer from host {host}: {why}"),
            Self::Status {
                host,
                code: 200..=299,
                line,
            } => {
                write!(f, "Successful response from host {host}: {line}")
            }
            Self::Status { host, line, .. } => {
                write!(f, "Host {host} does not respond with \"success\"\n{line}")
            }
        }
    }
}

fn ask(url: &Url, timeout: Duration) -> Answer {
    let name = url.host_str().unwrap_or_default().to_owned();
    let addresses = url.socket_addrs(|| None).unwrap_or_default();
    let deadline = Instant::now() + timeout;
    let mut last = None;
    for address in addresses {
        let host = Host {
            name: name.clone(),
            address,
        };
        match request(url, address, deadline).and_then(|line| Ok((status(&line)?, line))) {
            Ok((code, line)) => return Answer::Status { host, code, line },
            Err(error) => {
                let why = match error.kind() {
                    // A read whose time is up says `WouldBlock`, a connect says `TimedOut`.
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        format!("nothing came within {} ms", timeout.as_millis())
                    }
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => CLOSED.to_owned(),
                    _ => error.to_string(),
                };
                last = Some(Answer::None { host, why });
                if left(deadline).is_err() {
                    break;
                }
            }
        }
    }
    last.unwrap_or(Answer::Unknown { host: name })
}

/// Sends the request and reads the status line.
fn request(url: &Url, address: SocketAddr, deadline: Instant) -> io::Result<String> {
    let mut server = TcpStream::connect_timeout(&address, left(deadline)?)?;
    server.set_write_timeout(Some(left(deadline)?))?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: url_watch\r\nAccept: */*\r\n\
         Connection: close\r\n\r\n",
        &url[Position::BeforePath..Position::AfterQuery],
        &url[Position::BeforeHost..Position::AfterPort],
    );
    server.write_all(request.as_bytes())?;
    let mut line = Vec::new();
    let mut part = [0; 512];
    loop {
        // Each read gets what is left, so that a server cannot stretch it byte by byte.
        server.set_read_timeout(Some(left(deadline)?))?;
        let read = server.read(&mut part)?;
        if read == 0 {
            return Err(io::Error::other(CLOSED));
        }
        line.extend_from_slice(&part[..read]);
        if let Some(end) = line.iter().position(|&byte| byte == b'\n') {
            line.truncate(end);
            return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        if line.len() as u64 > LONGEST_LINE {
            return Err(io::Error::other("its status line has no end"));
        }
    }
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(ErrorKind::TimedOut.into())
    } else {
        Ok(left)
    }
}

/// The code of a status line.
fn status(line: &str) -> io::Result<u16> {
    let head = format!("{line}\r\n\r\n");
    let mut no_headers = [];
    let mut response = httparse::Response::new(&mut no_headers);
    let parsed = response.parse(head.as_bytes()).is_ok();
    let code = response.code.filter(|_| parsed);
    code.ok_or_else(|| io::Error::other("it does not speak HTTP"))
}
