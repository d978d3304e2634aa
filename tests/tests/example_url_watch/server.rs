//! A web server with good and bad manners: the last number of the loopback address that is asked
//! chooses the answer, so that the lines of `url_watch`, which name the host only, tell them apart.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

pub(crate) const OK: u8 = 2;
pub(crate) const MISSING: u8 = 3;
/// Answers after [`PATIENCE`].
pub(crate) const SLOW: u8 = 4;
/// Never answers.
pub(crate) const SILENT: u8 = 5;
/// Closes the connection without an answer.
pub(crate) const CLOSED: u8 = 6;
/// Sends its status line byte by byte, and never its end.
pub(crate) const DRIPPING: u8 = 7;
/// Speaks something else.
pub(crate) const STRANGE: u8 = 8;

pub(crate) const PATIENCE: Duration = Duration::from_millis(40);

pub(crate) struct Server {
    port: u16,
    hosts: Receiver<u8>,
    requests: Receiver<String>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let (host_log, hosts) = mpsc::channel();
        let (request_log, requests) = mpsc::channel();
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // Whoever asked may be killed already.
                let Ok(address) = client.local_addr() else {
                    continue;
                };
                let IpAddr::V4(address) = address.ip() else {
                    continue;
                };
                let host = address.octets()[3];
                let _ = host_log.send(host);
                let request_log = request_log.clone();
                thread::spawn(move || answer(host, client, &request_log));
            }
        });
        Self {
            port,
            hosts,
            requests,
        }
    }

    pub(crate) fn url(&self, host: u8) -> String {
        format!("http://127.0.0.{host}:{}/", self.port)
    }

    /// The hosts that were asked, in order.
    pub(crate) fn asked(&self) -> Vec<u8> {
        self.hosts.try_iter().collect()
    }

    /// The next request that was answered.
    pub(crate) fn request(&self) -> String {
        self.requests
            .recv_timeout(Duration::from_secs(120))
            .expect("a request comes")
    }
}

fn answer(host: u8, mut client: TcpStream, requests: &Sender<String>) -> Option<()> {
    if host == CLOSED {
        return None;
    }
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        let read = client.read(&mut part).ok().filter(|&read| read > 0)?;
        request.extend_from_slice(&part[..read]);
    }
    let _ = requests.send(String::from_utf8_lossy(&request).into_owned());
    let text = match host {
        OK => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        MISSING => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        SLOW => {
            // The manners of this host, not a wait for anything.
            thread::sleep(PATIENCE);
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        }
        STRANGE => "220 mail.example ESMTP\r\n",
        DRIPPING => {
            for byte in "HTTP/1.1 200 ".bytes().chain(std::iter::repeat(b'O')) {
                client.write_all(&[byte]).ok()?;
                thread::sleep(Duration::from_millis(20));
            }
            ""
        }
        // Until the client gives up, or is killed.
        _ => {
            let _ = client.read(&mut part);
            ""
        }
    };
    client.write_all(text.as_bytes()).ok()
}
