//! What a pair may be told: options, their defaults, and the const builder. Pure.

use core::time::Duration;

/// After which deaths the worker is restarted, as systemd's `Restart=` decides it.
///
/// | the worker ended by | `Always` | `OnFailure` | `OnAbnormal` | `Never` |
/// |---|---|---|---|---|
/// | exit code 0 | restart | | | |
/// | another exit code (also a panic's 101) | restart | restart | | |
/// | SIGHUP, SIGINT, SIGTERM or SIGPIPE | restart | | | |
/// | another signal | restart | restart | restart | |
///
/// Exit code 78 says that the configuration is wrong and is never restarted, nor is a worker that was asked to stop.
/// Source: systemd.service(5), "Restart=".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Restart {
    /// After every death.
    Always,
    /// After every death that is a failure; the default.
    #[default]
    OnFailure,
    /// After a signal that nobody sends to end a program in order.
    OnAbnormal,
    /// After none.
    Never,
}

impl Restart {
    /// The names that the attribute and the environment know, with their values.
    pub(crate) const NAMES: [(&'static str, Self); 4] = [
        ("always", Self::Always),
        ("on_failure", Self::OnFailure),
        ("on_abnormal", Self::OnAbnormal),
        ("never", Self::Never),
    ];
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
/// Each option can be overridden by an environment variable when the program starts: `PPAIR_RESTART`,
/// `PPAIR_MAX_RESTARTS`, `PPAIR_RESTART_DELAY`, `PPAIR_RESTART_DELAY_MAX`,
/// `PPAIR_HEALTHY_AFTER` and `PPAIR_GUARD` (`on` or `off`).
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
    /// Restarts in a row without progress; `u32::MAX` for no limit.
    pub max_restarts: u32,
    /// The delay before the second restart in a row without progress; it doubles from there.
    pub restart_delay: Duration,
    /// The longest delay.
    pub restart_delay_max: Duration,
    /// A worker that lived for so long has made progress.
    pub healthy_after: Duration,
    /// Whether the segment is read-only in the worker.
    pub guard: bool,
}

impl Options {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        restart: Restart::OnFailure,
        max_restarts: 10,
        restart_delay: Duration::from_millis(100),
        restart_delay_max: Duration::from_secs(30),
        healthy_after: Duration::from_secs(10),
        guard: false,
    };
}

impl Options {
    /// A worker is looked at after this time at the earliest.
    pub(crate) const SHORTEST: Duration = Duration::from_millis(1);

    /// When the checkpoints of a worker that started then count as healthy; `None` if that is beyond all time.
    pub(crate) fn first_healthy(&self, since: Duration) -> Option<Duration> {
        since.checked_add(self.healthy_after.max(Self::SHORTEST))
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

    /// How often in a row the worker is restarted without having made progress before the pair gives up with exit status
    /// 70. A worker made progress if it committed a checkpoint or lived for [`healthy_after`](Self::healthy_after). With 0
    /// it is never restarted. Default: 10.
    pub const fn max_restarts(mut self, restarts: u32) -> Self {
        self.options.max_restarts = restarts;
        self
    }

    /// The pair never gives up.
    pub const fn unlimited_restarts(self) -> Self {
        self.max_restarts(u32::MAX)
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

    /// Whether the worker's mapping of the hard state is read-only, so that a wild write of the worker's is a `SIGSEGV` there and never
    /// changes a checkpoint. Each commit is then two system calls, one or two microseconds. Default: no.
    pub const fn guard(mut self, guard: bool) -> Self {
        self.options.guard = guard;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}
