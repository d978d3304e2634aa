//! `axum_counter`: the count goes on and the port stays open, through crashes, hangs and a stop.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::time::Duration;

use nix::libc;
use ppair_tests::{Fixture, Running, Scratch, Signal};

const PROGRAM: &str = env!("CARGO_BIN_EXE_axum_counter");
const TIMEOUT: Duration = Duration::from_secs(120);

/// The program on a port of its own.
fn server(change: impl FnOnce(Fixture) -> Fixture) -> (Running, SocketAddr) {
    let fixture = Fixture::new(PROGRAM).args(["--listen", "127.0.0.1:0"]);
    listening(change(fixture))
}

fn listening(fixture: Fixture) -> (Running, SocketAddr) {
    let mut pair = fixture.spawn();
    let line = pair.stdout_line();
    let address = line
        .strip_prefix("listening on ")
        .expect("it says where it listens");
    let address = address.parse().expect("it says an address");
    (pair, address)
}

/// A connection with one request.
struct Request {
    stream: BufReader<TcpStream>,
}

impl Request {
    fn send(address: SocketAddr, text: &str) -> Self {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT).expect("the port is open");
        stream
            .set_read_timeout(Some(TIMEOUT))
            .expect("a time-out can be set");
        let mut request = Self {
            stream: BufReader::new(stream),
        };
        request.write(text);
        request
    }

    fn get(address: SocketAddr, path: &str) -> Self {
        let text = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        Self::send(address, &text)
    }

    fn write(&mut self, text: &str) {
        let written = self.stream.get_mut().write_all(text.as_bytes());
        written.expect("it reads");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line in time");
        line.trim_end().to_owned()
    }

    /// Status and body; `None` if the connection ends without an answer.
    fn answer(mut self) -> Option<(u16, String)> {
        let mut text = String::new();
        match self.stream.read_to_string(&mut text) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => {
                panic!("no answer within {TIMEOUT:?}: {error}")
            }
            _ => {}
        }
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        Some((
            status.expect("an HTTP status"),
            body.trim_end_matches('\n').to_owned(),
        ))
    }
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let answer = Request::get(address, path).answer();
    answer.unwrap_or_else(|| panic!("no answer to {path}"))
}

fn expect_hits(address: SocketAddr, hits: u64) {
    assert_eq!(get(address, "/"), (200, hits.to_string()));
}

/// Asks for an orderly end, and expects it.
fn stop(mut pair: Running) {
    pair.signal(Signal::SIGTERM);
    pair.event("stopping");
    pair.finish().expect_code(0);
}

#[test]
fn the_count_survives_every_kind_of_crash_on_the_same_port() {
    let (mut pair, address) = server(|fixture| fixture);
    let deaths = [
        ("/crash", "signal"),
        ("/crash/segv", "signal"),
        ("/crash/abort", "signal"),
        ("/crash/panic", "panic"),
        ("/crash/exit", "exit"),
        ("/crash/overflow", "signal"),
        ("/crash/kill", "signal"),
    ];
    for (hits, (path, cause)) in (1..).zip(deaths) {
        expect_hits(address, hits);
        assert_eq!(Request::get(address, path).answer(), None, "{path}");
        let died = pair.event("died");
        assert_eq!(died.value("cause"), cause, "{path}: {died}");
        assert_eq!(died.number::<u64>("generation"), hits, "{path}: {died}");
    }
    expect_hits(address, 8);
    stop(pair);
}

#[test]
fn a_runtime_that_is_blocked_is_a_hang_and_the_next_worker_goes_on() {
    let (mut pair, address) = server(|fixture| fixture.env("PPAIR_HANG_TIMEOUT", "500ms"));
    expect_hits(address, 1);
    let blocked = Request::get(address, "/hang");
    assert_eq!(pair.event("hung").value("heart"), "tokio");
    let died = pair.event("died");
    assert_eq!(died.value("signal"), "SIGABRT", "{died}");
    assert_eq!(died.value("next"), "restart", "{died}");
    assert_eq!(blocked.answer(), None);
    expect_hits(address, 2);
    stop(pair);
}

#[test]
fn the_status_tells_of_the_last_death() {
    let (mut pair, address) = server(|fixture| fixture);
    let (_, before) = get(address, "/status");
    assert!(before.contains("\nlast death: none"), "{before}");
    assert_eq!(Request::get(address, "/crash/exit").answer(), None);
    pair.event("died");
    let (_, after) = get(address, "/status");
    assert!(after.starts_with("worker: 2 "), "{after}");
    assert!(after.contains("\nrestarts: 1\n"), "{after}");
    assert!(!after.contains("\nlast death: none"), "{after}");
    stop(pair);
}

#[test]
fn a_request_in_flight_is_answered_after_the_stop_and_nobody_else_is() {
    let (mut pair, address) = server(|fixture| fixture);
    let head = "POST /add HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\
                Connection: close\r\n\r\n";
    let mut request = Request::send(address, head);
    // It asks for the body, so the request is in flight.
    assert_eq!(request.line(), "HTTP/1.1 100 Continue");
    assert_eq!(request.line(), "");
    pair.signal(Signal::SIGTERM);
    assert_eq!(pair.stdout_line(), "stopping");
    request.write("41");
    assert_eq!(request.answer(), Some((200, "41".to_owned())));
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("stopping")[0].value("signal"), "SIGTERM");
    assert_eq!(end.events("killing").len(), 0);
    assert!(TcpStream::connect_timeout(&address, TIMEOUT).is_err());
}

#[test]
fn a_request_that_never_ends_does_not_keep_the_service_from_its_stop() {
    let (mut pair, address) = server(|fixture| fixture.env("PPAIR_STOP_TIMEOUT", "200ms"));
    let head =
        "POST /add HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    let mut request = Request::send(address, head);
    assert_eq!(request.line(), "HTTP/1.1 100 Continue");
    pair.signal(Signal::SIGTERM);
    assert_eq!(pair.event("killing").value("reason"), "stop_timeout");
    pair.finish().expect_code(137);
}

/// As systemd does it: descriptor 3 is the socket, and `LISTEN_PID` the program's own number.
fn passing(listener: &TcpListener) -> Fixture {
    let socket = listener.as_raw_fd();
    let pass = move || {
        // SAFETY: `dup2` takes two numbers and touches no memory.
        let passed = unsafe { libc::dup2(socket, 3) };
        if passed == 3 && socket != 3 {
            return Ok(());
        }
        // It had the number already, and is to survive the `exec`.
        // SAFETY: this command takes a number.
        match unsafe { libc::fcntl(3, libc::F_SETFD, 0) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    let script = r#"LISTEN_FDS=1 LISTEN_PID=$$ exec "$0""#;
    let fixture = Fixture::new("/bin/sh").args(["-c", script, PROGRAM]);
    fixture.with(|command| {
        // SAFETY: the closure runs between fork and exec and makes system calls only, which is allowed there.
        unsafe { command.pre_exec(pass) };
    })
}

#[test]
fn a_socket_that_a_service_manager_passes_is_served_and_survives_crashes() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    let (mut pair, listening) = listening(passing(&socket));
    assert_eq!(listening, address);
    expect_hits(address, 1);
    assert_eq!(Request::get(address, "/crash").answer(), None);
    pair.event("died");
    expect_hits(address, 2);
    stop(pair);
}

/// `systemctl reload` sends it, by the `ExecReload=` that the README has.
#[test]
fn a_hangup_reloads_and_ends_nothing() {
    let folder = Scratch::new();
    let file = folder.join("greeting");
    std::fs::write(&file, "good morning\n").expect("a file");
    let (mut pair, address) = server(|fixture| fixture.arg("--greeting").arg(&file));
    let greeting = || get(address, "/greeting").1;
    assert_eq!(greeting(), "good morning");
    expect_hits(address, 1);
    std::fs::write(&file, "good night\n").expect("a file");
    assert_eq!(greeting(), "good morning");
    // By the watch dog, as systemd knows no other process of it.
    pair.signal(Signal::SIGHUP);
    assert_eq!(pair.stdout_line(), "reloaded");
    assert_eq!(greeting(), "good night");
    // The next worker has a handler too.
    assert_eq!(Request::get(address, "/crash").answer(), None);
    pair.event("died");
    expect_hits(address, 2);
    std::fs::remove_file(&file).expect("a file");
    pair.signal(Signal::SIGHUP);
    assert_eq!(pair.stdout_line(), "reloaded");
    assert!(greeting().starts_with("cannot read "));
    expect_hits(address, 3);
    stop(pair);
}

#[test]
fn bad_requests_are_answered() {
    let (pair, address) = server(|fixture| fixture);
    let (status, text) = get(address, "/crash/hard");
    assert_eq!(status, 404);
    assert!(text.starts_with("cannot crash: expected one of `segv`"));
    assert_eq!(get(address, "/nothing").0, 404);
    let post =
        "POST /add HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
    let answer = Request::send(address, post).answer();
    assert_eq!(answer.map(|(status, _)| status), Some(400));
    expect_hits(address, 1);
    stop(pair);
}

#[test]
fn a_bad_address_is_refused_before_there_is_a_worker() {
    for (args, reason) in [
        (vec!["--listen"], "missing argument for option '--listen'"),
        (vec!["--listen", "nowhere"], "cannot listen on nowhere: "),
        (vec!["--port", "5"], "invalid option '--port'"),
    ] {
        let end = Fixture::new(PROGRAM).args(&args).run();
        end.expect_code(78);
        let refused = end.events("refused");
        assert!(refused[0].value("reason").contains(reason), "{args:?}");
        assert_eq!(end.events("started").len(), 0);
    }
}
