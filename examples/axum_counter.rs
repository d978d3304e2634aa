//! A web service that goes on counting, on the same port, while it crashes and hangs.
//!
//! What it shows: tokio and axum below `#[ppair::main]`. The number of hits is hard state, shared
//! by all requests. The socket is bound once, in `setup`, so port and queue outlive every worker. A
//! runtime that no longer turns is a hang, and ends the worker. SIGTERM ends the service when the
//! requests in flight are answered. SIGHUP, as `systemctl reload` sends it, has the worker read its
//! greeting again.
//!
//! ```text
//! cargo run --features axum_counter --example axum_counter -- [--listen ADDR] [--greeting FILE]
//! ```
//!
//! It prints `listening on ADDR` (the port that it got, if ADDR ends in `:0`). A socket that systemd or `systemfd` passes is
//! taken in place of ADDR: `systemfd --no-pid -s http::8080 -- target/debug/examples/axum_counter`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | counts, and answers with the number of hits |
//! | `POST /add`, with a number | counts so many at once |
//! | `GET /greeting` | the text in FILE, as it was when the worker started or got its last SIGHUP |
//! | `GET /status` | which worker this is, why the last one died, what the watch dog has counted |
//! | `GET /crash`, `GET /crash/KIND` | none: the worker crashes |
//! | `GET /hang` | none: the runtime is blocked |
//!
//! How to crash it: `curl localhost:8080/crash/KIND`, KIND being `segv` (as without one), `abort`, `panic`, `exit`, `overflow`,
//! `kill`, or `mix` (chosen by the hits). Or `kill -9` the worker that an `event=started` line names.
//!
//! What one then sees: `curl` gets an empty reply, stderr says why the worker died and that the next one started, and
//! `curl localhost:8080` goes on with the next number. After `/hang` there is a line `event=hung` five seconds later, then the
//! worker dies of SIGABRT; who asked meanwhile waits and is served by the next one, if the connection was not accepted yet.

#[path = "common/crash.rs"]
mod crash;

use std::io::{self, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::{future, thread};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use crash::Crash;
use lexopt::{Arg, ValueExt};
use listenfd::ListenFd;
use ppair::{Checkpoint, HardState, Worker};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

const USAGE: &str = "\
usage: axum_counter [--listen ADDR] [--greeting FILE]

Counts requests. `GET /crash/KIND` crashes the worker, `GET /hang` blocks it.

  --listen ADDR    address and port (default 127.0.0.1:8080); port 0 takes any that is free
  --greeting FILE  the answer to `GET /greeting` (default: hello); read again on SIGHUP
  --help           print this

A socket that is passed by a service manager (LISTEN_FDS) is taken in place of ADDR.
";

/// How many hits all workers have counted.
#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Hits {
    total: u64,
}

/// What `setup` returns to every worker.
struct Setup {
    listener: TcpListener,
    greeting: Option<PathBuf>,
}

/// What each request can reach.
#[derive(Clone)]
struct Service {
    hits: Checkpoint<Hits>,
    greeting: Arc<Mutex<String>>,
    worker: Worker,
    crash: UnboundedSender<Crash>,
}

/// Runs once, in the watch dog: the socket is there before there is a worker.
fn listen() -> Result<Setup, lexopt::Error> {
    let mut address = "127.0.0.1:8080".to_owned();
    let mut greeting = None;
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("listen") => address = args.value()?.string()?,
            Arg::Long("greeting") => greeting = Some(PathBuf::from(args.value()?)),
            Arg::Short('h') | Arg::Long("help") => {
                print!("{USAGE}");
                std::process::exit(0);
            }
            other => return Err(other.unexpected()),
        }
    }
    // `setup` runs in the process that the service manager has started, the one that LISTEN_PID names.
    let passed = ListenFd::from_env().take_tcp_listener(0);
    let bound = passed.and_then(|passed| {
        let listener = passed.map_or_else(|| TcpListener::bind(&address), Ok)?;
        // As tokio wants it. It is a property of the socket, so each worker finds it so.
        listener.set_nonblocking(true)?;
        println!("listening on {}", listener.local_addr()?);
        Ok(listener)
    });
    let listener = bound.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    Ok(Setup { listener, greeting })
}

#[ppair::main(setup = listen, hang_timeout = "5s")]
#[tokio::main]
async fn main(setup: &Setup, hits: Checkpoint<Hits>, worker: Worker) -> io::Result<()> {
    // A copy of the descriptor: the socket itself stays with the watch dog.
    let listener = tokio::net::TcpListener::from_std(setup.listener.try_clone()?)?;
    let _heart = ppair::watch_runtime("tokio", &Handle::current());
    let (crash, mut crashes) = unbounded_channel();
    let greeting = Arc::new(Mutex::new(read_greeting(setup.greeting.as_ref())));
    reload_on_hangup(setup.greeting.clone(), Arc::clone(&greeting))?;
    let service = Service {
        hits: hits.clone(),
        greeting,
        worker: worker.clone(),
        crash,
    };
    let routes = Router::new()
        .route("/", get(count))
        .route("/add", post(add))
        .route("/greeting", get(greet))
        .route("/status", get(status))
        .route("/crash", get(crash_by_segv))
        .route("/crash/{kind}", get(crash_by))
        .route("/hang", get(hang))
        .with_state(service);
    let serving = axum::serve(listener, routes).with_graceful_shutdown(stop()?);
    worker.ready();
    tokio::select! {
        served = serving => served,
        // The crash happens here: tokio catches a panic in a request, which then ends that request alone.
        Some(crash) = crashes.recv() => crash.now(hits.load().total),
    }
}

/// The greeting as it is now. A file that cannot be read is no reason to end a service that runs.
fn read_greeting(file: Option<&PathBuf>) -> String {
    let Some(path) = file else {
        return "hello".to_owned();
    };
    std::fs::read_to_string(path).unwrap_or_else(|error| {
        let reason = format!("cannot read {}: {error}", path.display());
        eprintln!("{reason}");
        reason
    })
}

/// Reads the greeting again whenever the watch dog passes on a SIGHUP. Without this handler, it
/// would end the worker, and the service with it.
fn reload_on_hangup(file: Option<PathBuf>, greeting: Arc<Mutex<String>>) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let now = read_greeting(file.as_ref());
            *greeting.lock().unwrap_or_else(PoisonError::into_inner) = now;
            // Its reader may be gone.
            let _ = writeln!(io::stdout(), "reloaded");
        }
    });
    Ok(())
}

/// Ends when the service is to stop. From then on nobody is accepted, and what was accepted is answered; the watch dog kills
/// the worker if that takes longer than `stop_timeout`.
fn stop() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Nobody may read it any more.
        let _ = writeln!(io::stdout(), "stopping");
    })
}

async fn count(State(service): State<Service>) -> String {
    add_hits(&service, 1)
}

async fn add(State(service): State<Service>, body: String) -> Result<String, StatusCode> {
    let hits = body.trim().parse().map_err(|_| StatusCode::BAD_REQUEST)?;
    Ok(add_hits(&service, hits))
}

/// Counted first: a number that was told to a client is never told again.
fn add_hits(service: &Service, hits: u64) -> String {
    let total = service.hits.update(|counted| {
        counted.total = counted.total.wrapping_add(hits);
        counted.total
    });
    format!("{total}\n")
}

async fn greet(State(service): State<Service>) -> String {
    let greeting = service.greeting.lock();
    let greeting = greeting.unwrap_or_else(PoisonError::into_inner);
    format!("{}\n", greeting.trim_end())
}

async fn status(State(Service { hits, worker, .. }): State<Service>) -> String {
    let counters = worker.counters();
    let last = worker.last_death();
    format!(
        "worker: {} (process {})\nhits: {}\nrestarts: {}\nlongest outage: {:?}\nlast death: {}\n",
        worker.incarnation(),
        std::process::id(),
        hits.load().total,
        counters.restarts(),
        counters.longest_outage().unwrap_or_default(),
        last.map_or_else(|| "none".to_owned(), ToString::to_string),
    )
}

async fn crash_by_segv(State(service): State<Service>) -> String {
    crash(&service, Crash::Segv).await
}

async fn crash_by(
    State(service): State<Service>,
    Path(kind): Path<String>,
) -> Result<String, (StatusCode, String)> {
    let kind = kind.parse();
    let kind = kind.map_err(|error| (StatusCode::NOT_FOUND, format!("cannot crash: {error}\n")))?;
    Ok(crash(&service, kind).await)
}

/// The connection ends with the worker.
async fn crash(service: &Service, kind: Crash) -> String {
    let _ = service.crash.send(kind);
    future::pending().await
}

/// Blocks every thread of the runtime: if one were left, it would go on serving.
async fn hang() -> String {
    // One more than there are other threads: the last one may be kept for this thread.
    for _ in 0..Handle::current().metrics().num_workers() {
        tokio::spawn(async { sleep_for_ever() });
    }
    sleep_for_ever()
}

fn sleep_for_ever() -> ! {
    loop {
        thread::park();
    }
}
