//! A pair with a store, without the macro, that does what each line of its standard input says, and prints what it has done:
//!
//! | line | what it does |
//! |---|---|
//! | `add` | one more in the hard state |
//! | `durable` | the same, and waits until it is stored |
//! | `sync` | waits until what is committed is stored |
//! | `threads N M` | M durable commits from each of N threads |
//! | `mark` | one more in the other hard state |
//! | `state` | only prints |
//! | `report` | prints what is known of the store |
//! | `exit N`, `abort` | ends the worker |
//! | `linger` | leaves a child that does nothing |
//! | `reap` | waits for the end of any child |
//! | `write` | makes the file that `WRITE_TO` names, of 64 KiB |
//!
//! `SETUP_FOLDER` is where it goes once the pair has begun, as `setup` may.
//!
//! With the argument `own` it has a store of its own: the folder that `OWN_STORE` names, with a
//! file for each hard state. What lies there beside them says how it does: `fail` lets it fail,
//! `crash` ends the keeper, `slow` has it wait until that file is gone, and makes `waits`. `saves`
//! counts. If there is `environment`, each call adds to it what a program that the keeper starts
//! has in its environment.
//!
//! With `SIGPIPE=default` that signal is what it is in a program that is not in Rust.
//!
//! `RESTORE=N` gives the pair a checkpoint of N, of generation N. With the argument `twins` there are two hard states of one name.

use std::io::Write;
use std::path::PathBuf;
use std::process::{abort, exit};
use std::thread;
use std::time::Duration;

use ppair::{Checkpoint, Config, Pair, Store, StoreError, Stored, Worker};

struct Folder(PathBuf);

fn own() -> Box<dyn Store> {
    Box::new(Folder(std::env::var_os("OWN_STORE").unwrap().into()))
}

impl Folder {
    fn obey(&self) -> Result<(), StoreError> {
        let is = |what| self.0.join(what).exists();
        if is("crash") {
            abort();
        }
        while is("slow") {
            let _ = std::fs::write(self.0.join("waits"), "");
            thread::sleep(Duration::from_millis(1));
        }
        if is("environment") {
            let seen = std::process::Command::new("env").output();
            let mut seen = seen.map_err(StoreError::failed)?.stdout;
            let file = self.0.join("environment");
            seen.splice(0..0, std::fs::read(&file).map_err(StoreError::failed)?);
            std::fs::write(file, seen).map_err(StoreError::failed)?;
        }
        if is("fail") {
            return Err(StoreError::failed("it was told to fail"));
        }
        Ok(())
    }
}

impl Store for Folder {
    fn name(&self) -> String {
        format!("folder {}", self.0.display())
    }

    fn load(&mut self) -> Result<Vec<Stored>, StoreError> {
        self.obey()?;
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.0).map_err(StoreError::failed)? {
            let path = entry.map_err(StoreError::failed)?.path();
            if path.extension().is_some_and(|end| end == "checkpoint") {
                let bytes = std::fs::read(path).map_err(StoreError::failed)?;
                found.push(Stored::from_bytes(&bytes).map_err(StoreError::unusable)?);
            }
        }
        Ok(found)
    }

    fn save(&mut self, newest: &[Stored]) -> Result<(), StoreError> {
        self.obey()?;
        for stored in newest {
            let path = self.0.join(stored.name()).with_extension("checkpoint");
            let new = path.with_extension("new");
            std::fs::write(&new, stored.to_bytes())
                .and_then(|()| std::fs::rename(&new, &path))
                .map_err(StoreError::failed)?;
        }
        let mut saves = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.0.join("saves"))
            .map_err(StoreError::failed)?;
        saves.write_all(b".").map_err(StoreError::failed)
    }

    fn set_aside(&mut self, stored: &Stored) -> Result<(), StoreError> {
        let name = format!("{}.{}.aside", stored.name(), stored.generation());
        std::fs::write(self.0.join(name), stored.to_bytes()).map_err(StoreError::failed)
    }
}

fn say(what: &str, count: &Checkpoint<u64>, mark: &Checkpoint<u32>, worker: &Worker) {
    let origin = worker.origins()[0];
    println!(
        "{what} count={} generation={} mark={} incarnation={} pid={} from={:?}/{} degraded={}",
        count.load(),
        count.generation(),
        mark.load(),
        worker.incarnation(),
        std::process::id(),
        origin.source(),
        origin.generation(),
        worker.is_degraded(),
    );
}

mod twins {
    use ppair::HardState;

    #[derive(Clone, Copy, Default, HardState)]
    #[repr(C)]
    pub(super) struct State(u64);

    pub(super) mod other {
        use ppair::HardState;

        #[derive(Clone, Copy, Default, HardState)]
        #[repr(C)]
        pub(crate) struct State(u32);
    }
}

/// A child that runs no program of its own, and so has all descriptors of its parent.
fn linger() {
    // SAFETY: nothing but what a signal handler may do happens in the child.
    match unsafe { nix::unistd::fork() }.expect("a child") {
        nix::unistd::ForkResult::Child => loop {
            nix::unistd::pause();
        },
        nix::unistd::ForkResult::Parent { child } => println!("child={child}"),
    }
}

fn main() {
    // Where `ppair_tests::inject` begins to count system calls.
    let _ = nix::unistd::getppid();
    if std::env::var("SIGPIPE").as_deref() == Ok("default") {
        // SAFETY: the default runs no code.
        unsafe { nix::libc::signal(nix::libc::SIGPIPE, nix::libc::SIG_DFL) };
    }
    // The program's own name may be anything.
    let is = |argument: &str| {
        std::env::args_os()
            .nth(1)
            .is_some_and(|first| first == argument)
    };
    let config = if is("own") {
        Config::new().store_with(own)
    } else {
        Config::new()
    };
    let mut pair = Pair::new(config);
    if let Some(folder) = std::env::var_os("SETUP_FOLDER") {
        std::env::set_current_dir(folder).expect("a folder");
    }
    if let Ok(number) = std::env::var("RESTORE") {
        let number = number.parse::<u64>().expect("a number");
        pair = pair.restore(Stored::of(&number, number));
    }
    if is("twins") {
        let _ = pair.prepare::<Checkpoint<twins::State>>();
        let _ = pair.prepare::<Checkpoint<twins::other::State>>();
    }
    let count = pair.prepare::<Checkpoint<u64>>();
    let mark = pair.prepare::<Checkpoint<u32>>();
    let worker = pair.start();
    let (count, mark) = (count.enter(&worker), mark.enter(&worker));
    let say = |what: &str| say(what, &count, &mark, &worker);
    say("begin");
    for line in std::io::stdin().lines() {
        let line = line.expect("text");
        let mut words = line.split(' ');
        let what = words.next().unwrap();
        let mut number = || words.next().unwrap().parse::<i32>().unwrap();
        match what {
            "add" => count.update(|count| *count += 1),
            "durable" => {
                if let Err(error) = count.update_durable(|count| *count += 1) {
                    println!("error {error}");
                }
            }
            "sync" => match count.sync() {
                Ok(generation) => println!("synced {generation}"),
                Err(error) => println!("error {error}"),
            },
            "threads" => {
                let (threads, commits) = (number(), number());
                thread::scope(|scope| {
                    for _ in 0..threads {
                        scope.spawn(|| {
                            for _ in 0..commits {
                                count.update_durable(|count| *count += 1).unwrap();
                            }
                        });
                    }
                });
            }
            "mark" => mark.update(|mark| *mark += 1),
            "state" => {}
            "report" => match worker.store() {
                None => println!("store none"),
                Some(report) => println!(
                    "store stored={:?} failure={:?} failures={}",
                    report.stored(),
                    report.failure(),
                    report.failures().map_or(0, |(failures, _)| failures)
                ),
            },
            "linger" => linger(),
            "reap" => {
                let reaped = nix::sys::wait::wait().expect("a child");
                println!("reaped={}", reaped.pid().expect("it has one"));
            }
            "write" => {
                let path = std::env::var_os("WRITE_TO").expect("a path");
                println!(
                    "write {:?}",
                    std::fs::write(path, vec![7; 65_536]).map_err(|error| error.kind())
                );
            }
            "exit" => exit(number()),
            "abort" => abort(),
            other => panic!("{other}?"),
        }
        say(what);
    }
}
