//! The macros of [ppair]: `#[ppair::main]` and `#[derive(HardState)]`.
//!
//! Use them through the crate `ppair`, which exports both: what they generate names items of that
//! crate.
//!
//! [ppair]: https://docs.rs/ppair

mod diag;
mod edition;
mod hard_state;
#[cfg(test)]
mod hostile_tests;
mod main_attr;
mod similar;

use proc_macro::TokenStream;

/// Makes `fn main` the entry of a *process pair*: a watch dog, and a worker that runs its body.
///
/// ```no_run
/// use ppair::{Checkpoint, HardState, Worker};
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[repr(C)]
/// struct Progress {
///     next: u32,
/// }
///
/// #[ppair::main]
/// fn main(progress: Checkpoint<Progress>, worker: Worker) -> Result<(), std::io::Error> {
///     println!("worker {} goes on at {}", worker.incarnation(), progress.load().next);
///     loop {
///         progress.update(|p| p.next += 1);
///     }
/// }
/// ```
///
/// The process that starts becomes the watch dog. It forks the worker, waits for its death and forks
/// the next one. Only the worker runs the body; what it returns, and what it prints if that is an
/// error, is as without the attribute.
///
/// # Parameters
///
/// `main` may take none, some or all of these, in any order:
///
/// | type | what it is |
/// |---|---|
/// | [`Checkpoint<T>`] | a hard state; any number of them, each with its own `T` |
/// | [`Worker`] | which worker this is, and why the last one died |
/// | `&S` | what [`setup`](#setup) returned |
///
/// Any other type is an error at that type. Patterns and attributes work as on any parameter.
///
/// # Return type
///
/// Whatever `fn main` may return: `()`, a `Result`, an `ExitCode`, `!`, `impl Termination`.
///
/// # Async
///
/// Put the runtime's attribute on the line below. The runtime is then built in the worker, anew in each:
///
/// ```no_run
/// use ppair::Worker;
///
/// #[ppair::main]
/// #[tokio::main]
/// async fn main(worker: Worker) {
///     tokio::spawn(async move { println!("worker {}", worker.incarnation()) });
/// }
/// ```
///
/// Without parameters the other order works too.
///
/// # What it expands to
///
/// The header stays, for the compiler to judge; the body moves into a nested function, behind calls of
/// the builder [`Pair`]. The first example is, without the attribute:
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
/// fn main() -> Result<(), std::io::Error> {
///     fn worker_main(progress: Checkpoint<Progress>, worker: Worker) -> Result<(), std::io::Error> {
///         println!("worker {} goes on at {}", worker.incarnation(), progress.load().next);
///         loop {
///             progress.update(|p| p.next += 1);
///         }
///     }
///     let mut pair = Pair::new(Config::DEFAULT);
///     let progress = pair.prepare::<Checkpoint<Progress>>();
///     let worker = pair.prepare::<Worker>();
///     let entered = pair.start(); // returns only in a worker
///     worker_main(progress.enter(&entered), worker.enter(&entered))
/// }
/// ```
///
/// The nested function has the attributes that act on a body; `cfg`, `doc` and lint levels stay on the
/// outer one. Calling `main` again in a worker is refused: the program ends with exit status 78.
///
/// # Options
///
/// All are `name = value`, separated by commas, in any order. Numbers and durations take any constant
/// expression. A duration is also a string of a whole number and a unit: `"250ms"`, `"5s"`, `"2m"`,
/// `"1h"`. No time needs no unit: `"0"`, or `0`. In a word `-` and `_` are the same.
///
/// When the program starts, the environment overrides the options that a [`Config`] has: for
/// `max_restarts` it is `PPAIR_MAX_RESTARTS=3`, for a duration `PPAIR_RESTART_DELAY=250ms`. It
/// takes the same texts as the attribute. `PPAIR=off` runs the body alone, unsupervised, for
/// debuggers and profilers.
///
/// ## `setup`
///
/// The path of a function (or a closure) that the watch dog calls once, before the first fork: an
/// `fn() -> S` or an `fn() -> Result<S, E>`, which must not be async. Every worker inherits its
/// value and may take it as `&S`. An error is logged with all of its causes (also that of a
/// `Box<dyn Error>`, an `anyhow::Error` or an `eyre::Report`), and the program ends with exit status
/// 78 before any fork. `setup` must not start threads. It is called again only when a degraded pair
/// has been repaired.
///
/// Default: none.
///
/// ```no_run
/// struct Config {
///     text: String,
/// }
///
/// fn read_config() -> std::io::Result<Config> {
///     Ok(Config { text: std::fs::read_to_string("service.conf")? })
/// }
///
/// #[ppair::main(setup = read_config)]
/// fn main(config: &Config) {
///     println!("{}", config.text);
/// }
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// # struct Config {
/// #     text: String,
/// # }
/// # fn read_config() -> std::io::Result<Config> {
/// #     Ok(Config { text: std::fs::read_to_string("service.conf")? })
/// # }
/// fn main() {
///     let mut pair = ppair::Pair::new(ppair::Config::DEFAULT).try_setup(read_config);
///     let config = pair.prepare::<&Config>();
///     let worker = pair.start();
///     let config = config.enter(&worker);
///     println!("{}", config.text);
/// }
/// ```
///
/// ## `config`
///
/// The path of a function (or a closure), an `fn() -> ppair::Config`, for options that are only known when
/// the program runs. The watch dog calls it once, at the start, before `setup`; the environment overrides
/// what it returns. A value that makes no sense ends the program with exit status 78. It must not start
/// threads. It is called again only when a degraded pair has been repaired.
///
/// No option below that a [`Config`] has, from `restart` to `store_interval`, may stand beside it: set it in
/// the function.
///
/// Default: none; the options are constants.
///
/// ```no_run
/// use ppair::Config;
///
/// fn read_options() -> Config {
///     let patient = std::env::args().any(|argument| argument == "--patient");
///     Config::new().max_restarts(if patient { 100 } else { 3 })
/// }
///
/// #[ppair::main(config = read_options)]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// # use ppair::Config;
/// # fn read_options() -> Config {
/// #     Config::new()
/// # }
/// fn main() {
///     let _ = ppair::Pair::new(read_options()).start();
/// }
/// ```
///
/// ## `state`
///
/// The type of a hard state that `main` does not take as a parameter. The worker finds it by its type,
/// from anywhere, with `ppair::checkpoint`.
///
/// Default: none.
///
/// ```no_run
/// #[ppair::main(state = [u64; 4])]
/// fn main() {
///     count(2);
/// }
///
/// fn count(slot: usize) {
///     if let Some(counters) = ppair::checkpoint::<[u64; 4]>() {
///         counters.update(|c| c[slot] += 1);
///     }
/// }
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// # fn count(_: usize) {}
/// fn main() {
///     let mut pair = ppair::Pair::new(ppair::Config::DEFAULT);
///     let counters = pair.prepare::<ppair::Checkpoint<[u64; 4]>>();
///     let worker = pair.start();
///     let _ = counters.enter(&worker);
///     count(2);
/// }
/// ```
///
/// ## `restart`
///
/// After which deaths the worker is restarted: `"always"`, `"on_success"`, `"on_failure"`,
/// `"on_abnormal"`, `"on_abort"`, `"on_watchdog"` or `"never"`, which mean what they mean for systemd's
/// `Restart=`, or a constant expression of the type [`Restart`], which has the table.
///
/// Default: `"on_failure"`, after all but exit code 0 and the signals that end a program in order.
///
/// ```no_run
/// #[ppair::main(restart = "on_abnormal")]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use ppair::{Config, Pair, Restart};
///
/// fn main() {
///     let _ = Pair::new(Config::new().restart(Restart::OnAbnormal)).start();
/// }
/// ```
///
/// ## `never_restart`
///
/// Exit codes after which the worker is never restarted, whatever [`restart`](#restart) says: a
/// list in brackets, a constant slice, or `"none"`. The program ends with that code. 78, a wrong
/// configuration, is always one of them. In the environment: `PPAIR_NEVER_RESTART=2,64,78` or
/// `none`.
///
/// Default: `[2, 64, 78]`, which say that the program was called in a wrong way (2 is that of
/// `clap`).
///
/// ```no_run
/// #[ppair::main(never_restart = [3, 64])]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use ppair::{Config, Pair};
///
/// fn main() {
///     let _ = Pair::new(Config::new().never_restart(&[3, 64])).start();
/// }
/// ```
///
/// ## `max_restarts`
///
/// How often in a row, without progress, the worker is restarted before the pair gives up with exit
/// status 70: a `u32`, or `"unlimited"`. With 0 it is never restarted. A worker made progress if it
/// committed a checkpoint or lived for [`healthy_after`](#healthy_after).
///
/// After 100 deaths in a row of the same cause, each within 500 ms (or `healthy_after`, if that is
/// less) of the worker's start, a commit is no progress any more: each further one of them is
/// followed by [`restart_delay`](#restart_delay), which does not double, and costs one of these
/// restarts. A longer life or another death ends the row.
///
/// Default: 10.
///
/// ```no_run
/// const LIMIT: u32 = 3;
///
/// #[ppair::main(max_restarts = LIMIT)]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use ppair::{Config, Pair};
///
/// fn main() {
///     let _ = Pair::new(Config::new().max_restarts(3)).start();
/// }
/// ```
///
/// ## `max_early_exits`
///
/// How often in a row the worker is restarted after it exited by itself within 500 ms (or
/// [`healthy_after`](#healthy_after), if that is less) of its start, without a commit, before the
/// pair gives up with exit status 70: a `u32`, or `"unlimited"`. A restart rarely helps such a
/// worker: an argument is wrong, a file is missing. A panic, a signal and exit code 0 are none of
/// these exits. A worker that exits until another service is up needs more of them.
///
/// Default: 3.
///
/// ```no_run
/// #[ppair::main(max_early_exits = 20, max_restarts = 20)]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use ppair::{Config, Pair};
///
/// fn main() {
///     let _ = Pair::new(Config::new().max_early_exits(20).max_restarts(20)).start();
/// }
/// ```
///
/// ## `max_deaths`
///
/// How many deaths within [`max_deaths_within`](#max_deaths_within) are too many, with or without progress:
/// at that one the pair gives up with exit status 70. An integer from 1 to 1000, or `"unlimited"`. It ends
/// what `max_restarts` lets go on for ever: a worker that commits and crashes now and then.
///
/// Default: `"unlimited"`.
///
/// ```no_run
/// #[ppair::main(max_deaths = 20)]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use ppair::{Config, Pair};
///
/// fn main() {
///     let _ = Pair::new(Config::new().max_deaths(20)).start();
/// }
/// ```
///
/// ## `max_deaths_within`
///
/// The time in which [`max_deaths`](#max_deaths) are too many. It slides: it ends with each death. At least
/// 1 ms.
///
/// Default: `"1h"`.
///
/// ```no_run
/// #[ppair::main(max_deaths = 5, max_deaths_within = "10m")]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use std::time::Duration;
///
/// use ppair::{Config, Pair};
///
/// const CONFIG: Config = Config::new()
///     .max_deaths(5)
///     .max_deaths_within(Duration::from_secs(600));
///
/// fn main() {
///     let _ = Pair::new(CONFIG).start();
/// }
/// ```
///
/// ## `restart_delay`
///
/// The delay before the second restart in a row without progress; before the first there is none. Each
/// further delay is twice as long.
///
/// Default: `"100ms"`.
///
/// ```no_run
/// #[ppair::main(restart_delay = "250ms")]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use std::time::Duration;
///
/// use ppair::{Config, Pair};
///
/// fn main() {
///     let _ = Pair::new(Config::new().restart_delay(Duration::from_millis(250))).start();
/// }
/// ```
///
/// ## `restart_delay_max`
///
/// The longest delay before a restart.
///
/// Default: `"30s"`.
///
/// ```no_run
/// #[ppair::main(restart_delay = "1s", restart_delay_max = "2m")]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use std::time::Duration;
///
/// use ppair::{Config, Pair};
///
/// const CONFIG: Config = Config::new()
///     .restart_delay(Duration::from_secs(1))
///     .restart_delay_max(Duration::from_secs(120));
///
/// fn main() {
///     let _ = Pair::new(CONFIG).start();
/// }
/// ```
///
/// ## `healthy_after`
///
/// A worker that lived for so long has made progress, even if it committed nothing; and what it has committed by then is kept
/// as its healthy checkpoint.
///
/// Default: `"10s"`.
///
/// ```no_run
/// use std::time::Duration;
///
/// #[ppair::main(healthy_after = Duration::from_secs(60))]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use std::time::Duration;
///
/// use ppair::{Config, Pair};
///
/// fn main() {
///     let _ = Pair::new(Config::new().healthy_after(Duration::from_secs(60))).start();
/// }
/// ```
///
/// ## `hang_timeout`
///
/// A worker that gives no sign of life for so long hangs: it gets a `SIGABRT`, and a `SIGKILL` if
/// it has not ended [`stop_timeout`](#stop_timeout) later. A duration of at least 10 ms; `"off"` or
/// `0` turns it off. The program must call `ppair::alive()`, or beat a `ppair::heart`, at least once
/// in this time.
///
/// Default: `"off"`.
///
/// ```no_run
/// #[ppair::main(hang_timeout = "30s")]
/// fn main() {
///     for line in std::io::stdin().lines() {
///         println!("{}", line.expect("text").len());
///         ppair::alive();
///     }
/// }
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use std::time::Duration;
///
/// use ppair::{Config, Pair};
///
/// fn main() {
///     let _ = Pair::new(Config::new().hang_timeout(Duration::from_secs(30))).start();
/// }
/// ```
///
/// ## `stop_timeout`
///
/// How long a worker may take to end after a stop signal before it gets a `SIGKILL`; with `"0s"` it gets it
/// at once. A second stop signal leaves it a second at the most, a third one nothing. A duration, or
/// `"unlimited"`.
///
/// Default: `"10s"`.
///
/// ```no_run
/// #[ppair::main(stop_timeout = "2m")]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use std::time::Duration;
///
/// use ppair::{Config, Pair};
///
/// fn main() {
///     let _ = Pair::new(Config::new().stop_timeout(Duration::from_secs(120))).start();
/// }
/// ```
///
/// ## `on_watchdog_death`
///
/// What becomes of a worker whose watch dog has died: `"exit"`, it gets a `SIGTERM`, or `"continue"`, it goes
/// on without; or a constant expression of the type [`OnWatchdogDeath`].
///
/// Default: `"exit"`.
///
/// ```no_run
/// #[ppair::main(on_watchdog_death = "continue")]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use ppair::{Config, OnWatchdogDeath, Pair};
///
/// fn main() {
///     let _ = Pair::new(Config::new().on_watchdog_death(OnWatchdogDeath::Continue)).start();
/// }
/// ```
///
/// ## `orphans`
///
/// What becomes of the processes that a dead worker has started and that still run: `"kill"`, they are killed
/// before the next worker is forked, or `"keep"`, they go on; or a constant expression of the type
/// [`Orphans`].
///
/// Default: `"kill"`.
///
/// ```no_run
/// #[ppair::main(orphans = "keep")]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use ppair::{Config, Orphans, Pair};
///
/// fn main() {
///     let _ = Pair::new(Config::new().orphans(Orphans::Keep)).start();
/// }
/// ```
///
/// ## `thread_panic`
///
/// What a panic does in another thread of the worker's than the main one: `"continue"`, it ends that thread,
/// as in any program, or `"crash"`, it ends the worker, as one in `main` does; or a constant expression of
/// the type [`ThreadPanic`].
///
/// Default: `"continue"`.
///
/// ```no_run
/// #[ppair::main(thread_panic = "crash")]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use ppair::{Config, Pair, ThreadPanic};
///
/// fn main() {
///     let _ = Pair::new(Config::new().thread_panic(ThreadPanic::Crash)).start();
/// }
/// ```
///
/// ## `guard`
///
/// Whether the hard state is mapped read-only in the worker, so that a wild write ends the worker and changes no checkpoint. A commit
/// is two system calls then. `true` or `false`, or `"on"` or `"off"`.
///
/// Default: `false`.
///
/// ```no_run
/// #[ppair::main(guard = true)]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use ppair::{Config, Pair};
///
/// fn main() {
///     let _ = Pair::new(Config::new().guard(true)).start();
/// }
/// ```
///
/// ## `store`
///
/// Where the checkpoints outlive the pair: a string, which is checked when the program is compiled, or a
/// constant for one, with a name in capitals. The first worker starts from the newest checkpoint that is there;
/// what another version of the program has stored is migrated, or set aside.
///
/// | `store` | survives |
/// |---|---|
/// | `"memory"` | the worker |
/// | `"shm:NAME"` | the pair: a POSIX shared memory object |
/// | `"file:PATH"` | a reboot and a power cut |
/// | `"sqlite:PATH"` | the same; tables of its own in any database (`ppair`'s feature `sqlite`) |
/// | `"postgres:URL"` | the same, on another machine (`ppair`'s feature `postgres`) |
///
/// No worker waits for it, except in a [durable commit]. For a place that is none of these, write the path of a function (or a
/// closure), an `fn() -> Box<dyn ppair::Store>`, that makes a [`Store`] of your own. For a path that is only
/// known when the program runs there is [`config`](#config), and `PPAIR_STORE=file:/var/lib/service`.
///
/// Default: `"memory"`.
///
/// ```no_run
/// use ppair::Checkpoint;
///
/// #[ppair::main(store = "file:/var/lib/service/state")]
/// fn main(count: Checkpoint<u64>) {
///     count.update(|count| *count += 1);
///     println!("run {}", count.load());
/// }
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use ppair::{Checkpoint, Config, Pair};
///
/// fn main() {
///     let mut pair = Pair::new(Config::new().store("file:/var/lib/service/state"));
///     let count = pair.prepare::<Checkpoint<u64>>();
///     let worker = pair.start();
///     let count = count.enter(&worker);
///     count.update(|count| *count += 1);
///     println!("run {}", count.load());
/// }
/// ```
///
/// A store of one's own:
///
/// ```no_run
/// # mod bucket {
/// #     pub struct Bucket;
/// #     impl ppair::Store for Bucket {
/// #         fn name(&self) -> String {
/// #             "a bucket".to_owned()
/// #         }
/// #         fn load(&mut self) -> Result<Vec<ppair::Stored>, ppair::StoreError> {
/// #             Ok(Vec::new())
/// #         }
/// #         fn save(&mut self, _: &[ppair::Stored]) -> Result<(), ppair::StoreError> {
/// #             Ok(())
/// #         }
/// #         fn set_aside(&mut self, _: &ppair::Stored) -> Result<(), ppair::StoreError> {
/// #             Ok(())
/// #         }
/// #     }
/// # }
/// # use bucket::Bucket;
/// use ppair::{Checkpoint, Store};
///
/// fn open() -> Box<dyn Store> {
///     Box::new(Bucket)
/// }
///
/// #[ppair::main(store = open)]
/// fn main(count: Checkpoint<u64>) {
///     count.update(|count| *count += 1);
/// }
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// # fn open() -> Box<dyn ppair::Store> {
/// #     unimplemented!()
/// # }
/// use ppair::{Checkpoint, Config, Pair};
///
/// fn main() {
///     let mut pair = Pair::new(Config::new().store_with(open));
///     let count = pair.prepare::<Checkpoint<u64>>();
///     let worker = pair.start();
///     count.enter(&worker).update(|count| *count += 1);
/// }
/// ```
///
/// ## `store_interval`
///
/// How far the [`store`](#store) may be behind the last commit. With `"0"` each commit waits until it is on
/// stable storage, or until the store has failed.
///
/// Default: `"100ms"`.
///
/// ```no_run
/// #[ppair::main(store = "shm:service", store_interval = "10ms")]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// use std::time::Duration;
///
/// use ppair::{Config, Pair};
///
/// const CONFIG: Config = Config::new()
///     .store("shm:service")
///     .store_interval(Duration::from_millis(10));
///
/// fn main() {
///     let _ = Pair::new(CONFIG).start();
/// }
/// ```
///
/// ## `on_event`
///
/// The path of a function (or a closure), an `fn(&ppair::Event<'_>)`, that is called for each [`Event`], after
/// its line in the log. It runs in the watch dog, which has one thread and does nothing else meanwhile: so it
/// is short, starts no thread, takes no lock and waits for nobody.
///
/// Default: none.
///
/// ```no_run
/// use ppair::Event;
///
/// fn tell(event: &Event<'_>) {
///     if let Event::Died { death, .. } = event {
///         eprintln!("{death}");
///     }
/// }
///
/// #[ppair::main(on_event = tell)]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// # use ppair::Event;
/// # fn tell(_: &Event<'_>) {}
/// fn main() {
///     let _ = ppair::Pair::new(ppair::Config::DEFAULT).on_event(tell).start();
/// }
/// ```
///
/// ## `crate`
///
/// The path of the crate `ppair`, where it has another name: a dependency that was renamed in
/// `Cargo.toml`, or a module that exports it again. It may be quoted.
///
/// Default: `::ppair`.
///
/// ```no_run
/// mod reexport {
///     pub use ppair::*;
/// }
///
/// #[ppair::main(crate = crate::reexport)]
/// fn main() {}
/// ```
///
/// The same without the macro:
///
/// ```no_run
/// # mod reexport {
/// #     pub use ppair::*;
/// # }
/// fn main() {
///     let _ = reexport::Pair::new(reexport::Config::DEFAULT).start();
/// }
/// ```
///
/// [`Checkpoint<T>`]: https://docs.rs/ppair/latest/ppair/struct.Checkpoint.html
/// [`Config`]: https://docs.rs/ppair/latest/ppair/struct.Config.html
/// [`Event`]: https://docs.rs/ppair/latest/ppair/enum.Event.html
/// [`OnWatchdogDeath`]: https://docs.rs/ppair/latest/ppair/enum.OnWatchdogDeath.html
/// [`Orphans`]: https://docs.rs/ppair/latest/ppair/enum.Orphans.html
/// [`Pair`]: https://docs.rs/ppair/latest/ppair/struct.Pair.html
/// [`Restart`]: https://docs.rs/ppair/latest/ppair/enum.Restart.html
/// [`Store`]: https://docs.rs/ppair/latest/ppair/trait.Store.html
/// [`ThreadPanic`]: https://docs.rs/ppair/latest/ppair/enum.ThreadPanic.html
/// [`Worker`]: https://docs.rs/ppair/latest/ppair/struct.Worker.html
/// [durable commit]: https://docs.rs/ppair/latest/ppair/struct.Checkpoint.html#method.commit_durable
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    main_attr::expand(args.into(), item.into()).into()
}

/// Derives [`HardState`](https://docs.rs/ppair/latest/ppair/trait.HardState.html): the bytes of the type
/// mean the same in the next worker.
///
/// A struct is `Copy` and `#[repr(C)]` or `#[repr(transparent)]`, and each field's type is a hard
/// state too. An enum is `Copy`, has no fields, and says which integer stores it: `#[repr(u8)]` or another
/// one up to 64 bits. What is not is an error at that place, which says why; one build shows all of
/// them. The compiler proves what the trait asks for, so a program that forbids `unsafe` may use the
/// derive.
///
/// ```
/// use ppair::HardState;
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[repr(C)]
/// struct Progress {
///     next: u32,
///     seen: [u64; 4],
/// }
///
/// assert_eq!(Progress::LAYOUT.size(), 40);
/// ```
///
/// # `#[hard(crate = path)]`
///
/// The path of the crate `ppair`, where it has another name. It may be quoted. Default: `::ppair`.
///
/// ```
/// mod reexport {
///     pub use ppair::*;
/// }
///
/// #[derive(Clone, Copy, reexport::HardState)]
/// #[hard(crate = crate::reexport)]
/// #[repr(C)]
/// struct Progress {
///     next: u32,
/// }
/// # fn main() {}
/// ```
///
/// # Versions of a type
///
/// A checkpoint that is kept outside of a pair may come back to a later version of the program; see
/// [`Pair::restore`](https://docs.rs/ppair/latest/ppair/struct.Pair.html#method.restore). These arguments say
/// what then happens.
///
/// | argument | on | |
/// |---|---|---|
/// | `version = N` | the type | a `u32`, 0 by default: another version is another meaning, and is never taken over as it is |
/// | `was = "Name"` | the type, a field, a variant | a name that it had earlier; there may be several |
/// | `evolve` | the type | takes over what is equal in name and kind, and reports what is dropped |
/// | `default = expr` | a field | what the field is where nothing is stored for it; otherwise what it is in the type's `Default` |
/// | `migrate_from = Type` | the type | the earlier type, for which there is a `MigrateFrom` |
///
/// On an enum, `evolve` takes over variants by their names, also if their numbers are others now. Types inside of a hard
/// state say each for itself whether they evolve.
///
/// ```
/// use ppair::{HardState, MigrateFrom};
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[repr(u8)]
/// #[hard(evolve)]
/// enum Mode {
///     #[default]
///     Idle = 1,
///     #[hard(was = "Busy")]
///     Working,
/// }
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[hard(was = "State")]
/// #[repr(C)]
/// struct First {
///     milliseconds: u32,
/// }
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[hard(version = 1, evolve, migrate_from = First)]
/// #[repr(C)]
/// struct State {
///     #[hard(was = "us")]
///     microseconds: u64,
///     #[hard(default = 500)]
///     limit: u32,
///     mode: Mode,
/// }
///
/// impl MigrateFrom<First> for State {
///     fn migrate_from(first: First) -> Self {
///         Self { microseconds: u64::from(first.milliseconds) * 1000, limit: 100, mode: Mode::Idle }
///     }
/// }
/// ```
///
/// # `#[hard(zeroed)]`
///
/// A hard state has an initial value, which is its `Default`. An array of more than 32 elements has
/// none in the standard library, and a value of many megabytes has no room on a stack. With this
/// argument the initial value is all zero bytes: `0`, `false`, an empty `Text` or `Vector`, nothing
/// in a `Maybe`, the variant with the number 0. It is made where it stays, without a stack, and the
/// type implements `Default` too, which must not be derived beside it.
///
/// ```
/// use ppair::{Checkpoint, HardState};
///
/// /// 64 MiB.
/// #[derive(Clone, Copy, HardState)]
/// #[hard(zeroed)]
/// #[repr(C)]
/// struct Table {
///     hits: [u64; 8 << 20],
/// }
///
/// fn count(table: &Checkpoint<Table>, row: usize) -> u64 {
///     table.patch(|table| &table.hits[row], |hits| {
///         *hits += 1;
///         *hits
///     })
/// }
/// # assert_eq!(count(&ppair::testing::checkpoint(), 7), 1);
/// ```
///
/// What has no zero is an error: a `NonZero` (its `Option` has one), and an enum without a variant
/// of that number. `Default::default`, and the methods of `Checkpoint` that hand a whole value
/// about (`load`, `store`, `update`, `try_store`, `commit_durable` and the like), need the stack
/// for it, and so does each function that calls them; `patch`, `edit`, `get` and `read` do not.
///
/// ```compile_fail
/// use std::num::NonZeroU32;
///
/// use ppair::HardState;
///
/// #[derive(Clone, Copy, HardState)]
/// #[hard(zeroed)] // `Jobs` cannot start as zeros: `Jobs.next` is `NonZero<u32>`, which is never 0
/// #[repr(C)]
/// struct Jobs {
///     next: NonZeroU32,
///     done: [u64; 1000],
/// }
/// ```
///
/// # `#[hard(no_padding)]`
///
/// Padding is allowed: a commit stores zeros for it, and never reads it. With this argument it is an error, which counts the
/// bytes and says after which field they are.
///
/// ```compile_fail
/// use ppair::HardState;
///
/// #[derive(Clone, Copy, HardState)]
/// #[hard(no_padding)] // `Record` has padding: 3 bytes after `kind`
/// #[repr(C)]
/// struct Record {
///     kind: u8,
///     value: u32,
/// }
/// ```
#[proc_macro_derive(HardState, attributes(hard))]
pub fn derive_hard_state(input: TokenStream) -> TokenStream {
    hard_state::derive(input.into()).into()
}
