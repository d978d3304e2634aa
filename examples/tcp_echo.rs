//! A TCP server that goes on listening while it crashes.
//!
//! What it shows: a resource from `setup`. The watch dog binds the socket once and every worker
//! inherits it, so the port stays open between two workers: a client that connects in between waits
//! in the queue, it is not refused. The number of lines served is hard state, shared by threads.
//!
//! ```text
//! cargo run --example tcp_echo -- --listen 127.0.0.1:7777
//! ```
//!
//! It prints `listening on ADDR` (the port that it got, if ADDR ends in `:0`). Each line that a
//! client sends comes back with the total of lines that all workers have served: `hello` as
//! `1 hello`. Any number of clients are served at once.
//!
//! How to crash it: `nc 127.0.0.1 7777`, and the line `crash KIND`, KIND being `segv`, `abort`,
//! `panic`, `exit`, `overflow`, `kill`, or `mix` (chosen by the total). Or `kill -9` the worker that
//! an `event=started` line names.
//!
//! What one then sees: all connections close, stderr says why the worker died and that the next one
//! started; connect again, and the total goes on where it was.

#[path = "common/crash.rs"]
mod crash;

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::thread;

use crash::Crash;
use lexopt::{Arg, ValueExt};
use ppair::{Checkpoint, HardState};

const USAGE: &str = "\
usage: tcp_echo --listen ADDR

Echoes each line with the total of lines served. A line `crash KIND` crashes the worker.

  --listen ADDR  address and port, such as 127.0.0.1:7777; port 0 takes any that is free
  --help         print this
";

/// A line may not be longer.
const LONGEST_LINE: u64 = 64 * 1024;

/// How many lines all workers have served.
#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Served {
    lines: u64,
}

/// What ends the worker.
enum End {
    Crash(Crash),
    Broken(io::Error),
}

/// Runs once, in the watch dog: the socket is bound before there is a worker.
fn listen() -> Result<TcpListener, lexopt::Error> {
    let mut address = None;
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("listen") => address = Some(args.value()?.string()?),
            Arg::Short('h') | Arg::Long("help") => {
                print!("{USAGE}");
                std::process::exit(0);
            }
            other => return Err(other.unexpected()),
        }
    }
    let address = address.ok_or("missing option '--listen ADDR'")?;
    let bound = TcpListener::bind(&address).and_then(|listener| {
        println!("listening on {}", listener.local_addr()?);
        Ok(listener)
    });
    bound.map_err(|error| format!("cannot listen on {address}: {error}").into())
}

#[ppair::main(setup = listen)]
fn main(listener: &'static TcpListener, served: Checkpoint<Served>) -> io::Result<()> {
    let (end, ended) = mpsc::channel();
    let total = served.clone();
    thread::Builder::new().spawn(move || accept(listener, &total, &end))?;
    // The crash happens here, since a panic of any other thread would end that thread alone.
    match ended.recv() {
        Ok(End::Crash(crash)) => crash.now(served.load().lines),
        Ok(End::Broken(error)) => Err(error),
        Err(gone) => Err(io::Error::other(gone)),
    }
}

/// Gives each client a thread.
fn accept(listener: &TcpListener, served: &Checkpoint<Served>, end: &Sender<End>) {
    loop {
        let (served, client_end) = (served.clone(), end.clone());
        let started = match listener.accept() {
            Ok((client, _)) => thread::Builder::new().spawn(move || {
                // A client that is gone is no reason to stop.
                let _ = serve(&client, &served, &client_end);
            }),
            // It hung up before its turn came.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
            Err(error) => Err(error),
        };
        if let Err(error) = started {
            // Out of descriptors or of threads: a new worker begins with none in use.
            let _ = end.send(End::Broken(error));
            return;
        }
    }
}

/// Echoes the lines of one client.
fn serve(client: &TcpStream, served: &Checkpoint<Served>, end: &Sender<End>) -> io::Result<()> {
    let mut reader = BufReader::new(client);
    let mut writer = client;
    let mut line = Vec::new();
    while reader
        .by_ref()
        .take(LONGEST_LINE)
        .read_until(b'\n', &mut line)?
        > 0
    {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\r', '\n']);
        let answer = match text.strip_prefix("crash ").map(str::parse) {
            Some(Ok(crash)) => {
                let _ = end.send(End::Crash(crash));
                // The connection stays open: it ends with the worker.
                loop {
                    thread::park();
                }
            }
            Some(Err(error)) => format!("cannot crash: {error}\n"),
            None => {
                // Counted first: a total that was told to a client is never told again.
                let total = served.update(|served| {
                    served.lines += 1;
                    served.lines
                });
                format!("{total} {text}\n")
            }
        };
        writer.write_all(answer.as_bytes())?;
        line.clear();
    }
    Ok(())
}
