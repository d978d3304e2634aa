//! What a service manager hears of the pair, if one started it with `Type=notify`: `sd_notify(3)`. A part of the driver.
//!
//! The watch dog speaks for the worker, as it is the process that the manager knows. The variables that lead to the manager are hidden from the worker
//! and so from the worker's own children, which are none of the manager's business.

use core::fmt::Arguments;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;
use std::ffi::OsString;
use std::io::Write as _;

use super::alarms::Alarm;
use super::driver::WatchDog;
use crate::death::{Cause, Death};
use crate::event::Next;
use crate::sys::notify::Notify;
use crate::sys::process::Alone;
use crate::sys::signal::Name;
use crate::sys::{Errno, clock, process};

/// Where the manager listens.
const SOCKET: &str = "NOTIFY_SOCKET";
/// How long it waits for a sign of life, in microseconds: `sd_watchdog_enabled(3)`.
const PING_MICROSECONDS: &str = "WATCHDOG_USEC";
/// From whom.
const PING_PROCESS: &str = "WATCHDOG_PID";

/// How often the manager is told that the service is ready.
const REFUSALS: u32 = 100;
/// How soon it is told again.
const TELL_AGAIN: Duration = Duration::from_millis(50);

/// The way to the service manager, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Manager {
    notify: Option<Notify>,
    ping_every: Option<Duration>,
    /// The worker that was said to be ready last.
    ready: AtomicU32,
    /// How often it was not to be reached for that. It would give up on a service that is never ready, so it is told again.
    refusals: AtomicU32,
    stopping: AtomicBool,
}

impl Manager {
    /// The one that the environment names. With an error if it names one that cannot be reached: then it hears nothing.
    pub(crate) fn of_environment() -> (Self, Option<(OsString, Errno)>) {
        let Some(address) = process::variable(SOCKET).filter(|address| !address.is_empty()) else {
            return (Self::default(), None);
        };
        let notify = match Notify::new(&address) {
            Ok(notify) => notify,
            Err(errno) => return (Self::default(), Some((address, errno))),
        };
        let variable = |name| process::variable(name)?.into_string().ok();
        let ping_every = ping_every(
            variable(PING_MICROSECONDS).as_deref(),
            variable(PING_PROCESS).as_deref(),
            process::pid(),
        );
        let manager = Self {
            notify: Some(notify),
            ping_every,
            ..Self::default()
        };
        (manager, None)
    }

    /// There is no watch dog, so nobody gives signs of life: the manager is asked not to wait for them.
    pub(crate) fn tell_alone(&self) {
        if self.ping_every.is_some() {
            self.send(format_args!("WATCHDOG_USEC=0"));
        }
    }

    /// Takes the way to the manager out of the environment of a new worker, which has one thread and has run no code of the user's.
    #[inline]
    pub(crate) fn hide(&self, alone: &Alone) {
        if self.notify.is_some() {
            hide(alone);
        }
    }

    /// Sends lines. If the manager is gone there is nobody to be told.
    fn send(&self, lines: Arguments<'_>) {
        let _ = self.try_send(lines);
    }

    fn try_send(&self, lines: Arguments<'_>) -> Result<(), Errno> {
        self.notify
            .as_ref()
            .map_or(Ok(()), |notify| Self::send_to(notify, lines))
    }

    /// In a frame of its own: see `log::say`.
    #[cold]
    #[inline(never)]
    fn send_to(notify: &Notify, lines: Arguments<'_>) -> Result<(), Errno> {
        let mut bytes = [0; 512];
        let mut rest = &mut bytes[..];
        // What does not fit is cut.
        let _ = rest.write_fmt(lines);
        let left = rest.len();
        let length = bytes.len() - left;
        notify.send(&bytes[..length])
    }

    /// The service is up: from the process that the manager knows. Whether it has heard it, or is told no more of it.
    pub(crate) fn tell_ready(&self, incarnation: u32) -> bool {
        if self.ready.load(Ordering::Relaxed) == 0 {
            let told = self.try_send(format_args!("READY=1"));
            if told.is_err() && self.refusals.fetch_add(1, Ordering::Relaxed) < REFUSALS {
                return false;
            }
        }
        self.ready.store(incarnation, Ordering::Relaxed);
        true
    }

    fn tell_stopping(&self) {
        if !self.stopping.swap(true, Ordering::Relaxed) {
            self.send(format_args!("STOPPING=1"));
        }
    }
}

/// Takes the way to the manager out of the environment of a process that was just forked: neither
/// it nor a program that it starts speaks for the service.
pub(crate) fn hide(alone: &Alone) {
    process::remove_variables(alone, &[SOCKET, PING_MICROSECONDS, PING_PROCESS]);
}

/// How often the manager wants a sign of life: twice as often as it waits for one at the most. `None` if it wants none, or not from this process.
fn ping_every(microseconds: Option<&str>, process: Option<&str>, own: i32) -> Option<Duration> {
    let is_for_us = process.is_none_or(|process| process.parse() == Ok(own));
    let wait = microseconds?.parse().ok().filter(|wait| *wait > 1)?;
    is_for_us.then_some(Duration::from_micros(wait) / 2)
}

impl WatchDog {
    /// The manager is told of the pair from here on.
    pub(super) fn greet_manager(&mut self) {
        if self.equipment.manager.ping_every.is_some() {
            self.ping_manager(clock::now());
        }
    }

    pub(super) fn ping_manager(&mut self, now: Duration) {
        let manager = &self.equipment.manager;
        manager.send(format_args!("WATCHDOG=1"));
        let next = manager.ping_every.and_then(|every| now.checked_add(every));
        self.alarms.set(Alarm::Ping, next);
    }

    /// Passes on what the worker wants the manager to know.
    pub(super) fn read_mail(&mut self) {
        let manager = &self.equipment.manager;
        if self.segment.ready() != self.incarnation
            || manager.ready.load(Ordering::Relaxed) == self.incarnation
        {
            return;
        }
        if let Some(tether) = &self.equipment.tether {
            tether.drain();
        }
        if !manager.tell_ready(self.incarnation) {
            let later = clock::now().saturating_add(TELL_AGAIN);
            self.alarms.set(Alarm::Retry, Some(later));
        }
    }

    pub(super) fn tell_manager_of_start(&self, worker: i32) {
        let (incarnation, restarts) = (self.incarnation, self.counters.restarts());
        self.equipment.manager.send(format_args!(
            "STATUS=worker {incarnation} runs as process {worker}; restarts: {restarts}"
        ));
    }

    pub(super) fn tell_manager_of_death(&self, death: &Death, next: Next) {
        let manager = &self.equipment.manager;
        let incarnation = self.incarnation;
        let then = match next {
            Next::Restart(_) => "; the next one follows",
            Next::Degrade => "; fork fails, the watch dog serves",
            Next::Stop | Next::GiveUp => "; it is not restarted",
        };
        match death.cause() {
            Cause::Signal { signal, .. } => manager.send(format_args!(
                "STATUS=worker {incarnation} was killed by {}{then}",
                Name(signal)
            )),
            Cause::Hang { .. } => manager.send(format_args!(
                "STATUS=worker {incarnation} hung and was killed{then}"
            )),
            Cause::Oom => manager.send(format_args!(
                "STATUS=worker {incarnation} was killed by the out-of-memory killer{then}"
            )),
            Cause::Exit { code } => manager.send(format_args!(
                "STATUS=worker {incarnation} exited with code {code}{then}"
            )),
            Cause::Panic { message, .. } => {
                // One line: the manager takes the next one for another message.
                let message = message.lines().next().unwrap_or("");
                manager.send(format_args!(
                    "STATUS=worker {incarnation} panicked: {message:.200}{then}"
                ));
            }
        }
    }

    pub(super) fn tell_manager_of_stop(&self) {
        self.equipment.manager.tell_stopping();
    }

    pub(super) fn tell_manager_of_degradation(&self) {
        let manager = &self.equipment.manager;
        let status = "STATUS=degraded: fork fails, so the watch dog serves as the worker";
        if manager.ping_every.is_some() {
            // Nobody is left who could give signs of life, so the manager is asked not to wait for them.
            manager.send(format_args!("{status}\nWATCHDOG_USEC=0"));
        } else {
            manager.send(format_args!("{status}"));
        }
    }

    /// After a repair: it may expect signs of life again.
    pub(super) fn tell_manager_of_repair(&self) {
        let manager = &self.equipment.manager;
        if let Some(every) = manager.ping_every {
            let wait = every.saturating_mul(2).as_micros();
            manager.send(format_args!("WATCHDOG_USEC={wait}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_is_pinged_twice_as_often_as_it_asks_for_and_only_by_whom_it_asks() {
        let half = |text| ping_every(Some(text), None, 7);
        assert_eq!(half("30000000"), Some(Duration::from_secs(15)));
        assert_eq!(
            ping_every(Some("2000"), Some("7"), 7),
            Some(Duration::from_millis(1))
        );
        assert_eq!(ping_every(Some("2000"), Some("8"), 7), None);
        for none in ["", "0", "1", "-5", "soon"] {
            assert_eq!(half(none), None, "{none}");
        }
        assert_eq!(ping_every(None, Some("7"), 7), None);
    }
}
