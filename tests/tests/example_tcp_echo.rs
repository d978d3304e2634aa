//! `tcp_echo`: the port stays open and the total goes on, whatever happens to the worker.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use ppair_tests::{Fixture, Running, Signal, eventually, is_stopped};

const TIMEOUT: Duration = Duration::from_secs(120);

fn server() -> (Running, SocketAddr) {
    let mut pair = Fixture::new(env!("CARGO_BIN_EXE_tcp_echo"))
        .args(["--listen", "127.0.0.1:0"])
        .spawn();
    let line = pair.stdout_line();
    let address = line
        .strip_prefix("listening on ")
        .expect("it says where it listens");
    let address = address.parse().expect("it says an address");
    (pair, address)
}

struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT).expect("the port is open");
        stream
            .set_read_timeout(Some(TIMEOUT))
            .expect("a timeout can be set");
        Self {
            stream: BufReader::new(stream),
        }
    }

    fn send(&mut self, line: &str) {
        self.stream
            .get_mut()
            .write_all(format!("{line}\n").as_bytes())
            .expect("it reads");
    }

    /// The next line; `None` if the server has closed or reset the connection.
    fn receive(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end_matches('\n').to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no line within {TIMEOUT:?}: {error}"),
        }
    }

    fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.receive().expect("an answer")
    }
}

#[test]
fn counts_the_lines_of_all_clients() {
    let (_pair, address) = server();
    let (mut one, mut two) = (Client::connect(address), Client::connect(address));
    assert_eq!(one.ask("a"), "1 a");
    assert_eq!(two.ask("b"), "2 b");
    assert_eq!(one.ask("c d"), "3 c d");
    assert_eq!(two.ask(""), "4 ");
}

#[test]
fn the_total_survives_every_kind_of_crash() {
    let (mut pair, address) = server();
    let deaths = [
        ("segv", "signal"),
        ("abort", "signal"),
        ("panic", "panic"),
        ("exit", "exit"),
        ("overflow", "signal"),
        ("kill", "signal"),
        ("mix", "signal"),
    ];
    for (before, (kind, cause)) in deaths.into_iter().enumerate() {
        let mut client = Client::connect(address);
        // Connected before the crash, served after it or not at all: never refused.
        assert_eq!(client.ask(kind), format!("{} {kind}", before + 1));
        client.send(&format!("crash {kind}"));
        assert_eq!(
            client.receive(),
            None,
            "{kind}: the connection ends with the worker"
        );
        let died = pair.event("died");
        assert_eq!(died.value("cause"), cause, "{kind}: {died}");
        assert_eq!(
            died.number::<usize>("generation"),
            before + 1,
            "{kind}: {died}"
        );
    }
    assert_eq!(Client::connect(address).ask("after all"), "8 after all");
}

#[test]
fn a_client_that_comes_while_no_worker_runs_is_served_by_the_next() {
    let (mut pair, address) = server();
    let worker = pair.event("started").pid("worker");
    // A stopped worker accepts nobody, as if it were between its death and the next start.
    pair.kill(worker, Signal::SIGSTOP);
    eventually("the worker is stopped", TIMEOUT, || {
        is_stopped(worker).then_some(())
    });
    let mut client = Client::connect(address);
    client.send("early");
    pair.kill(worker, Signal::SIGKILL);
    assert_eq!(client.receive().as_deref(), Some("1 early"));
}

#[test]
fn totals_are_never_told_twice_while_workers_are_killed() {
    let (mut pair, address) = server();
    let mut told = Vec::new();
    for _ in 0..20 {
        let worker = pair.event("started").pid("worker");
        let mut clients: Vec<_> = (0..4).map(|_| Client::connect(address)).collect();
        for client in &mut clients {
            client.send("x");
        }
        // The first answer shows that it serves; the others are cut off wherever they are.
        told.extend(clients[0].receive());
        pair.kill(worker, Signal::SIGKILL);
        told.extend(clients[1..].iter_mut().filter_map(Client::receive));
        pair.event("died");
    }
    let count = told.len();
    let mut totals: Vec<u64> = told
        .iter()
        .map(|line| {
            line.strip_suffix(" x")
                .and_then(|total| total.parse().ok())
                .expect("a total")
        })
        .collect();
    totals.sort_unstable();
    totals.dedup();
    assert!(count >= 20, "{told:?}");
    assert_eq!(totals.len(), count, "{told:?}");
}

#[test]
fn an_unknown_crash_is_answered() {
    let (_pair, address) = server();
    let mut client = Client::connect(address);
    let answer = client.ask("crash hard");
    assert!(
        answer.starts_with("cannot crash: expected one of `segv`"),
        "{answer}"
    );
    assert_eq!(client.ask("next"), "1 next");
}

#[test]
fn a_bad_address_is_refused_before_there_is_a_worker() {
    for (args, reason) in [
        (vec![], "missing option '--listen ADDR'"),
        (vec!["--listen"], "missing argument for option '--listen'"),
        (vec!["--listen", "nowhere"], "cannot listen on nowhere: "),
        (vec!["--port", "5"], "invalid option '--port'"),
    ] {
        let end = Fixture::new(env!("CARGO_BIN_EXE_tcp_echo"))
            .args(&args)
            .run();
        end.expect_code(78);
        let refused = end.events("refused");
        assert_eq!(refused.len(), 1, "{args:?}: {:?}", end.stderr);
        assert!(
            refused[0].value("reason").contains(reason),
            "{args:?}: {}",
            refused[0]
        );
        assert_eq!(end.events("started").len(), 0);
    }
}

#[test]
fn a_taken_port_is_refused_before_there_is_a_worker() {
    let (_pair, address) = server();
    let second = Fixture::new(env!("CARGO_BIN_EXE_tcp_echo"))
        .args(["--listen", &address.to_string()])
        .run();
    second.expect_code(78);
    assert!(
        second.events("refused")[0]
            .value("reason")
            .contains("in use"),
        "{:?}",
        second.stderr
    );
}
