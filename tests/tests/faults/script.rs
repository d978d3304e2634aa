//! One run of the fixture `service`, with the promises that are checked all along: no commit is lost, and there are never two workers.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ppair_tests::inject::Traced;
use ppair_tests::{Pid, Signal, is_alive, patience, value};

/// Why a script does not go on.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The program has ended. Its code and its log tell whether it was allowed to.
    Ended,
    /// Something that must not be.
    Wrong(String),
}

pub(crate) type Outcome = Result<(), Stop>;

/// How long a run may take, most of which take some tens of milliseconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(15);

pub(crate) struct Script {
    pub(crate) traced: Traced,
    phase: &'static str,
    /// What the service has committed.
    count: u64,
    /// The other count that the next worker may begin with.
    or: Option<u64>,
    worker: Option<Pid>,
    pub(crate) is_degraded: bool,
    pub(crate) manager: Option<UnixDatagram>,
    /// A process that is to outlive the pair.
    pub(crate) kept: Option<Pid>,
}

/// A socket of a service manager, and its name.
pub(crate) fn manager() -> (UnixDatagram, String) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("ppair-faults-{}-{number}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a short name");
    let socket = UnixDatagram::bind_addr(&address).expect("a free name");
    (socket, format!("@{name}"))
}

impl Script {
    pub(crate) fn new(traced: Traced, phase: &'static str, manager: Option<UnixDatagram>) -> Self {
        Self {
            traced,
            phase,
            count: 0,
            or: None,
            worker: None,
            is_degraded: false,
            manager,
            kept: None,
        }
    }

    /// The part in which calls fail: whatever the watch dog does until it rests again.
    pub(crate) fn faulty(&mut self, part: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        self.traced.begin(Some(self.phase));
        let rests = self.traced.rests();
        part(self)?;
        self.rest(rests);
        Ok(())
    }

    /// The watch dog has done all that it had to do.
    pub(crate) fn rest(&mut self, rests: usize) {
        // One that never rests is found out by what it does next.
        let _ = self
            .traced
            .wait_for_rest(rests, Instant::now() + Duration::from_secs(4));
        self.traced.begin(None);
    }

    /// What it does in its last moments.
    pub(crate) fn faulty_to_the_end(&mut self, part: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        self.traced.begin(Some(self.phase));
        part(self)
    }

    pub(crate) fn write(&mut self, line: &str) -> Outcome {
        if self.traced.running().try_write_line(line) {
            Ok(())
        } else {
            Err(Stop::Ended)
        }
    }

    /// The next line that begins with this word. New workers may begin before it.
    pub(crate) fn expect(&mut self, word: &str) -> Result<String, Stop> {
        loop {
            let line = self.traced.running().try_stdout_line().ok_or(Stop::Ended)?;
            if line.starts_with("begin ") {
                self.look_at_beginning(&line)?;
            }
            if line.starts_with(word) {
                return Ok(line);
            }
            if !line.starts_with("begin ") {
                return Err(Stop::Wrong(format!("expected {word}, found {line}")));
            }
        }
    }

    /// A new worker has all that was committed, and is the only one.
    fn look_at_beginning(&mut self, line: &str) -> Outcome {
        let count = number(line, "count");
        if self.or == Some(count) {
            self.count = count;
        }
        if count != self.count {
            let count = self.count;
            return Err(Stop::Wrong(format!("lost a commit: {count} and {line}")));
        }
        self.is_degraded = value(line, "degraded") == "true";
        let worker = Pid::from_raw(value(line, "pid").parse().expect("a process id"));
        // A degraded watch dog will live beside its next worker.
        let known = (!self.is_degraded).then_some(worker);
        match core::mem::replace(&mut self.worker, known) {
            Some(earlier) if earlier != worker && is_alive(earlier) => Err(Stop::Wrong(format!(
                "worker {earlier} lives beside {worker}"
            ))),
            _ => Ok(()),
        }
    }

    pub(crate) fn begin(&mut self) -> Outcome {
        self.expect("begin").map(drop)
    }

    /// A commit, which is there.
    pub(crate) fn add(&mut self) -> Outcome {
        self.write("add")?;
        let line = self.expect("added")?;
        self.count += 1;
        self.is_degraded = value(&line, "degraded") == "true";
        let count = number(&line, "count");
        if count == self.count {
            return Ok(());
        }
        Err(Stop::Wrong(format!(
            "expected {}, found {line}",
            self.count
        )))
    }

    /// The worker dies, through no fault of its own.
    pub(crate) fn kill(&mut self) -> Outcome {
        self.write("raise 9")
    }

    /// The next worker begins with this count, or with the one that it had.
    pub(crate) fn may_begin_with(&mut self, count: u64) {
        self.or = Some(count);
    }

    /// A command of which the service says that it has done it.
    pub(crate) fn command(&mut self, line: &str, answer: &str) -> Result<String, Stop> {
        self.write(line)?;
        self.expect(answer)
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        self.traced.running().signal(signal);
    }

    /// It commits until it is no longer degraded.
    pub(crate) fn repair(&mut self) -> Outcome {
        let until = Instant::now() + patience(DEADLINE) / 2;
        while self.is_degraded {
            self.add()?;
            if Instant::now() > until {
                return Err(Stop::Wrong("it stays degraded".to_owned()));
            }
        }
        Ok(())
    }

    /// The service manager has been told this.
    pub(crate) fn manager_hears(&mut self, what: &str) -> Outcome {
        let manager = self.manager.as_ref().expect("there is a manager");
        manager
            .set_read_timeout(Some(patience(Duration::from_secs(2))))
            .expect("a time-out can be set");
        let mut bytes = [0; 512];
        while let Ok(length) = manager.recv(&mut bytes) {
            if bytes[..length].starts_with(what.as_bytes()) {
                return Ok(());
            }
        }
        let refused = self.traced.running().event("warning");
        if refused.value("reason").starts_with("NOTIFY_SOCKET=") {
            return Ok(());
        }
        Err(Stop::Wrong(format!("the manager never hears {what}")))
    }

    /// After all that has failed it is a pair that survives a death and then stops when it is told to.
    pub(crate) fn serves_and_stops(&mut self) -> Outcome {
        self.traced.begin(None);
        self.repair()?;
        self.add()?;
        self.kill()?;
        self.begin()?;
        self.stops()
    }

    /// The worker that it has works, and stops when it is told to.
    pub(crate) fn stops(&mut self) -> Outcome {
        self.traced.begin(None);
        self.repair()?;
        self.add()?;
        self.signal(Signal::SIGTERM);
        Ok(())
    }
}

fn number(line: &str, key: &str) -> u64 {
    value(line, key).parse().expect("a number")
}

impl Script {
    /// What `setup` has started lives on.
    pub(crate) fn keep_setup_child(&mut self) -> Outcome {
        let line = self.expect("setup-child")?;
        let child = line.split(' ').next_back().and_then(|pid| pid.parse().ok());
        self.kept = Some(Pid::from_raw(child.expect("a process id")));
        Ok(())
    }

    /// As [`serves_and_stops`](Self::serves_and_stops), and what `setup` has started is there all the time.
    pub(crate) fn serves_and_keeps(&mut self) -> Outcome {
        let child = self.kept.expect("`setup` has started it");
        self.serves_and_stops()?;
        if is_alive(child) {
            return Ok(());
        }
        Err(Stop::Wrong(
            "what `setup` has started was killed".to_owned(),
        ))
    }
}
