//! Two pairs that commit durably to one store, and a third hand that removes, replaces, moves and
//! puts back its lock, its file and its folder: no number is confirmed twice, and of each store
//! that is left nothing is lost that was confirmed.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ppair_tests::lineage::{History, Line};
use ppair_tests::{Fixture, Pid, Random, Running, Scratch, Signal, children, eventually};

/// So many acts of the third hand by default; `PPAIR_LOCK_ROUNDS` says another number.
const ROUNDS: usize = 20;

fn rounds() -> usize {
    std::env::var("PPAIR_LOCK_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().expect("a number"))
}

/// How long the pairs are listened to after each act, unless they have much to say.
const PACE: Duration = Duration::from_millis(60);
/// How long any pair may take to end.
const DEADLINE: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Shm,
    Sqlite,
}

/// Where the store is, and where the third hand keeps what it has taken away.
struct Place {
    kind: Kind,
    /// The folder of the store.
    folder: PathBuf,
    name: String,
    attic: PathBuf,
    /// What lies in the attic.
    locks: Vec<PathBuf>,
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    taken: usize,
}

impl Place {
    fn new(kind: Kind, scratch: &Scratch) -> Self {
        let name = format!("ppair-lock-storm-{}", std::process::id());
        let (folder, attic) = match kind {
            Kind::Shm => {
                let folder = PathBuf::from("/dev/shm");
                // On the same file system.
                let attic = folder.join(format!("{name}-attic"));
                (folder, attic)
            }
            Kind::File | Kind::Sqlite => (scratch.join("folder"), scratch.join("attic")),
        };
        for folder in [&folder, &attic] {
            fs::create_dir_all(folder).expect("made");
        }
        Self {
            kind,
            folder,
            name,
            attic,
            locks: Vec::new(),
            files: Vec::new(),
            folders: Vec::new(),
            taken: 0,
        }
    }

    fn store(&self) -> String {
        match self.kind {
            Kind::File => format!("file:{}", self.file().display()),
            Kind::Shm => format!("shm:{}", self.name),
            Kind::Sqlite => format!("sqlite:{}", self.file().display()),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    fn lock(&self) -> PathBuf {
        self.folder.join(format!("{}.lock", self.name))
    }

    /// Takes what is at a path away; `None` if nothing is.
    fn take(&mut self, path: &Path) -> Option<PathBuf> {
        self.taken += 1;
        let to = self.attic.join(self.taken.to_string());
        fs::rename(path, &to).ok().map(|()| to)
    }

    fn act(&mut self, random: &mut Random) {
        let (file, lock, folder) = (self.file(), self.lock(), self.folder.clone());
        let acts = if self.kind == Kind::Shm { 12 } else { 16 };
        match random.below(acts) {
            0 | 1 => drop(fs::remove_file(&lock)),
            2 => drop(fs::remove_file(&file)),
            3 | 4 => {
                let taken = self.take(&lock);
                self.locks.extend(taken);
            }
            5 | 6 => {
                let taken = self.take(&file);
                self.files.extend(taken);
            }
            7 => {
                if let Some(one) = draw(&mut self.locks, random) {
                    put(&one, &lock);
                }
            }
            8 | 9 => {
                if let Some(one) = draw(&mut self.files, random) {
                    let taken = self.take(&file);
                    self.files.extend(taken);
                    put(&one, &file);
                }
            }
            // Over what is there, which is lost.
            10 => {
                if let Some(one) = draw(&mut self.files, random) {
                    put(&one, &file);
                }
            }
            11 => {
                let new = self.attic.join("new");
                fs::write(&new, "").expect("made");
                put(&new, &lock);
            }
            12 | 13 => {
                let taken = self.take(&folder);
                self.folders.extend(taken);
                fs::create_dir_all(&folder).expect("made");
            }
            _ => {
                if let Some(one) = draw(&mut self.folders, random) {
                    let taken = self.take(&folder);
                    self.folders.extend(taken);
                    put(&one, &folder);
                }
            }
        }
    }

    /// What the stores hold that are left, wherever they are.
    fn left(&self) -> Vec<Line> {
        let mut left = Vec::new();
        let mut folders = vec![self.folder.clone(), self.attic.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("it is there").flatten() {
                let path = entry.path();
                let name = entry.file_name().to_string_lossy().into_owned();
                if path.is_dir() {
                    if self.kind != Kind::Shm {
                        folders.push(path);
                    }
                    continue;
                }
                let is_mine = folder == self.attic || name == self.name;
                if !is_mine && self.kind == Kind::Shm || self.locks.contains(&path) {
                    continue;
                }
                if [".lock", ".new", "-wal", "-shm", "-journal"]
                    .iter()
                    .any(|end| name.ends_with(end))
                {
                    continue;
                }
                left.extend(self.line_in(&path));
            }
        }
        left
    }

    /// What the store at this path holds; `None` if nothing yet.
    fn line_in(&self, path: &Path) -> Option<Line> {
        if path.metadata().is_ok_and(|found| found.len() == 0) {
            // Its pair has ended before it was one.
            return None;
        }
        if self.kind == Kind::Sqlite {
            return line_in_database(path);
        }
        let source = format!("file:{}", path.display());
        let found = ppair::inspect::read(&source).unwrap_or_else(|error| panic!("{error}"));
        let states = found.states.into_iter();
        let mut lines = states
            .filter_map(|state| state.stored)
            .map(|stored| stored.get::<Line>().expect("a line"));
        lines.next()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.kind == Kind::Shm {
            for path in [self.file(), self.lock()] {
                let _ = fs::remove_file(path);
            }
            let _ = fs::remove_dir_all(&self.attic);
        }
    }
}

/// With its log, if one lies beside it.
fn line_in_database(path: &Path) -> Option<Line> {
    let database = rusqlite::Connection::open(path).expect("a database");
    let query = "SELECT checkpoint FROM ppair_checkpoint WHERE name = 'Line'";
    let bytes: Result<Vec<u8>, _> = database.query_row(query, [], |row| row.get(0));
    match bytes {
        Ok(bytes) => {
            let stored = ppair::Stored::from_bytes(&bytes).expect("a checkpoint");
            Some(stored.get::<Line>().expect("a line"))
        }
        Err(rusqlite::Error::QueryReturnedNoRows) => None,
        // Its pair has ended before it was one.
        Err(error) if error.to_string().contains("no such table") => None,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

fn draw(from: &mut Vec<PathBuf>, random: &mut Random) -> Option<PathBuf> {
    let count = from.len() as u64;
    (count > 0).then(|| {
        let one = usize::try_from(random.below(count)).expect("a small number");
        from.swap_remove(one)
    })
}

/// Over what is there. A pair may just have made something where there was nothing, in a folder
/// too.
fn put(from: &Path, to: &Path) {
    if from.is_dir() {
        eventually("it is put back", Duration::from_secs(30), || {
            let put = fs::rename(from, to);
            if put.is_err() {
                let _ = fs::remove_dir_all(to);
            }
            put.ok()
        });
    } else {
        let _ = fs::rename(from, to);
    }
}

/// One of the two.
struct Slot {
    number: usize,
    pair: Running,
}

struct Storm {
    store: String,
    history: History,
    started: usize,
    failed: usize,
    refused: usize,
}

impl Storm {
    fn start(&mut self) -> Slot {
        self.started += 1;
        let pair = Fixture::new(env!("CARGO_BIN_EXE_durable"))
            .arg("lineage")
            .env("PPAIR_STORE", &self.store)
            .env("PPAIR_STOP_TIMEOUT", "100ms")
            .deadline(DEADLINE)
            .spawn();
        Slot {
            number: self.started,
            pair,
        }
    }

    fn hear(&mut self, slot: &Slot, line: &str) {
        let mut words = line.split(' ');
        let what = words.next().unwrap_or_default();
        let mut number = || -> u64 {
            let number = words.next().and_then(|word| word.parse().ok());
            number.unwrap_or_else(|| panic!("{line}"))
        };
        let verdict = match what {
            "begin" => self.history.found(Line {
                lineage: number(),
                number: number(),
            }),
            "stored" => self.history.confirm(
                slot.number,
                Line {
                    lineage: number(),
                    number: number(),
                },
            ),
            "failed" => {
                self.failed += 1;
                Ok(())
            }
            _ => panic!("{line}"),
        };
        verdict.unwrap_or_else(|error| slot.pair.fail(&error));
    }

    /// Listens to a pair that may have much to say.
    fn listen(&mut self, slot: &mut Slot) {
        let until = Instant::now() + PACE / 2;
        for _ in 0..4 {
            let left = until.saturating_duration_since(Instant::now());
            let Some(line) = slot.pair.stdout_line_within(left) else {
                break;
            };
            self.hear(slot, &line);
        }
        while let Some(line) = slot.pair.stdout_line_within(Duration::ZERO) {
            self.hear(slot, &line);
        }
    }

    /// Ends a pair, and hears what it has said last.
    fn end(&mut self, mut slot: Slot, kills: bool) {
        if kills {
            let mut all: Vec<Pid> = children(slot.pair.pid());
            all.push(slot.pair.pid());
            for pid in all {
                let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
            }
            let _ = nix::sys::signal::killpg(slot.pair.pid(), Signal::SIGKILL);
        } else {
            slot.pair.signal(Signal::SIGTERM);
        }
        while let Some(line) = slot.pair.try_stdout_line() {
            self.hear(&slot, &line);
        }
        let status = slot.pair.wait();
        match (status.code(), status.signal()) {
            (Some(71 | 75 | 78), _) => self.refused += 1,
            // By the signal that it was sent, or killed after `PPAIR_STOP_TIMEOUT`.
            (Some(143 | 137), _) | (_, Some(9 | 15)) => {}
            _ => slot.pair.fail(&format!("it ended with {status}")),
        }
    }
}

fn storm(kind: Kind) {
    let scratch = Scratch::new();
    let mut place = Place::new(kind, &scratch);
    let mut random = Random::seeded("lock_storm");
    let (rounds, begin) = (rounds(), Instant::now());
    let mut storm = Storm {
        store: place.store(),
        history: History::default(),
        started: 0,
        failed: 0,
        refused: 0,
    };
    let mut slots = [storm.start(), storm.start()];
    for _ in 0..rounds {
        place.act(&mut random);
        for slot in &mut slots {
            storm.listen(slot);
            let has_ended = nix::sys::wait::waitid(
                nix::sys::wait::Id::Pid(slot.pair.pid()),
                nix::sys::wait::WaitPidFlag::WEXITED
                    | nix::sys::wait::WaitPidFlag::WNOWAIT
                    | nix::sys::wait::WaitPidFlag::WNOHANG,
            );
            let has_ended = has_ended != Ok(nix::sys::wait::WaitStatus::StillAlive);
            if has_ended || random.below(6) == 0 {
                let next = storm.start();
                let old = core::mem::replace(slot, next);
                // SQLite itself loses what is in the middle of a commit if its log is separated
                // from it just then.
                storm.end(old, kind != Kind::Sqlite && random.below(2) == 0);
            }
        }
    }
    for slot in slots {
        storm.end(slot, false);
    }
    let left = place.left();
    for line in &left {
        if let Err(error) = storm.history.found(*line) {
            panic!("{error}");
        }
    }
    let (lines, confirmed) = storm.history.count();
    println!(
        "{kind:?}: {rounds} rounds, {} pairs ({} refused): {confirmed} numbers of {lines} stores confirmed, none twice; {} commits failed; \
         {} stores are left, none lacks a number; {:.1} s",
        storm.started,
        storm.refused,
        storm.failed,
        left.len(),
        begin.elapsed().as_secs_f64()
    );
    assert!(confirmed > rounds / 10, "hardly anything was confirmed");
}

#[test]
fn no_number_is_confirmed_twice_and_none_is_lost_in_a_file() {
    storm(Kind::File);
}

#[test]
fn nor_in_shared_memory() {
    storm(Kind::Shm);
}

#[test]
fn nor_in_a_sqlite_database() {
    storm(Kind::Sqlite);
}

#[test]
fn a_history_that_is_wrong_is_found_out() {
    let line = |lineage, number| Line { lineage, number };
    let mut history = History::default();
    for number in 1..=3 {
        assert_eq!(history.confirm(1, line(7, number)), Ok(()));
        assert_eq!(history.confirm(2, line(8, number)), Ok(()));
    }
    assert_eq!(history.count(), (2, 6));
    // One that was not confirmed may be there, and one line says nothing of another.
    for found in [line(7, 3), line(7, 4), line(9, 0), line(0, 0)] {
        assert_eq!(history.found(found), Ok(()));
    }
    let error = history.found(line(8, 2)).expect_err("3 is lost");
    assert!(
        error.contains("holds 2, and pair 2 had confirmed 3"),
        "{error}"
    );
    let error = history.confirm(2, line(7, 2)).expect_err("pair 1 has it");
    assert!(
        error.contains("confirmed twice: by pair 1, and by pair 2"),
        "{error}"
    );
}
