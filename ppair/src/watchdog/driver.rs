//! The thin shell around the machine: actions become system calls, what the system says becomes events. One thread, no
//! allocation in the loop, no panic, and no code of the user's.
//!
//! What lies between a death and the next worker's first line is kept short: every page that a new worker touches is a fault,
//! at some microseconds each. So functions with large frames are not inlined, nothing large is moved, and nothing is
//! allocated on that way.

use core::time::Duration;

use super::alarms::{Alarm, Alarms};
use super::birth::Forked;
use super::keeping::Kept;
use super::machine::{Action, Actions, Event, Machine};
use super::manager::Manager;
use super::oom::Oom;
use crate::config::{Options, Orphans};
use crate::counters::Counters;
use crate::death::{Death, Mark};
use crate::event::{Event as Say, Next};
use crate::exit::Exit;
use crate::keeper::Keeping;
use crate::log::{say, try_say};
use crate::progress::{DeathWindow, Ladder};
use crate::resume::{Baton, Relay};
use crate::state::hearts::Weakest;
use crate::state::segment::Segment;
use crate::sys::process::Alone;
use crate::sys::signal::{SIGCHLD, Set};
use crate::sys::tether::Tether;
use crate::sys::{Errno, children, clock, process, signal};
use crate::worker::Beginning;
use crate::world::{WAITED, World};

/// How long the watch dog rests when the system refuses to let it wait.
pub(super) const REST: Duration = Duration::from_millis(10);

/// A stop signal that follows the same one so soon is the same stop: somebody has sent it to the watch dog and to its whole group, as timeout(1) does.
const ECHO: Duration = Duration::from_millis(200);
/// So many children of the program's own there is room for without allocating.
const OTHERS: usize = 64;
/// How many signals are taken at a time. Who sends more at once than there are is not to keep the watch dog from its work.
pub(super) const AT_ONCE: usize = 64;

/// How soon a signal that the system has refused to send is sent again.
const SEND_AGAIN: Duration = Duration::from_millis(50);

/// How long a worker has to say which signals it has not got, from the moment at which that
/// matters.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// How often the watch dog looks for that answer.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// The worker that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) pid: i32,
    pub(crate) since: Duration,
}

/// What is known of the life of the worker that runs, or ran last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signs {
    /// It could give no sign of life before then: its start, or the end of a stop.
    pub(super) floor: Duration,
    /// The heart that was silent for too long when it was looked at last, and is looked at once more.
    pub(super) suspect: Option<Weakest>,
    /// The heart that was, if that is why the worker was told to end.
    pub(super) hung: Option<Weakest>,
    /// It had to be killed, since it did not end in time.
    pub(super) was_killed: bool,
}

/// What was written to the log ahead of its turn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    /// The death of the last worker, before the fork of the next one.
    death: bool,
    /// The start of the next one, as soon as it was forked.
    start: bool,
}

/// Where the next worker comes from.
#[derive(Debug)]
pub(crate) enum Image {
    /// This process has run nothing of the user's but `setup`: fork it.
    Fresh,
    /// It has run the user's `main` while degraded: start the program afresh in it, and let that fork.
    Used(Box<Relay>),
}

/// What the watch dog has beside its options and its segment, made ready before the first fork.
#[derive(Debug)]
pub(crate) struct Equipment {
    /// The way by which worker and watch dog learn of each other; `None` if the system refused it.
    pub(crate) tether: Option<Tether>,
    /// The service manager that wants to hear of the pair.
    pub(crate) manager: Manager,
    /// Who else hears of events.
    pub(crate) on_event: Option<fn(&Say<'_>)>,
    /// What there is for the store; `None` if checkpoints end with the pair.
    pub(crate) keeping: Option<&'static Keeping>,
}

/// The watch dog.
// The flags have nothing to do with each other: they are no state machine in disguise.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug)]
pub(crate) struct WatchDog {
    pub(super) machine: Machine,
    pub(super) options: Options,
    pub(super) world: World,
    /// It starts no thread, and runs no code but its own.
    pub(super) alone: Alone,
    pub(super) segment: &'static Segment,
    pub(super) equipment: &'static Equipment,
    pub(super) image: Image,
    pub(super) pid: i32,
    /// When it began.
    pub(super) since: Duration,
    leads_session: bool,
    pub(super) incarnation: u32,
    pub(super) worker: Option<Running>,
    /// Children that are not the worker's: `setup` has started them, or the function of `on_event`.
    pub(super) others: Vec<i32>,
    pub(super) signs: Signs,
    /// Whether it was said that the program sends no heartbeats.
    pub(super) has_warned_of_no_heart: bool,
    /// The last stop signal, and when it came.
    last_stop: Option<(i32, Duration)>,
    /// Signals that the system has refused to send to the worker.
    unsent: Set,
    /// The lines that are in the log already, while what else hears of the same is still to be
    /// told.
    pub(super) said: Said,
    /// How many processes were killed that the last worker had left behind, until that is said.
    pub(super) cleared: u32,
    /// The generation when the worker started: more than that is progress.
    pub(super) generation: u64,
    pub(super) last_death: Option<Death>,
    /// What the last worker died of that died of itself.
    pub(super) mark: Option<Mark>,
    pub(super) counters: Counters,
    /// When the last worker was found dead.
    pub(super) died_at: Option<Duration>,
    pub(super) ladder: Ladder,
    pub(super) window: DeathWindow,
    /// Whether the next worker starts from an older checkpoint.
    pub(super) steps_back: bool,
    /// One for each hard state.
    pub(super) proofs: Box<[Proof]>,
    pub(super) alarms: Alarms,
    /// What a terminal had sent before the worker was forked, and has not been taken yet: the
    /// worker has not got it.
    pub(super) owed: Set,
    /// What it sent around the fork, so that only the worker knows.
    pub(super) unclear: Set,
    pub(super) oom: Oom,
    pub(super) kept: Kept,
    /// The system call that failed last, so that one that always fails does not fill the log.
    failed: Option<(&'static str, Errno)>,
}

/// What a process is that runs the user's `main`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A worker.
    Worker,
    /// The watch dog itself.
    Degraded,
}

/// What is known of the checkpoint of one hard state, by its generation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Proof {
    /// The worker that runs, or ran last, started with this one.
    pub(super) started: u64,
    /// A worker that started with this one made progress. 0 if none did.
    pub(super) proven: u64,
}

impl WatchDog {
    /// The watch dog of a pair that has not begun.
    ///
    /// On the heap, where a worker only reads it, and made by a function of its own: on the stack it would be copied by each worker, with all the pages
    /// that it fills, and so would be the room in which it is put together.
    #[inline(never)]
    pub(crate) fn new(
        options: Options,
        world: World,
        alone: Alone,
        segment: &'static Segment,
        equipment: &'static Equipment,
    ) -> Box<Self> {
        let mut dog = Box::new(Self {
            machine: Machine::new(options),
            options,
            world,
            alone,
            segment,
            equipment,
            image: Image::Fresh,
            pid: process::pid(),
            since: clock::now(),
            leads_session: process::leads_session(),
            incarnation: 0,
            worker: None,
            others: Vec::with_capacity(OTHERS),
            signs: Signs::default(),
            has_warned_of_no_heart: false,
            last_stop: None,
            unsent: Set::NONE,
            said: Said::default(),
            cleared: 0,
            generation: segment.generation(),
            last_death: None,
            mark: None,
            counters: Counters::default(),
            died_at: None,
            ladder: Ladder::default(),
            window: DeathWindow::new(&options),
            steps_back: false,
            proofs: vec![Proof::default(); segment.specs().len()].into(),
            alarms: Alarms::default(),
            owed: Set::NONE,
            unclear: Set::NONE,
            oom: Oom::prepare(),
            kept: Kept::default(),
            failed: None,
        });
        if options.orphans == Orphans::Kill {
            if !children::knows_us() {
                dog.tell(&Say::Warning {
                    reason: "/proc is not mounted, or not for this namespace of processes, so what a dead worker leaves behind is kept",
                });
                dog.options.orphans = Orphans::Keep;
                return dog;
            }
            if let Err(errno) = process::adopt_orphans(true) {
                dog.complain("prctl", errno);
            }
            if let Err(errno) = dog.list_others() {
                dog.complain("getdents64", errno);
                // Nobody knows what `setup` has started, so nothing is killed.
                dog.options.orphans = Orphans::Keep;
            }
        }
        dog
    }

    /// Puts down which children there are. Several times, if need be: the system may be short of something for a moment.
    fn list_others(&mut self) -> Result<(), Errno> {
        let mut listed = Ok(());
        for _ in 0..3 {
            self.others.clear();
            listed = children::for_each(|pid| self.others.push(pid));
            if listed.is_ok() {
                break;
            }
        }
        // For a keeper that is not there yet.
        self.others.reserve(1);
        listed
    }

    /// A watch dog that goes on where `baton` was handed over.
    pub(crate) fn continued(mut self: Box<Self>, image: Image, baton: &Baton) -> Box<Self> {
        self.machine = Machine::resumed(self.options, baton.restarts);
        self.image = image;
        self.incarnation = baton.incarnation;
        self.segment.follow(baton.incarnation);
        self.generation = baton.generation;
        self.go_on_counting();
        self.others.retain(|other| *other != baton.worker);
        self
    }

    /// Forks the first worker and watches over it and its successors. Returns only in a process that runs the user's
    /// `main`: a worker, or this process if `fork` failed.
    pub(crate) fn run(&mut self) -> Role {
        if let Some(role) = self.step(Event::Start) {
            return role;
        }
        self.watch()
    }

    /// As [`run`](Self::run), for a worker that runs already; `None` if its successor is to be forked at once.
    pub(crate) fn run_with(&mut self, worker: Option<Running>) -> Role {
        let Some(worker) = worker else {
            self.machine = Machine::forking(self.options, self.machine.restarts());
            return self.run();
        };
        self.begin_watch(worker);
        self.counters.count_start(None, worker.since);
        self.put_down();
        self.tell_manager_of_repair();
        self.watch()
    }

    /// A worker runs from here on.
    pub(super) fn begin_watch(&mut self, worker: Running) {
        self.worker = Some(worker);
        self.oom.after_fork();
        self.signs = Signs {
            floor: worker.since,
            ..Signs::default()
        };
        self.unsent = Set::NONE;
        self.alarms
            .set(Alarm::Healthy, self.options.first_healthy(worker.since));
        let first_look = self.next_look(worker.since, worker.since);
        self.alarms.set(Alarm::Hang, first_look);
    }

    fn watch(&mut self) -> Role {
        self.greet_manager();
        self.alarms.begin(clock::now());
        self.begin_keeping();
        loop {
            // Before each wait: the worker may have died while nobody listened, for instance during an `exec`.
            if let Some(role) = self.look_after_worker() {
                return role;
            }
            self.read_mail();
            self.look_after_keeper();
            if let Some(role) = self.answer_alarms() {
                return role;
            }
            if let Some(role) = self.wait() {
                return role;
            }
        }
    }

    /// Waits for a signal or the next alarm.
    #[inline(never)]
    fn wait(&mut self) -> Option<Role> {
        let next = self.alarms.next();
        let timeout = next.map(|next| next.saturating_sub(clock::now()));
        match signal::wait(WAITED, timeout) {
            Ok(Some(taken)) => self.on_signal(taken),
            Ok(None) => None,
            Err(errno) => {
                self.complain("sigtimedwait", errno);
                // If that goes on, there is another way to learn of signals, if a poorer one.
                let taken = signal::take_pending(WAITED).unwrap_or_default();
                if let Some(taken) = taken {
                    return self.on_signal(taken);
                }
                std::thread::sleep(REST);
                None
            }
        }
    }

    /// Does what is due.
    fn answer_alarms(&mut self) -> Option<Role> {
        let now = clock::now();
        if self.alarms.wake(now) {
            // The worker may have stood still as long.
            self.signs.floor = now;
        }
        while let Some(alarm) = self.alarms.take_due(now) {
            match alarm {
                Alarm::Machine(timer) => {
                    if let Some(role) = self.step(Event::Timer(timer)) {
                        return Some(role);
                    }
                }
                Alarm::Retry => self.send_again(),
                Alarm::Healthy => self.look_at_health(now),
                Alarm::Hang => self.look_at_hearts(now),
                Alarm::Ping => self.ping_manager(now),
                Alarm::Keeper => self.start_keeper(),
            }
        }
        None
    }

    /// Marks what the worker has committed as healthy if it has lived long enough, and again when it has lived twice as long: so
    /// the healthy checkpoint is never older than half of the worker's life, and the watch dog wakes up for it ever more rarely.
    fn look_at_health(&mut self, now: Duration) {
        let Some(worker) = self.worker else { return };
        self.segment.mark();
        self.oom.look();
        let age = now.saturating_sub(worker.since).max(Options::SHORTEST);
        self.alarms.set(Alarm::Healthy, now.checked_add(age));
    }

    pub(super) fn on_signal(&mut self, taken: signal::Taken) -> Option<Role> {
        if taken.signal == SIGCHLD {
            self.kept.is_woken = true;
        }
        if !World::passes_on(taken) {
            return None;
        }
        let was_before = self.was_before_worker(taken.signal);
        let shared = World::reaches_group(taken, self.leads_session)
            && !was_before
            && self
                .worker
                .is_some_and(|worker| process::shares_group_with(worker.pid));
        let stops = self.world.stops(taken) && !self.is_echo(taken.signal);
        self.step(Event::Signal {
            signal: taken.signal,
            stops,
            shared,
        })
    }

    /// Whether a signal that was just taken had come before the worker was there to get it as well.
    #[inline(never)]
    fn was_before_worker(&mut self, signal: i32) -> bool {
        if self.owed.has(signal) {
            self.owed = self.owed.without(signal);
            return true;
        }
        if !self.unclear.has(signal) {
            return false;
        }
        self.unclear = self.unclear.without(signal);
        let until = clock::now().saturating_add(ANSWER_WITHIN);
        loop {
            if let Some(lacks) = self.segment.lacks(self.incarnation) {
                return lacks.has(signal);
            }
            // Much more comes while a worker begins than in front of it.
            if clock::now() >= until {
                return false;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Whether a stop signal is the last one once more.
    pub(super) fn is_echo(&mut self, signal: i32) -> bool {
        let now = clock::now();
        let last = self.last_stop.replace((signal, now));
        last.is_some_and(|(last, at)| last == signal && now.saturating_sub(at) < ECHO)
    }

    /// One step of the machine, with everything that follows from it.
    #[inline]
    pub(super) fn step(&mut self, event: Event) -> Option<Role> {
        if self.equipment.on_event.is_none() || self.options.orphans == Orphans::Keep {
            return self.step_unwatched(event);
        }
        self.step_watched(event)
    }

    /// What the user's function starts on the way is not the worker's.
    #[inline(never)]
    fn step_watched(&mut self, event: Event) -> Option<Role> {
        let mut before = [0; 64];
        let mut known = 0;
        if self.worker.is_some() {
            let listed = children::for_each(|pid| {
                if let Some(place) = before.get_mut(known) {
                    *place = pid;
                    known += 1;
                }
            });
            if listed.is_err() {
                known = 0;
            }
        }
        let role = self.step_unwatched(event);
        if role.is_none() {
            self.add_others(&before[..known]);
        }
        role
    }

    /// The children that there are now and were not before belong to nobody's worker.
    #[inline(never)]
    fn add_others(&mut self, before: &[i32]) {
        let worker = self.worker.map(|worker| worker.pid);
        let others = &mut self.others;
        let listed = children::for_each(|pid| {
            let is_new = !before.contains(&pid) && !others.contains(&pid) && Some(pid) != worker;
            // As many as there is room for: nothing is allocated here.
            if is_new && others.len() < others.capacity() {
                others.push(pid);
            }
        });
        if let Err(errno) = listed {
            self.complain("getdents64", errno);
        }
    }

    fn step_unwatched(&mut self, event: Event) -> Option<Role> {
        let mut event = Some(event);
        while let Some(now) = event.take() {
            let at_once = matches!(now, Event::Died { .. });
            let actions = self.machine.step(now);
            // A used image does not come back from a fork, so it has to say first why there is one.
            let is_used = matches!(self.image, Image::Used(_));
            let (first, then) =
                actions.partition(|action| is_used && matches!(action, Action::LogDied { .. }));
            if at_once && !is_used {
                self.announce_death(actions);
            }
            for action in first.into_iter().chain(then) {
                match action {
                    Action::Fork => match self.fork(at_once) {
                        Forked::Worker => return Some(Role::Worker),
                        Forked::Watchdog(answer) => event = Some(answer),
                    },
                    Action::Serve(errno) => {
                        self.serve(errno);
                        return Some(Role::Degraded);
                    }
                    Action::Send(signal) => self.send(signal),
                    Action::Suspend => self.suspend(),
                    Action::LogDied { restarts, next } => {
                        let failed = matches!(event, Some(Event::ForkFailed(_)));
                        self.say_died(restarts, if failed { Next::Degrade } else { next });
                    }
                    Action::LogStarted => self.say_started(),
                    Action::LogStopping(signal) => {
                        self.tell(&Say::Stopping { signal });
                        self.tell_manager_of_stop();
                    }
                    Action::LogHung => self.say_hung(),
                    Action::LogKilling => self.say_killing(),
                    Action::LogGaveUp { restarts, why } => {
                        self.tell(&Say::GaveUp {
                            restarts,
                            code: crate::exit::GAVE_UP,
                            why,
                            hint: why.hint(self.last_death.as_ref()),
                        });
                    }
                    Action::Arm(timer, time) => {
                        let at = clock::now().saturating_add(time);
                        self.alarms.at_the_latest(Alarm::Machine(timer), at);
                    }
                    Action::End(code) => {
                        self.tell_manager_of_stop();
                        self.finish_keeping();
                        self.tell(&Say::Stopped { code });
                        process::exit_now(code);
                    }
                }
            }
        }
        None
    }

    fn send(&mut self, signal: i32) {
        if let Some(worker) = self.worker {
            // The worker is not reaped yet, so its id cannot belong to anybody else.
            if let Err(errno) = signal::kill(worker.pid, signal) {
                self.complain("kill", errno);
                self.unsent = self.unsent.with(signal);
                let later = clock::now().saturating_add(SEND_AGAIN);
                self.alarms.at_the_latest(Alarm::Retry, later);
            }
        }
    }

    /// Sends what could not be sent: a worker that is to stop must not live on because a signal was lost.
    fn send_again(&mut self) {
        let unsent = core::mem::replace(&mut self.unsent, Set::NONE);
        for signal in (1..=64).filter(|&signal| unsent.has(signal)) {
            self.send(signal);
        }
    }

    /// Stops as the worker does, so that a shell sees its job stopped.
    fn suspend(&mut self) {
        if self.world.suspends() {
            if let Err(errno) = signal::suspend() {
                self.complain("sigprocmask", errno);
            }
        }
    }

    /// Says what happened to the log, and to whoever else wants to hear of it.
    pub(super) fn tell(&self, event: &Say<'_>) {
        say(event);
        self.tell_others(event);
    }

    /// Says what happened to whoever else than the log wants to hear of it.
    fn tell_others(&self, event: &Say<'_>) {
        if let Some(on_event) = self.equipment.on_event {
            // Not to be inlined: its frame is the user's.
            hand_out(on_event, event);
        }
    }

    /// Says that a system call failed, unless that is what was said last.
    #[inline(never)]
    pub(super) fn complain(&mut self, call: &'static str, errno: Errno) {
        if self.failed.replace((call, errno)) != Some((call, errno)) {
            self.tell(&Say::Failed {
                call,
                errno: errno as i32,
            });
        }
    }

    /// What a process that came back from [`run`](Self::run) in this role has to know. It is the last thing that the watch
    /// dog does there.
    pub(crate) fn beginning(&'static self, role: Role) -> Beginning {
        Beginning {
            incarnation: self.incarnation,
            last_death: self.last_death.as_ref(),
            degraded: role == Role::Degraded,
            counters: self.counters,
        }
    }

    /// Restarts in a row without progress.
    pub(crate) fn restarts(&self) -> u32 {
        self.machine.restarts()
    }

    /// Writes the line of a death before the next worker is forked, so that it does not come into
    /// what that one writes. That takes a few microseconds of a restart. A log that does not take
    /// the line at once gets it after the fork.
    #[inline(never)]
    fn announce_death(&mut self, actions: Actions) {
        let logs = actions.into_iter().find_map(|action| match action {
            Action::LogDied { restarts, next } => Some((restarts, next)),
            _ => None,
        });
        let forks = actions.into_iter().any(|action| action == Action::Fork);
        if let Some((restarts, next)) = logs.filter(|_| forks) {
            if let Some(death) = &self.last_death {
                self.said.death = try_say(&Say::Died {
                    death,
                    restarts,
                    next,
                });
            }
        }
    }

    /// Writes the line of a start as soon as there is a worker, if that of the last death is in
    /// front of it.
    #[inline(never)]
    pub(super) fn announce_start(&mut self, worker: i32) {
        if self.said.death && self.cleared == 0 {
            self.said.start = try_say(&self.started(worker));
        }
    }

    fn started(&self, worker: i32) -> Say<'static> {
        Say::Started {
            watchdog: self.pid,
            worker,
            incarnation: self.incarnation,
            generation: self.generation,
        }
    }

    #[inline(never)]
    fn say_died(&mut self, restarts: u32, next: Next) {
        self.put_down();
        let Some(death) = &self.last_death else {
            return;
        };
        // A worker that simply came to its end did not die of anything: `stopped` says all there is to say.
        if death.exit == Exit::Code(0) && next == Next::Stop {
            return;
        }
        let died = Say::Died {
            death,
            restarts,
            next,
        };
        if self.said.death {
            self.tell_others(&died);
        } else {
            self.tell(&died);
        }
        self.tell_manager_of_death(death, next);
        self.say_cleared();
    }

    /// What the last worker had left behind was cleared away: behind the line of its death, or, if that was later, in front of that of the next start.
    fn say_cleared(&mut self) {
        let killed = core::mem::take(&mut self.cleared);
        if let Some(death) = self.last_death.as_ref().filter(|_| killed > 0) {
            self.tell(&Say::Orphans {
                incarnation: death.incarnation,
                killed,
            });
        }
    }

    #[inline(never)]
    fn say_started(&mut self) {
        self.say_cleared();
        let Some(worker) = self.worker else { return };
        self.put_down();
        let started = self.started(worker.pid);
        let said = core::mem::take(&mut self.said);
        if said.start {
            self.tell_others(&started);
        } else {
            self.tell(&started);
        }
        self.tell_manager_of_start(worker.pid);
    }

    #[inline(never)]
    fn say_killing(&mut self) {
        self.signs.was_killed = true;
        let Some(worker) = self.worker else { return };
        self.tell(&Say::Killing {
            worker: worker.pid,
            incarnation: self.incarnation,
            reason: if self.signs.hung.is_some() {
                "hang"
            } else {
                "stop_timeout"
            },
        });
    }
}

/// Calls the user's function. A panic of it ends there: the watch dog goes on.
#[inline(never)]
fn hand_out(on_event: fn(&Say<'_>), event: &Say<'_>) {
    let call = core::panic::AssertUnwindSafe(|| on_event(event));
    if std::panic::catch_unwind(call).is_err() {
        say(&Say::Warning {
            reason: "the function of `on_event` panicked",
        });
    }
    // What it has printed and is buffered would otherwise be printed by every worker that is forked
    // afterwards, and not by this process, which ends without that.
    process::flush_streams();
}
