//! Crashes of every kind, one after the other, with a client that commits: nothing is lost, and nothing grows.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ppair_tests::namespace::in_mount_namespace;
use ppair_tests::{
    Fixture, Memory, Pid, Power, Random, Running, Signal, children, descriptors, lacks, value,
    zombies,
};

/// So many crashes by default; `PPAIR_SOAK_CRASHES` says another number.
const CRASHES: usize = 1000;

/// What the worker is told to die of.
const KINDS: [&str; 10] = [
    "exit 3",
    "exit 255",
    "abort",
    "panic no luck",
    "thread-panic no luck",
    "raise 4",
    "raise 5",
    "raise 8",
    "raise 9",
    "raise 31",
];

/// What is to stay the same.
#[derive(Debug)]
struct Size {
    descriptors: usize,
    /// KiB that nobody else maps.
    private: u64,
    zombies: usize,
    children: usize,
}

impl Size {
    fn of(watchdog: Pid) -> Self {
        Self {
            descriptors: descriptors(watchdog),
            private: Memory::of(watchdog).private,
            zombies: zombies(watchdog).len(),
            children: children(watchdog).len(),
        }
    }
}

/// The service with a `/dev/shm` of its own, which nobody else changes; or with everybody's, and `false`.
fn service(test: &str) -> (Fixture, bool) {
    // Cores of crashes that are wanted are of no use.
    let script = r#"ulimit -c 0; exec "$0""#;
    let (fixture, is_own) = if lacks(test, &Power::namespaces()) {
        (Fixture::new("sh").args(["-c", script]), false)
    } else {
        let script = format!("mount -t tmpfs tmpfs /dev/shm && {script}");
        (in_mount_namespace("sh").args(["-c", &script]), true)
    };
    let fixture = fixture.arg(env!("CARGO_BIN_EXE_service")).stdin();
    (fixture.deadline(Duration::from_secs(600)), is_own)
}

/// The client's side of the service.
struct Client {
    pair: Running,
    committed: u64,
    outages: Vec<Duration>,
}

impl Client {
    /// A worker has begun: with all that was committed, as its only process.
    fn begins(&mut self, incarnation: usize) -> Pid {
        let line = self.pair.stdout_line();
        assert!(line.starts_with("begin "), "{line}");
        assert_eq!(value(&line, "incarnation"), incarnation.to_string());
        assert_eq!(value(&line, "count"), self.committed.to_string(), "{line}");
        Pid::from_raw(value(&line, "pid").parse().expect("a process"))
    }

    fn add(&mut self) {
        self.pair.write_line("add");
        let line = self.pair.stdout_line();
        self.committed += 1;
        assert_eq!(value(&line, "count"), self.committed.to_string(), "{line}");
    }

    fn ask_for_the_outage(&mut self) {
        self.pair.write_line("counters");
        let line = self.pair.stdout_line();
        let nanoseconds = value(&line, "outage_ns").parse().expect("a number");
        self.outages.push(Duration::from_nanos(nanoseconds));
    }
}

#[test]
fn nothing_grows_and_nothing_is_lost_in_mixed_crashes() {
    let test = "nothing_grows_and_nothing_is_lost_in_mixed_crashes";
    if lacks(test, &Power::smaps()) {
        return;
    }
    let crashes = std::env::var("PPAIR_SOAK_CRASHES")
        .map_or(CRASHES, |crashes| crashes.parse().expect("a number"));
    let mut random = Random::seeded("soak");
    let begin = Instant::now();
    let (fixture, has_own_shm) = service(test);
    let pair = fixture.spawn();
    let watchdog = pair.pid();
    let mut client = Client {
        pair,
        committed: 0,
        outages: Vec::new(),
    };
    let mut worker = client.begins(1);
    let mut quarters = Vec::new();
    for crash in 1..=crashes {
        for _ in 0..=random.below(3) {
            client.add();
        }
        let kind = random.below(KINDS.len() as u64 + 1);
        match KINDS.get(usize::try_from(kind).expect("a small number")) {
            Some(line) => client.pair.write_line(line),
            None => client.pair.kill(worker, Signal::SIGKILL),
        }
        worker = client.begins(crash + 1);
        client.ask_for_the_outage();
        if crash % (crashes / 4) == 0 {
            quarters.push(Size::of(watchdog));
        }
    }
    if has_own_shm {
        let root = Path::new("/proc").join(watchdog.to_string()).join("root");
        let names = fs::read_dir(root.join("dev/shm"));
        assert_eq!(names.expect("it can be listed").count(), 0);
    }
    client.pair.close_stdin();
    let end = client.pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("died").len(), crashes);
    for died in end.events("died") {
        // Each had committed: no worker waits.
        assert_eq!(died.duration("delay"), Duration::ZERO, "{died}");
    }
    assert_eq!(end.events("rolled_back").len(), 0);

    let mut outages = client.outages;
    outages.sort_unstable();
    let percentile = |percent: usize| outages[(outages.len() - 1) * percent / 100];
    println!(
        "{crashes} crashes, {} commits, {:.1} s; from a death to the next start: p50 {:?}, p99 {:?}, max {:?}",
        client.committed,
        begin.elapsed().as_secs_f64(),
        percentile(50),
        percentile(99),
        percentile(100),
    );
    for quarter in &quarters {
        println!("{quarter:?}");
    }
    let [first, .., last] = &quarters[..] else {
        panic!("too few crashes for four quarters");
    };
    assert_eq!(last.descriptors, first.descriptors);
    assert_eq!((last.zombies, last.children), (0, 1));
    // A page may have become private meanwhile, but there is no growth with the number of crashes.
    assert!(last.private <= first.private + 64, "{first:?} {last:?}");
}
