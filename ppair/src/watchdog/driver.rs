//! The thin shell around the machine: actions become system calls, what the system says becomes events. One thread, no
//! allocation in the loop, no panic, and no code of the user's.
//!
//! What lies between a death and the next worker's first line is kept short: every page that a new worker touches is a fault,
//! at some microseconds each. So functions with large frames are not inlined, nothing large is moved, and nothing is
//! allocated on that way.

use core::time::Duration;

use super::machine::{Action, Event, Machine};
use crate::config::Options;
use crate::death::{Death, is_cause};
use crate::event::{Event as Say, Next};
use crate::exit::Exit;
use crate::log::say;
use crate::progress::Ladder;
use crate::resume::{Baton, Relay};
use crate::state::keep::Reject;
use crate::state::recovery::loss;
use crate::state::segment::Segment;
use crate::sys::fork::{Side, fork};
use crate::sys::process::Alone;
use crate::sys::signal::{SIGCHLD, SIGKILL};
use crate::sys::{Errno, clock, process, signal, wait};
use crate::worker::{Beginning, die_with};
use crate::world::{WAITED, World};

/// How long the watch dog rests when the system refuses to let it wait.
const REST: Duration = Duration::from_millis(10);

/// The worker that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    pub(crate) pid: i32,
    pub(crate) since: Duration,
}

/// Where the next worker comes from.
#[derive(Debug)]
pub(crate) enum Image {
    /// This process has run nothing of the user's but `setup`: fork it.
    Fresh,
    /// It has run the user's `main` while degraded: start the program afresh in it, and let that fork.
    Used(Box<Relay>),
}

/// The watch dog.
#[derive(Debug)]
pub(crate) struct WatchDog {
    machine: Machine,
    options: Options,
    world: World,
    /// It starts no thread, and runs no code but its own.
    alone: Alone,
    segment: &'static Segment,
    image: Image,
    pid: i32,
    leads_session: bool,
    incarnation: u32,
    worker: Option<Running>,
    /// The generation when the worker started: more than that is progress.
    generation: u64,
    last_death: Option<Death>,
    ladder: Ladder,
    /// Whether the next worker starts from an older checkpoint.
    steps_back: bool,
    /// One for each hard state.
    proofs: Box<[Proof]>,
    deadline: Option<Duration>,
    /// When the worker's checkpoints count as healthy.
    healthy_at: Option<Duration>,
    /// Whether there was a fork since the last look at pending signals.
    just_forked: bool,
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
struct Proof {
    /// The worker that runs, or ran last, started with this one.
    started: u64,
    /// A worker that started with this one made progress. 0 if none did.
    proven: u64,
}

/// What came of `Action::Fork`.
enum Forked {
    /// This process is the worker.
    Worker,
    Watchdog(Event),
}

impl WatchDog {
    /// The watch dog of a pair that has not begun.
    pub(crate) fn new(
        options: Options,
        world: World,
        alone: Alone,
        segment: &'static Segment,
    ) -> Self {
        Self {
            machine: Machine::new(options),
            options,
            world,
            alone,
            segment,
            image: Image::Fresh,
            pid: process::pid(),
            leads_session: process::leads_session(),
            incarnation: 0,
            worker: None,
            generation: segment.generation(),
            last_death: None,
            ladder: Ladder::default(),
            steps_back: false,
            proofs: vec![Proof::default(); segment.specs().len()].into(),
            deadline: None,
            healthy_at: None,
            just_forked: false,
            failed: None,
        }
    }

    /// A watch dog that goes on where `baton` was handed over.
    pub(crate) fn continued(mut self, image: Image, baton: &Baton) -> Self {
        self.machine = Machine::resumed(self.options, baton.restarts);
        self.image = image;
        self.incarnation = baton.incarnation;
        self.segment.follow(baton.incarnation);
        self.generation = baton.generation;
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
        if worker.is_none() {
            self.machine = Machine::forking(self.options, self.machine.restarts());
            return self.run();
        }
        self.worker = worker;
        self.healthy_at = worker.and_then(|worker| self.options.first_healthy(worker.since));
        self.watch()
    }

    fn watch(&mut self) -> Role {
        loop {
            // Before each wait: the worker may have died while nobody listened, for instance during an `exec`.
            if let Some(role) = self.look_after_worker() {
                return role;
            }
            if core::mem::take(&mut self.just_forked) {
                self.catch_up();
                continue;
            }
            if let Some(role) = self.wait() {
                return role;
            }
        }
    }

    /// Passes on what arrived around the fork. A terminal's signal may have come just before, when there was no worker to
    /// get it, so it is passed on too. If it came just after, the worker has it twice at the most, and once if it is still
    /// pending there.
    #[inline(never)]
    fn catch_up(&mut self) {
        while let Ok(Some(taken)) = signal::wait(WAITED, Some(Duration::ZERO)) {
            if taken.signal != SIGCHLD {
                let stops = self.world.stops(taken);
                // With a worker running, a signal leads to no fork, so this process stays the watch dog.
                let _ = self.step(Event::Signal {
                    signal: taken.signal,
                    stops,
                    shared: false,
                });
            }
        }
    }

    /// Waits for a signal or the timer and steps the machine.
    #[inline(never)]
    fn wait(&mut self) -> Option<Role> {
        let next = [self.deadline, self.healthy_at].into_iter().flatten().min();
        let timeout = next.map(|deadline| deadline.saturating_sub(clock::now()));
        match signal::wait(WAITED, timeout) {
            Ok(Some(taken)) => self.on_signal(taken),
            Ok(None) => {
                let now = clock::now();
                self.look_at_health(now);
                match self.deadline {
                    Some(deadline) if now >= deadline => {
                        self.deadline = None;
                        self.step(Event::Timer)
                    }
                    _ => None,
                }
            }
            Err(errno) => {
                self.complain("sigtimedwait", errno);
                std::thread::sleep(REST);
                None
            }
        }
    }

    /// Marks what the worker has committed as healthy if it has lived long enough, and again when it has lived twice as long: so
    /// the healthy checkpoint is never older than half of the worker's life, and the watch dog wakes up for it ever more rarely.
    fn look_at_health(&mut self, now: Duration) {
        let (Some(worker), Some(time)) = (self.worker, self.healthy_at) else {
            return;
        };
        if now >= time {
            self.segment.mark();
            let age = now.saturating_sub(worker.since).max(Options::SHORTEST);
            self.healthy_at = now.checked_add(age);
        }
    }

    fn on_signal(&mut self, taken: signal::Taken) -> Option<Role> {
        if taken.signal == SIGCHLD {
            return None;
        }
        let shared = World::reaches_group(taken, self.leads_session)
            && self
                .worker
                .is_some_and(|worker| process::shares_group_with(worker.pid));
        let stops = self.world.stops(taken);
        self.step(Event::Signal {
            signal: taken.signal,
            stops,
            shared,
        })
    }

    /// Reaps the worker if it has died, and steps the machine.
    fn look_after_worker(&mut self) -> Option<Role> {
        let death = self.bury()?;
        self.step(death)
    }

    /// Reaps the worker if it has died, and puts down why.
    #[inline(never)]
    fn bury(&mut self) -> Option<Event> {
        let worker = self.worker?;
        let (exit, max_rss_kib) = match wait::reap(worker.pid) {
            Ok(None) => return None,
            Ok(Some(reaped)) => (Exit::from_status(reaped.status), reaped.max_rss_kib),
            Err(Errno::ECHILD) => {
                // It is gone and took the reason with it. The service goes on all the same.
                self.complain("wait4", Errno::ECHILD);
                let (signal, core) = (SIGKILL, false);
                (Exit::Signal { signal, core }, 0)
            }
            Err(errno) => {
                self.complain("wait4", errno);
                self.deadline = Some(clock::now() + REST);
                return None;
            }
        };
        // From here on its id may be anybody's.
        self.worker = None;
        // A stop signal that arrived by now wins over a restart. The machine still has a worker, and so answers with no fork
        // and no end: there is no role to return.
        while let Ok(Some(taken)) = signal::wait(WAITED, Some(Duration::ZERO)) {
            let _ = self.on_signal(taken);
        }
        let now = clock::now();
        let note = self.segment.black_box().panic_note();
        let death = self.last_death.insert(Death {
            worker: worker.pid,
            incarnation: self.incarnation,
            exit,
            note: note.filter(|note| is_cause(note, exit, now)),
            uptime: now.saturating_sub(worker.since),
            max_rss_kib,
            generation: self.segment.generation(),
        });
        let progressed =
            death.generation > self.generation || death.uptime >= self.options.healthy_after;
        (self.deadline, self.healthy_at) = (None, None);
        if progressed {
            for proof in &mut self.proofs {
                proof.proven = proof.started;
            }
        }
        self.steps_back = self.ladder.on_death(progressed, exit);
        let random = now.subsec_nanos().wrapping_mul(0x9e37_79b9);
        Some(Event::Died {
            exit,
            progressed,
            random,
        })
    }

    /// One step of the machine, with everything that follows from it.
    fn step(&mut self, event: Event) -> Option<Role> {
        let mut event = Some(event);
        while let Some(now) = event.take() {
            let actions = self.machine.step(now);
            // A used image does not come back from a fork, so it has to say first why there is one.
            let is_used = matches!(self.image, Image::Used(_));
            let (first, then) =
                actions.partition(|action| is_used && matches!(action, Action::LogDied { .. }));
            for action in first.into_iter().chain(then) {
                match action {
                    Action::Fork => match self.fork() {
                        Forked::Worker => return Some(Role::Worker),
                        Forked::Watchdog(answer) => event = Some(answer),
                    },
                    Action::Serve(errno) => {
                        self.serve(errno);
                        return Some(Role::Degraded);
                    }
                    Action::Forward(signal) => self.forward(signal),
                    Action::LogDied { restarts, next } => {
                        let failed = matches!(event, Some(Event::ForkFailed(_)));
                        self.say_died(restarts, if failed { Next::Degrade } else { next });
                    }
                    Action::LogStarted => self.say_started(),
                    Action::LogStopping(signal) => say(&Say::Stopping { signal }),
                    Action::LogGaveUp(restarts) => {
                        say(&Say::GaveUp {
                            restarts,
                            code: crate::exit::GAVE_UP,
                        });
                    }
                    Action::Wait(time) => self.deadline = Some(clock::now() + time),
                    Action::End(code) => {
                        say(&Say::Stopped { code });
                        process::exit_now(code);
                    }
                }
            }
        }
        None
    }

    fn fork(&mut self) -> Forked {
        if let Image::Used(relay) = &self.image {
            return self.start_afresh(relay);
        }
        self.incarnation = self.incarnation.wrapping_add(1);
        let handed_over = self
            .segment
            .black_box()
            .clear()
            .and_then(|()| self.segment.fence(self.incarnation));
        if let Err(errno) = handed_over {
            self.complain("pwrite", errno);
        }
        // After the takeover: what was written and never published is void from there on, and no rung of the ladder.
        if core::mem::take(&mut self.steps_back) {
            self.step_back();
        }
        self.generation = self.segment.generation();
        for (proof, region) in self.proofs.iter_mut().zip(self.segment.regions()) {
            proof.started = region.published(self.incarnation).generation;
        }
        match fork(&self.alone) {
            Ok(Side::Child) => {
                self.become_worker();
                Forked::Worker
            }
            Ok(Side::Parent(pid)) => {
                let since = clock::now();
                self.worker = Some(Running { pid, since });
                self.healthy_at = self.options.first_healthy(since);
                self.just_forked = true;
                Forked::Watchdog(Event::Forked)
            }
            Err(errno) => Forked::Watchdog(Event::ForkFailed(errno)),
        }
    }

    /// Two workers have died without progress from the same checkpoints: the next one starts from older ones. Nothing tells which hard state is
    /// to blame. So one that a worker has got on with is left behind only if there are no others; and of those, only the ones that lose least by it.
    #[cold]
    #[inline(never)]
    fn step_back(&mut self) {
        for suspects in [true, false] {
            let segment = self.segment;
            let losses = || {
                let regions = segment.regions().zip(&self.proofs).enumerate();
                regions.filter_map(|(number, (region, Proof { proven, .. }))| {
                    let generation = region.published(self.incarnation).generation;
                    let is_suspect = *proven == 0 || *proven != generation;
                    let loss = loss(&region, self.incarnation)?;
                    (is_suspect == suspects).then_some((loss, number))
                })
            };
            let Some((least, _)) = losses().min() else {
                continue;
            };
            let mut failed = None;
            for (_, number) in losses().filter(|(loss, _)| *loss == least) {
                match segment.reject(number) {
                    Ok(Some(Reject { refused: None }) | None) => {}
                    Ok(Some(Reject {
                        refused: Some(errno),
                    })) => failed = Some(("fallocate", errno)),
                    Err(errno) => failed = Some(("pwrite", errno)),
                }
            }
            if let Some((call, errno)) = failed {
                self.complain(call, errno);
            }
            return;
        }
    }

    /// In the new process, before any code of the user's.
    fn become_worker(&self) {
        if let Err(errno) = self.world.leave() {
            say(&Say::Failed {
                call: "sigprocmask",
                errno,
            });
        }
        die_with(self.pid);
    }

    /// This process serves as the worker.
    #[inline(never)]
    fn serve(&mut self, errno: Errno) {
        say(&Say::Degraded {
            watchdog: self.pid,
            errno,
            incarnation: self.incarnation,
            generation: self.segment.generation(),
        });
        if let Err(errno) = self.world.leave() {
            say(&Say::Failed {
                call: "sigprocmask",
                errno,
            });
        }
    }

    #[inline(never)]
    fn start_afresh(&self, relay: &Relay) -> Forked {
        loop {
            let errno = relay.exec();
            say(&Say::Failed {
                call: "execve",
                errno,
            });
            // Nothing else can bring the service back, so it is tried until it works or somebody asks for a stop.
            match signal::wait(WAITED, Some(Duration::from_secs(1))) {
                Ok(Some(taken)) if self.world.stops(taken) => {
                    process::exit_now(crate::exit::status_of_signal(taken.signal));
                }
                Ok(_) => {}
                Err(_) => std::thread::sleep(REST),
            }
        }
    }

    fn forward(&self, signal: i32) {
        if let Some(worker) = self.worker {
            // The worker is not reaped yet, so its id cannot belong to anybody else.
            if let Err(errno) = signal::kill(worker.pid, signal) {
                say(&Say::Failed {
                    call: "kill",
                    errno,
                });
            }
        }
    }

    /// Says that a system call failed, unless that is what was said last.
    #[inline(never)]
    fn complain(&mut self, call: &'static str, errno: Errno) {
        if self.failed.replace((call, errno)) != Some((call, errno)) {
            say(&Say::Failed { call, errno });
        }
    }

    /// What a process that came back from [`run`](Self::run) in this role has to know. It is the last thing that the watch
    /// dog does there.
    pub(crate) fn beginning(&'static self, role: Role) -> Beginning {
        Beginning {
            incarnation: self.incarnation,
            last_death: self.last_death.as_ref(),
            degraded: role == Role::Degraded,
        }
    }

    /// Restarts in a row without progress.
    pub(crate) fn restarts(&self) -> u32 {
        self.machine.restarts()
    }

    #[inline(never)]
    fn say_died(&self, restarts: u32, next: Next) {
        let Some(death) = &self.last_death else {
            return;
        };
        // A worker that simply came to its end did not die of anything: `stopped` says all there is to say.
        if death.exit == Exit::Code(0) && next == Next::Stop {
            return;
        }
        say(&Say::Died {
            death,
            restarts,
            next,
        });
    }

    #[inline(never)]
    fn say_started(&self) {
        let Some(worker) = self.worker else { return };
        say(&Say::Started {
            watchdog: self.pid,
            worker: worker.pid,
            incarnation: self.incarnation,
            generation: self.generation,
        });
    }
}
