//! What a pair may be told: options, their defaults, and the const builder. Pure.

use core::fmt;
use core::time::Duration;

use crate::store::Store;
use crate::store::choice::Choice;

/// After which deaths the worker is restarted, as systemd's `Restart=` decides it.
///
/// | the worker ended by | `Always` | `OnSuccess` | `OnFailure` | `OnAbnormal` | `OnAbort` | `OnWatchdog` | `Never` |
/// |---|---|---|---|---|---|---|---|
/// | exit code 0, SIGHUP, SIGINT, SIGTERM or SIGPIPE | restart | restart | | | | | |
/// | another exit code (also a panic's 101) | restart | | restart | | | | |
/// | another signal | restart | | restart | restart | restart | | |
/// | [`stop_timeout`](Config::stop_timeout) | restart | | restart | restart | | | |
/// | [`hang_timeout`](Config::hang_timeout) | restart | | restart | restart | | restart | |
/// | the kernel, for want of memory | restart | | restart | restart | | | |
///
/// A worker that ends with one of the exit codes [`never_restart`](Config::never_restart) is never
/// restarted, nor is one that was asked to stop, in its time or not. Source: systemd.service(5),
/// "Restart=".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Restart {
    /// After every death.
    Always,
    /// After a death that is no failure: for a worker that does a piece of work and ends.
    OnSuccess,
    /// After every death that is a failure; the default.
    #[default]
    OnFailure,
    /// After every failure but an exit code.
    OnAbnormal,
    /// After a signal that nobody sends to end a program in order.
    OnAbort,
    /// After a hang.
    OnWatchdog,
    /// After none.
    Never,
}

impl Restart {
    /// The names that the attribute and the environment know, with their values.
    pub(crate) const NAMES: [(&'static str, Self); 7] = [
        ("always", Self::Always),
        ("on_success", Self::OnSuccess),
        ("on_failure", Self::OnFailure),
        ("on_abnormal", Self::OnAbnormal),
        ("on_abort", Self::OnAbort),
        ("on_watchdog", Self::OnWatchdog),
        ("never", Self::Never),
    ];
}

/// Exit codes after which no worker is restarted: a set of fixed size, so that options stay `Copy`.
/// 78 is always in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ExitCodes([u64; 4]);

impl ExitCodes {
    /// Usage errors (2, as `clap` has it, and 64 of sysexits.h), and a wrong configuration.
    pub(crate) const DEFAULT: Self = Self::of(&[2, 64]);

    /// Returns the set of `codes` and 78.
    #[must_use]
    pub const fn of(codes: &[u8]) -> Self {
        let mut set = Self([0; 4]).with(crate::exit::CONFIG);
        let mut at = 0;
        while at < codes.len() {
            set = set.with(codes[at]);
            at += 1;
        }
        set
    }

    const fn with(mut self, code: u8) -> Self {
        self.0[(code / 64) as usize] |= 1 << (code % 64);
        self
    }

    /// Returns true if `code` is in it.
    pub(crate) const fn has(self, code: u8) -> bool {
        self.0[(code / 64) as usize] & 1 << (code % 64) != 0
    }
}

impl fmt::Debug for ExitCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codes = (0..=u8::MAX).filter(|&code| self.has(code));
        f.debug_set().entries(codes).finish()
    }
}

/// What becomes of a worker whose watch dog has died.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnWatchdogDeath {
    /// It is asked to stop, by a `SIGTERM`: whoever started the program then sees it end. The default.
    #[default]
    Exit,
    /// It goes on, and nobody watches over it any more.
    Continue,
}

impl OnWatchdogDeath {
    /// The names that the attribute and the environment know, with their values.
    pub(crate) const NAMES: [(&'static str, Self); 2] =
        [("exit", Self::Exit), ("continue", Self::Continue)];
}

/// What becomes of the processes that a dead worker has started and that still run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Orphans {
    /// They are killed before the next worker is forked, which thus finds nobody at its port, file or lock. The default.
    #[default]
    Kill,
    /// They go on.
    Keep,
}

impl Orphans {
    /// The names that the attribute and the environment know, with their values.
    pub(crate) const NAMES: [(&'static str, Self); 2] =
        [("kill", Self::Kill), ("keep", Self::Keep)];
}

/// What a panic does in another thread of the worker's than the main one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadPanic {
    /// It ends that thread, as in any program; the others go on. The default.
    #[default]
    Continue,
    /// It ends the worker, as one in `main` does: with exit code 101, as soon as all panic hooks have run. Nothing is unwound and no
    /// `atexit` function runs. So it also ends the worker where somebody would have caught the panic: a runtime that takes a panic
    /// for the end of one task, for instance.
    ///
    /// A program may set a panic hook of its own in `main`: ppair's stays in front of it. Only a
    /// program that keeps what [`std::panic::take_hook`] has returned, and does not call it, has
    /// panics that ppair does not see.
    Crash,
}

impl ThreadPanic {
    /// The names that the attribute and the environment know, with their values.
    pub(crate) const NAMES: [(&'static str, Self); 2] =
        [("continue", Self::Continue), ("crash", Self::Crash)];
}

/// The options of a pair. The attribute's arguments end up here; without the attribute, build one and hand it to
/// [`Pair::new`](crate::Pair::new).
///
/// ```
/// use core::time::Duration;
/// use ppair::{Config, Restart};
///
/// const CONFIG: Config = Config::new()
///     .restart(Restart::Always)
///     .max_restarts(3)
///     .restart_delay(Duration::from_millis(250));
/// # let _ = CONFIG;
/// ```
///
/// Each option can be overridden by an environment variable when the program starts: [`max_restarts`](Self::max_restarts) by
/// `PPAIR_MAX_RESTARTS=3`. It takes the same texts as the attribute: words (`on_failure` or
/// `on-failure`), durations (`250ms`, `0`), `on` or `true` and `off` or `false` for `guard`, and
/// `unlimited` and `off` for what has no number.
///
/// A value that makes no sense, from here or from there, ends the program with exit status 78 when the pair begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Config {
    pub(crate) options: Options,
}

/// The options as a plain struct. Generated code fills it in with the user's own expressions, so that rustc types them;
/// users have [`Config`], to which an option can be added without breaking anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// After which deaths the worker is restarted.
    pub restart: Restart,
    /// Exit codes after which it is not, whatever `restart` says.
    pub never_restart: ExitCodes,
    /// Restarts in a row without progress; `u32::MAX` for no limit.
    pub max_restarts: u32,
    /// Restarts in a row of workers that exited by themselves soon after their start; `u32::MAX`
    /// for no limit.
    pub max_early_exits: u32,
    /// Deaths within `max_deaths_within`, with or without progress; `u32::MAX` for no limit.
    pub max_deaths: u32,
    /// The time in which `max_deaths` are too many.
    pub max_deaths_within: Duration,
    /// The delay before the second restart in a row without progress; it doubles from there.
    pub restart_delay: Duration,
    /// The longest delay.
    pub restart_delay_max: Duration,
    /// A worker that lived for so long has made progress.
    pub healthy_after: Duration,
    /// Without a sign of life for so long the worker hangs; `None` if nobody looks.
    pub hang_timeout: Option<Duration>,
    /// So long after a stop signal the worker is killed; `Duration::MAX` for no limit.
    pub stop_timeout: Duration,
    /// What becomes of a worker whose watch dog has died.
    pub on_watchdog_death: OnWatchdogDeath,
    /// What becomes of processes that a dead worker has started.
    pub orphans: Orphans,
    /// What a panic does in another thread than the main one.
    pub thread_panic: ThreadPanic,
    /// Whether the segment is read-only in the worker.
    pub guard: bool,
    /// Where checkpoints outlive the pair.
    pub store: Choice,
    /// How far that is behind the last commit, at the most; with 0 each commit waits for it.
    pub store_interval: Duration,
}

impl Options {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        restart: Restart::OnFailure,
        never_restart: ExitCodes::DEFAULT,
        max_restarts: 10,
        max_early_exits: 3,
        max_deaths: u32::MAX,
        max_deaths_within: Duration::from_secs(60 * 60),
        restart_delay: Duration::from_millis(100),
        restart_delay_max: Duration::from_secs(30),
        healthy_after: Duration::from_secs(10),
        hang_timeout: None,
        stop_timeout: Duration::from_secs(10),
        on_watchdog_death: OnWatchdogDeath::Exit,
        orphans: Orphans::Kill,
        thread_panic: ThreadPanic::Continue,
        guard: false,
        store: Choice::MEMORY,
        store_interval: Duration::from_millis(100),
    };
}

impl Options {
    /// A worker is looked at after this time at the earliest.
    pub(crate) const SHORTEST: Duration = Duration::from_millis(1);

    /// Whether a worker ends with its watch dog.
    pub(crate) fn ends_with_watchdog(&self) -> bool {
        self.on_watchdog_death == OnWatchdogDeath::Exit
    }

    /// How long a worker has that is to end; `None` for any time.
    pub(crate) fn grace(&self) -> Option<Duration> {
        (self.stop_timeout != Duration::MAX).then_some(self.stop_timeout)
    }

    /// When the checkpoints of a worker that started then count as healthy; `None` if that is beyond all time.
    pub(crate) fn first_healthy(&self, since: Duration) -> Option<Duration> {
        since.checked_add(self.healthy_after.max(Self::SHORTEST))
    }

    /// What `max_deaths` may be.
    pub(crate) const EXPECTED_MAX_DEATHS: &str =
        "a number of deaths from 1 to 1000, or `unlimited`";
    /// What `max_deaths_within` may be.
    pub(crate) const EXPECTED_MAX_DEATHS_WITHIN: &str = "a duration of at least `1ms`";
    /// What `hang_timeout` may be.
    pub(crate) const EXPECTED_HANG_TIMEOUT: &str = "a duration of at least `10ms`, or `off`";

    /// Whether `max_deaths` may be so many: the time of each is kept, and room for that is made once.
    pub(crate) const fn is_max_deaths(deaths: u32) -> bool {
        matches!(deaths, 1..=1000 | u32::MAX)
    }

    /// Whether `max_deaths_within` may be so long.
    pub(crate) fn is_max_deaths_within(time: Duration) -> bool {
        time >= Self::SHORTEST
    }

    /// Whether `hang_timeout` may be so long. Below that, a worker hangs that only waits for its turn on a busy processor.
    pub(crate) fn is_hang_timeout(time: Duration) -> bool {
        time >= Duration::from_millis(10)
    }

    /// Whether all options make sense, or which does not.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let Self {
            max_deaths,
            max_deaths_within,
            hang_timeout,
            store,
            ..
        } = *self;
        let problem = |option, value: String, expected: &str| {
            Err(Problem {
                option,
                value,
                expected: expected.to_owned(),
            })
        };
        if let Err(expected) = store.check() {
            return problem("store", store.shown(), &expected);
        }
        if !Self::is_max_deaths(max_deaths) {
            return problem(
                "max_deaths",
                max_deaths.to_string(),
                Self::EXPECTED_MAX_DEATHS,
            );
        }
        if !Self::is_max_deaths_within(max_deaths_within) {
            return problem(
                "max_deaths_within",
                format!("{max_deaths_within:?}"),
                Self::EXPECTED_MAX_DEATHS_WITHIN,
            );
        }
        match hang_timeout {
            Some(time) if !Self::is_hang_timeout(time) => problem(
                "hang_timeout",
                format!("{time:?}"),
                Self::EXPECTED_HANG_TIMEOUT,
            ),
            _ => Ok(()),
        }
    }
}

/// An option that makes no sense, and what would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    option: &'static str,
    value: String,
    expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            option,
            value,
            expected,
        } = self;
        write!(
            f,
            "the option {option}={value} is wrong; expected {expected}"
        )
    }
}

impl Config {
    /// The default options.
    pub const DEFAULT: Self = Self::new();

    /// The default options.
    pub const fn new() -> Self {
        Self {
            options: Options::DEFAULT,
        }
    }

    /// After which deaths the worker is restarted. Default: [`Restart::OnFailure`].
    pub const fn restart(mut self, restart: Restart) -> Self {
        self.options.restart = restart;
        self
    }

    /// Sets the exit codes after which the worker is never restarted, whatever
    /// [`restart`](Self::restart) says: the program ends with that code. 78, a wrong configuration,
    /// is always one of them. Default: 2, 64 and 78, which say that the program was called in a
    /// wrong way.
    ///
    /// ```
    /// use ppair::Config;
    ///
    /// // Exit code 2 is an ordinary failure of this program, and 3 is one that no restart mends.
    /// const CONFIG: Config = Config::new().never_restart(&[3, 64]);
    /// # let _ = CONFIG;
    /// ```
    pub const fn never_restart(mut self, codes: &[u8]) -> Self {
        self.options.never_restart = ExitCodes::of(codes);
        self
    }

    /// Sets how often in a row the worker is restarted without having made progress before the pair
    /// gives up with exit status 70. With 0 it is never restarted. Default: 10.
    ///
    /// A worker made progress if it committed a checkpoint or lived for
    /// [`healthy_after`](Self::healthy_after). After 100 deaths in a row of the same cause, each
    /// within 500 ms (or `healthy_after`, if that is less) of the worker's start, a commit is no
    /// progress any more: each further one of them is followed by
    /// [`restart_delay`](Self::restart_delay), which does not double, and costs one of these
    /// restarts. A longer life or another death ends the row. A kill from outside does not count,
    /// nor does exit code 0.
    pub const fn max_restarts(mut self, restarts: u32) -> Self {
        self.options.max_restarts = restarts;
        self
    }

    /// The pair never gives up.
    pub const fn unlimited_restarts(self) -> Self {
        self.max_restarts(u32::MAX)
    }

    /// Sets how often in a row the worker is restarted after it exited by itself within 500 ms (or
    /// [`healthy_after`](Self::healthy_after), if that is less) of its start, without a commit,
    /// before the pair gives up with exit status 70. A restart rarely helps such a worker: an
    /// argument is wrong, a file is missing. A panic, a signal and exit code 0 are none of these
    /// exits. Default: 3.
    ///
    /// A worker that exits until another service is up needs more of them:
    ///
    /// ```
    /// use ppair::Config;
    ///
    /// const CONFIG: Config = Config::new().max_early_exits(20).max_restarts(20);
    /// # let _ = CONFIG;
    /// ```
    pub const fn max_early_exits(mut self, exits: u32) -> Self {
        self.options.max_early_exits = exits;
        self
    }

    /// Early exits have no limit of their own: [`max_restarts`](Self::max_restarts) is the only
    /// one.
    pub const fn unlimited_early_exits(self) -> Self {
        self.max_early_exits(u32::MAX)
    }

    /// How many deaths within [`max_deaths_within`](Self::max_deaths_within) are too many, whether the workers made progress or
    /// not: at that death the pair gives up with exit status 70. It ends what
    /// [`max_restarts`](Self::max_restarts) lets go on for ever, a worker that commits and crashes
    /// now and then. From 1 to 1000. Default: no limit.
    pub const fn max_deaths(mut self, deaths: u32) -> Self {
        self.options.max_deaths = deaths;
        self
    }

    /// No number of deaths is too many while the workers make progress; the default.
    pub const fn unlimited_deaths(self) -> Self {
        self.max_deaths(u32::MAX)
    }

    /// The time in which [`max_deaths`](Self::max_deaths) are too many; it slides. At least 1 ms. Default: 1 hour.
    pub const fn max_deaths_within(mut self, time: Duration) -> Self {
        self.options.max_deaths_within = time;
        self
    }

    /// The delay before the second restart in a row without progress; before the first there is none. It doubles with each
    /// further one, up to [`restart_delay_max`](Self::restart_delay_max), and up to a tenth of it is taken off at random, so
    /// that pairs that fail together do not come back together. Default: 100 ms.
    pub const fn restart_delay(mut self, delay: Duration) -> Self {
        self.options.restart_delay = delay;
        self
    }

    /// The longest delay before a restart. Default: 30 s.
    pub const fn restart_delay_max(mut self, delay: Duration) -> Self {
        self.options.restart_delay_max = delay;
        self
    }

    /// A worker that lived for so long has made progress, also if it committed nothing; and what it has committed by then is kept as its
    /// [healthy](crate::Worker::mark_healthy) checkpoint. Default: 10 s.
    pub const fn healthy_after(mut self, time: Duration) -> Self {
        self.options.healthy_after = time;
        self
    }

    /// A worker without a sign of life for so long hangs: it gets a `SIGABRT`, and a `SIGKILL` if it has not ended
    /// [`stop_timeout`](Self::stop_timeout) later. At least 10 ms. Default: off, and nobody looks.
    ///
    /// The program must call [`alive`](crate::alive()), or beat a [`heart`](crate::heart()), at
    /// least once in this time. A worker that has not done so in half of it, from its start, is
    /// warned in the log, once in a pair.
    pub const fn hang_timeout(mut self, timeout: Duration) -> Self {
        self.options.hang_timeout = Some(timeout);
        self
    }

    /// Nobody looks for signs of life; the default.
    pub const fn no_hang_timeout(mut self) -> Self {
        self.options.hang_timeout = None;
        self
    }

    /// How long after a stop signal a worker may take to end before it is killed, by a `SIGKILL`; with 0 at once. A second stop
    /// signal leaves it a second at the most, a third one nothing. Default: 10 s.
    pub const fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.options.stop_timeout = timeout;
        self
    }

    /// A worker that was asked to stop may take as long as it likes.
    pub const fn unlimited_stop_timeout(self) -> Self {
        self.stop_timeout(Duration::MAX)
    }

    /// What becomes of a worker whose watch dog has died. Default: [`OnWatchdogDeath::Exit`].
    pub const fn on_watchdog_death(mut self, then: OnWatchdogDeath) -> Self {
        self.options.on_watchdog_death = then;
        self
    }

    /// What becomes of the processes that a dead worker has started. Default: [`Orphans::Kill`].
    pub const fn orphans(mut self, orphans: Orphans) -> Self {
        self.options.orphans = orphans;
        self
    }

    /// What a panic does in another thread of the worker's than the main one. Default: [`ThreadPanic::Continue`].
    pub const fn thread_panic(mut self, then: ThreadPanic) -> Self {
        self.options.thread_panic = then;
        self
    }

    /// Whether the worker's mapping of the hard state is read-only, so that a wild write of the worker's is a `SIGSEGV` there and never
    /// changes a checkpoint. Each commit is then two system calls, one or two microseconds. Default: no.
    pub const fn guard(mut self, guard: bool) -> Self {
        self.options.guard = guard;
        self
    }

    /// Where the checkpoints outlive the pair: a reboot, a power cut, an upgrade of the program. The first worker starts from the newest one that is there,
    /// under the rules of [`Pair::restore`](crate::Pair::restore).
    ///
    /// | `store` | survives |
    /// |---|---|
    /// | `memory` | the worker; the default |
    /// | `shm:NAME` | the pair: a POSIX shared memory object |
    /// | `file:PATH` | a reboot and a power cut |
    /// | `sqlite:PATH` | the same; tables of its own in any database (feature `sqlite`) |
    /// | `postgres:URL` | the same, on another machine (feature `postgres`) |
    ///
    /// A path that is not absolute begins in the folder in which the program was started. What is only known when the program runs may be leaked:
    /// `.store(format!("file:{path}").leak())`.
    ///
    /// No worker waits for a store: a process of its own, the keeper, carries the newest checkpoint there, at most
    /// [`store_interval`](Self::store_interval) behind. What must not be lost at all is committed by
    /// [`Checkpoint::commit_durable`](crate::Checkpoint::commit_durable).
    ///
    /// A store that another live pair has ends the program with exit status 75, one that cannot be read with 78 (it is none of the pair's, or damaged) or 71 (it
    /// does not work now), before any worker runs. One that fails later is said (`event=store_failed`) and tried again, and the service goes on:
    /// [`Worker::store`](crate::Worker::store) knows.
    ///
    /// When the pair ends, the keeper stores what was committed last. If the store fails then, it is tried again for
    /// [`stop_timeout`](Self::stop_timeout), and then given up.
    pub const fn store(mut self, store: &'static str) -> Self {
        self.options.store = Choice::named(store);
        self
    }

    /// As [`store`](Self::store), with a [`Store`](crate::Store) of your own: the function makes it, in the keeper.
    pub const fn store_with(mut self, make: fn() -> Box<dyn Store>) -> Self {
        self.options.store = Choice::own(make);
        self
    }

    /// How far the [`store`](Self::store) may be behind the last commit. With 0 each commit waits until it is on stable storage, or until the store has
    /// failed. Default: 100 ms.
    pub const fn store_interval(mut self, interval: Duration) -> Self {
        self.options.store_interval = interval;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
