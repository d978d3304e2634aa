//! `Pair`: the builder behind the attribute.

mod start;

use core::marker::PhantomData;
use core::sync::atomic::{AtomicBool, Ordering};
use std::panic::{self, AssertUnwindSafe};

use crate::config::{Config, Options};
use crate::counters::Counters;
use crate::environment::{self, Environment};
use crate::event::Event as Say;
use crate::keeper::Keeping;
use crate::log::say;
use crate::parameter::{Enter, Parameter, Preparation};
use crate::resume::{Baton, Relay, Resumed};
use crate::setup_error::SetupError;
use crate::state::segment::{RegionSpec, Segment};
use crate::state::stored::Stored;
use crate::sys::process::{self, Alone};
use crate::sys::{Errno, crash, lasting, signal, stderr};
use crate::watchdog::driver::{Equipment, Image, WatchDog};
use crate::watchdog::manager::Manager;
use crate::worker::{Beginning, Contact, Room, Worker};
use crate::world::World;
use crate::{degraded, exit, last_words};

/// A process pair that is being put together, without the attribute.
///
/// `#[ppair::main]` calls nothing but this. A program that cannot use the attribute does the same by hand, as the first
/// thing in its `main`:
///
/// ```no_run
/// use ppair::{Checkpoint, Config, HardState, Pair, Worker};
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[repr(C)]
/// struct Progress {
///     next: u32,
/// }
///
/// fn main() {
///     let mut pair = Pair::new(Config::new().max_restarts(3)).setup(|| String::from("configuration"));
///     let config = pair.prepare::<&String>();
///     let progress = pair.prepare::<Checkpoint<Progress>>();
///     let worker: Worker = pair.start();
///     // From here on this is a worker.
///     let (config, progress) = (config.enter(&worker), progress.enter(&worker));
///     progress.update(|p| p.next += 1);
///     println!("{config}");
/// }
/// ```
#[derive(Debug)]
#[must_use = "a pair does nothing before `start`"]
pub struct Pair<S: 'static = NoSetup> {
    options: Options,
    off: bool,
    resumed: Option<Resumed>,
    on_event: Option<OnEvent>,
    preparation: Preparation<S>,
}

/// What the watch dog calls for each event.
pub(crate) type OnEvent = fn(&Say<'_>);

/// Stands for the value of `setup` in a [`Pair`] that has none.
#[derive(Clone, Copy, Debug)]
pub struct NoSetup;

/// A parameter between its two halves: prepared before the fork, not yet entered by the worker.
#[must_use = "the worker gets the parameter from `enter`"]
pub struct Prepared<P> {
    enter: Enter<P>,
}

impl<P> core::fmt::Debug for Prepared<P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Prepared")
            .field("parameter", &PhantomData::<P>)
            .finish_non_exhaustive()
    }
}

impl<P> Prepared<P> {
    /// What the worker makes of it.
    ///
    /// # Panics
    ///
    /// If `worker` is not the worker of the pair that prepared it.
    #[must_use]
    pub fn enter(self, worker: &Worker) -> P {
        (self.enter)(worker)
    }
}

/// Whether this process, or one that it was forked from, has begun a pair.
static BEGUN: AtomicBool = AtomicBool::new(false);

impl Pair {
    /// Begins a pair and reads the environment: see [`Config`]. A wrong variable or option ends the program with exit status 78,
    /// and so does a second pair in one process, for instance if `main` calls itself.
    pub fn new(config: Config) -> Self {
        Self::begin(|_| config)
    }

    /// As [`new`](Self::new), with options that are only known when the program runs.
    pub(crate) fn configured(config: fn() -> Config) -> Self {
        Self::begin(|resumed| {
            if !resumed.is_some_and(Resumed::has_worker) {
                return config();
            }
            // A worker runs already, and a panic here must not be its end.
            panic::catch_unwind(config).unwrap_or_else(|_| {
                let reason =
                    "the function of `config` panicked; the worker goes on with the defaults";
                say(&Say::Warning { reason });
                Config::DEFAULT
            })
        })
    }

    fn begin(config: impl FnOnce(Option<&Resumed>) -> Config) -> Self {
        if BEGUN.swap(true, Ordering::Relaxed) {
            refuse(
                "a second pair was begun in the process of a pair: `main` was called again, or `#[ppair::main]` is there \
                 twice",
            );
        }
        stderr::begin();
        // First, so that its variable is gone from the environment.
        let resumed = Resumed::take()
            .unwrap_or_else(|errno| fail("cannot take over the pair of this process", errno));
        let config = config(resumed.as_ref());
        let read = |options| {
            environment::read(options, process::variables())
                .unwrap_or_else(|wrong| refuse(&wrong.to_string()))
        };
        let mut environment = read(config.options);
        if let Err(problem) = environment.options.check() {
            if !resumed.as_ref().is_some_and(Resumed::has_worker) {
                refuse(&problem.to_string());
            }
            // What the function of `config` reads has changed, and the worker that runs must not end of it.
            let reason = format!("{problem}; the worker goes on with the defaults");
            say(&Say::Warning { reason: &reason });
            environment = read(Options::DEFAULT);
        }
        let Environment {
            mut options,
            off,
            unknown,
        } = environment;
        // Before `setup` goes elsewhere.
        options.store = options.store.absolute().unwrap_or_else(|| {
            refuse(&format!(
                "the store {} is a relative path, and the working directory is not known; write an absolute path",
                options.store.shown()
            ))
        });
        if !off {
            // Before `setup` is run for nothing.
            let _ = only_one_thread();
            // Before `setup` installs others.
            crash::look_at_handlers();
        }
        for name in unknown {
            let reason = Environment::explain_unknown(&name);
            say(&Say::Warning { reason: &reason });
        }
        let preparation = Preparation {
            setup: &NoSetup,
            regions: Vec::new(),
            restored: Vec::new(),
            duplicate: None,
        };
        Self {
            options,
            off,
            resumed,
            on_event: None,
            preparation,
        }
    }

    /// Runs `setup` now, once, in the watch dog. What it returns is inherited by every worker, who can take it as `&S`.
    ///
    /// It is run again only if the pair was degraded and has been repaired.
    pub fn setup<S: 'static>(mut self, setup: impl FnOnce() -> S) -> Pair<S> {
        let value = self.run_setup(setup);
        self.with_setup(value)
    }

    /// As [`setup`](Self::setup), with a `setup` that can fail: its error is logged with all of its
    /// causes, and the program ends with exit status 78 before any fork.
    ///
    /// ```no_run
    /// use std::error::Error;
    ///
    /// use ppair::{Config, Pair};
    ///
    /// fn settings() -> Result<String, Box<dyn Error>> {
    ///     Ok(std::fs::read_to_string("settings.toml")?)
    /// }
    ///
    /// let worker = Pair::new(Config::new()).try_setup(settings).start();
    /// ```
    pub fn try_setup<S: 'static, E: SetupError<Kind>, Kind>(
        self,
        setup: impl FnOnce() -> Result<S, E>,
    ) -> Pair<S> {
        self.try_setup_told_by(setup, E::chain)
    }

    /// As [`try_setup`](Self::try_setup), for an error of which `tell` says what is logged.
    pub(crate) fn try_setup_told_by<S: 'static, E>(
        mut self,
        setup: impl FnOnce() -> Result<S, E>,
        tell: impl FnOnce(&E) -> String,
    ) -> Pair<S> {
        match self.run_setup(setup) {
            Ok(value) => self.with_setup(value),
            Err(error) => {
                let reason = format!("setup failed: {}", tell(&error));
                if self.watches_over_worker() {
                    self.watch_without_setup(&reason);
                }
                refuse(&reason)
            }
        }
    }

    /// Runs `setup`. If a worker runs already, a panic must not be its end.
    fn run_setup<T>(&mut self, setup: impl FnOnce() -> T) -> T {
        if !self.watches_over_worker() {
            return setup();
        }
        match panic::catch_unwind(AssertUnwindSafe(setup)) {
            Ok(value) => value,
            Err(_) => self.watch_without_setup("setup panicked"),
        }
    }

    fn with_setup<S: 'static>(self, value: S) -> Pair<S> {
        let Preparation {
            setup: _,
            regions,
            restored,
            duplicate,
        } = self.preparation;
        Pair {
            options: self.options,
            off: self.off,
            resumed: self.resumed,
            on_event: self.on_event,
            preparation: Preparation {
                setup: lasting::leak(Box::new(value)),
                regions,
                restored,
                duplicate,
            },
        }
    }

    /// Whether an earlier image of this process has left it a worker that runs.
    fn watches_over_worker(&self) -> bool {
        self.resumed.as_ref().is_some_and(Resumed::has_worker)
    }

    /// Watches over a worker that runs while `setup` fails in the fresh image. When it dies, the program is started afresh
    /// once more, so that `setup` has another chance.
    fn watch_without_setup(&mut self, reason: &str) -> ! {
        let Some(Resumed {
            baton,
            file,
            tether,
            keeping,
        }) = self.resumed.take()
        else {
            refuse(reason)
        };
        // The next image of this process does not have it.
        process::flush_streams();
        // If it is refused, a line of the log may be the end of this process.
        let _ = signal::be_quiet();
        let later = format!("{reason}; the worker goes on, and setup is tried again when it dies");
        say(&Say::Warning { reason: &later });
        // The relay, the tether and the segment last as long as the process; this is its last function.
        let file = lasting::leak(Box::new(file));
        let equipment: &'static Equipment = lasting::leak(Box::new(Equipment {
            tether,
            manager: Manager::of_environment().0,
            on_event: self.on_event,
            keeping: keeping.map(|adopted| Keeping::resume(&self.options, adopted)),
        }));
        let world = World::resume(baton.mask, baton.ignored);
        let image = Image::Used(Box::new(Relay::new(
            Baton { worker: 0, ..baton },
            file,
            equipment,
            world,
        )));
        // An empty segment: what the workers commit is not for this image to know.
        let segment = match Segment::create(Vec::new(), &[]) {
            Ok(segment) => lasting::leak(Box::new(segment)),
            Err(errno) => fail("cannot make shared memory", errno),
        };
        let mut dog = WatchDog::new(self.options, world, only_one_thread(), segment, equipment)
            .continued(image, &baton);
        dog.run_with(baton.running());
        // A used image forks nothing and serves nobody, so this is never reached.
        process::exit_now(exit::SYSTEM)
    }
}

impl<S: 'static> Pair<S> {
    /// Has the watch dog call this function for each [`Event`](crate::Event) from here on, after the line in its log. A later
    /// call replaces the function of an earlier one.
    ///
    /// It runs in the watch dog, which has one thread and does nothing else meanwhile: so it is short, starts no thread, takes
    /// no lock and waits for nobody.
    ///
    /// ```no_run
    /// use ppair::{Config, Event, Pair};
    ///
    /// fn tell(event: &Event<'_>) {
    ///     if let Event::Died { death, .. } = event {
    ///         eprintln!("{death}");
    ///     }
    /// }
    ///
    /// let worker = Pair::new(Config::new()).on_event(tell).start();
    /// ```
    pub fn on_event(mut self, function: fn(&Say<'_>)) -> Self {
        self.on_event = Some(function);
        self
    }

    /// Prepares a parameter: what the watch dog has to do before the first fork so that a worker can have a `P`.
    pub fn prepare<P: Parameter<S>>(&mut self) -> Prepared<P> {
        Prepared {
            enter: P::prepare(&mut self.preparation),
        }
    }

    /// Gives the pair a checkpoint that an earlier pair has [stored](crate::Checkpoint::stored), from which the first worker starts.
    ///
    /// It is for the hard state whose type has its name, or had it earlier (`#[hard(was = "..")]`). If the layout of that type
    /// is another one than when it was stored, what happens is up to the type:
    ///
    /// 1. If only names differ, and the type says what they were, the value is taken over.
    /// 2. `#[hard(evolve)]`: fields that are equal in name and kind are taken over; new ones get their `#[hard(default = ..)]`, or
    ///    what they are in the type's `Default`; the others are dropped, which is reported (`event=state_migrated`).
    /// 3. `#[hard(migrate_from = Old)]`: what fits the earlier type goes through [`MigrateFrom`](crate::MigrateFrom), step by step.
    /// 4. Else it is set aside: the worker starts from the type's `Default`, the log has `event=state_rejected` with what differs,
    ///    and [`Worker::restored`] has the stored checkpoint as it was given.
    ///
    /// A change of `#[hard(version = ..)]` says that the meaning has changed: then only 3 is left. Generations go on from the
    /// stored one. Of several checkpoints for one hard state, that with the highest generation counts, also of those in the pair's
    /// [`store`](crate::Config::store). If two hard states of the program have the same name, neither gets it: nothing tells whose it is.
    ///
    /// ```no_run
    /// use ppair::{Checkpoint, Config, HardState, Pair, Stored};
    ///
    /// #[derive(Clone, Copy, Default, HardState)]
    /// #[hard(evolve)]
    /// #[repr(C)]
    /// struct Progress {
    ///     next: u32,
    /// }
    ///
    /// let mut pair = Pair::new(Config::new());
    /// if let Ok(bytes) = std::fs::read("progress") {
    ///     match Stored::from_bytes(&bytes) {
    ///         Ok(stored) => pair = pair.restore(stored),
    ///         Err(error) => eprintln!("progress: {error}"),
    ///     }
    /// }
    /// let progress = pair.prepare::<Checkpoint<Progress>>();
    /// let worker = pair.start();
    /// let progress = progress.enter(&worker);
    /// progress.update(|p| p.next += 1);
    /// std::fs::write("progress", progress.stored().to_bytes())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn restore(mut self, stored: Stored) -> Self {
        self.preparation.restored.push(stored);
        self
    }

    /// Becomes a pair. There must be one thread in the process, which is checked where `/proc` tells. This process is the watch dog from here on and never returns from this call; what returns is a
    /// worker. If `fork` fails, the watch dog itself returns, as a degraded worker; and with `PPAIR=off` in the environment
    /// there is no watch dog at all.
    ///
    /// The program ends with the exit status of its last worker, or with
    ///
    /// | status | because |
    /// |---|---|
    /// | 128 + S | signal S killed the worker, and it is not restarted |
    /// | 70 | the restart budget is spent |
    /// | 71 | the system refuses the memory or the signals that a pair needs, or the store does not work |
    /// | 75 | another pair has the store |
    /// | 78 | the environment is wrong, `setup` failed, or there was a second thread before the fork |
    #[must_use = "without it, a parameter cannot be entered"]
    pub fn start(self) -> Worker {
        let Self {
            options,
            off,
            resumed,
            on_event,
            preparation,
        } = self;
        if let Some(name) = preparation.duplicate {
            refuse(&format!(
                "two parameters are checkpoints of the same type `{name}`; give each its own type"
            ));
        }
        let regions = preparation.regions.into_iter();
        let specs: Vec<RegionSpec> = regions.map(|(_, spec)| spec).collect();
        // What `setup` has printed and is buffered would otherwise be printed by every worker.
        process::flush_streams();
        let mask = start::prepare_to_write(resumed.as_ref());
        let file_is_new = resumed.is_none();
        let ((segment, keeping), resumed) = if let Some(resumed) = resumed {
            let Resumed {
                baton,
                file,
                tether,
                keeping,
            } = resumed;
            let adopted = start::adopt(&options, specs, file, keeping);
            (adopted, Some((baton, tether)))
        } else {
            let made = start::make(&options, specs, preparation.restored, off);
            (made, None)
        };
        let room = Room::new();
        let own = room.unforked();
        // Without a watch dog nothing is left for anybody, and nothing is done that the program
        // does not do without ppair.
        last_words::leave_of_panics((!off).then_some(segment), options.thread_panic, own);
        if file_is_new {
            start::say_unwanted(segment);
        }
        let manager = start::the_manager();
        if off {
            if let Err(errno) = segment.fence(1) {
                fail("cannot hand over the hard state", errno);
            }
            let beginning = Beginning {
                incarnation: 1,
                last_death: None,
                degraded: false,
                counters: Counters::default(),
            };
            manager.tell_alone();
            let contact = Contact {
                tether: None,
                manager: Some(lasting::leak(Box::new(manager))),
                is_alone: true,
            };
            start::stop_being_quiet(mask);
            return start::enter(room, beginning, segment, options, contact);
        }
        let alone = only_one_thread();
        let (world, tether, watchdog) = match resumed {
            None => {
                let world = blocked(World::enter(mask));
                (world, start::make_tether(&options, world), None)
            }
            Some((baton, tether)) => {
                let world = blocked(World::resume(baton.mask, baton.ignored).enter_again());
                if let Some(tether) = tether.as_ref().filter(|_| options.ends_with_watchdog()) {
                    tether.prepare_end_again(options.grace(), world.mask());
                }
                (world, tether, Some(baton))
            }
        };
        let equipment: &'static Equipment = lasting::leak(Box::new(Equipment {
            tether,
            manager,
            on_event,
            keeping,
        }));
        let mut dog = WatchDog::new(options, world, alone, segment, equipment);
        last_words::leave_of_faults(segment, own);
        lasting::keep(&*dog);
        let role = match watchdog {
            None => dog.run(),
            Some(baton) => {
                dog = dog.continued(Image::Fresh, &baton);
                dog.run_with(baton.running())
            }
        };
        let dog: &'static WatchDog = Box::leak(dog);
        let beginning = dog.beginning(role);
        let contact = Contact {
            tether: equipment.tether.as_ref(),
            manager: Some(&equipment.manager),
            is_alone: false,
        };
        let worker = start::enter(room, beginning, segment, options, contact);
        if beginning.degraded {
            let restarts = dog.restarts();
            degraded::begin(options, world, segment, equipment, worker.clone(), restarts);
        }
        worker
    }
}

/// A process with several threads cannot be forked safely: the child would have the locks of threads that it does not have.
fn only_one_thread() -> Alone {
    Alone::look_at_start().unwrap_or_else(|| {
        let names = process::thread_names().join(", ");
        refuse(&format!(
            "threads were started before the fork (running: {names}); start them in `main`, where the worker runs, and not \
             in `setup` or before `main`"
        ))
    })
}

/// The watch dog's signals, or the end of the program.
fn blocked(world: Result<World, crate::sys::Errno>) -> World {
    world.unwrap_or_else(|errno| fail("cannot block the signals of the watch dog", errno))
}

/// Ends the program: something is wrong that no restart would mend.
fn refuse(reason: &str) -> ! {
    say(&Say::Refused { reason });
    std::process::exit(exit::CONFIG.into())
}

/// Ends the program: the system refuses something that a pair cannot do without.
fn fail(what: &str, errno: Errno) -> ! {
    let then = match errno {
        Errno::EFBIG => {
            "; a higher limit of file sizes (`ulimit -f`) or a smaller hard state may help"
        }
        Errno::EMFILE => "; a higher limit of open files (`ulimit -n`) may help",
        _ => "",
    };
    say(&Say::Refused {
        reason: &format!("{what}: {}{then}", errno.desc()),
    });
    std::process::exit(exit::SYSTEM.into())
}
