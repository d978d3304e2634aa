//! The signals of the program as it was started: kept while the watch dog has its own, given back to every worker.

use crate::sys::signal::{self, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use crate::sys::Errno;

/// The signals that ask a program to stop.
const STOPS: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];
/// The signals that the watch dog passes on to its worker.
const PASSED_ON: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM];

/// The saved world, and the watch dog's own set of signals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    mask: signal::Set,
    waited: signal::Set,
    /// Signals that were ignored when the program started, such as `SIGHUP` under `nohup`, one bit each.
    ignored: u64,
}

impl World {
    /// Saves the program's signals and blocks the watch dog's.
    pub(crate) fn enter() -> Result<Self, Errno> {
        let ignored = PASSED_ON.iter().chain(&[SIGCHLD]).filter(|&&signal| signal::is_ignored(signal));
        let ignored = ignored.fold(0, |bits, &signal| bits | bit(signal));
        let waited = waited();
        let mask = signal::block(&waited)?;
        if ignored & bit(SIGCHLD) != 0 {
            // With an ignored SIGCHLD the kernel throws away how a child ended.
            signal::set_default(SIGCHLD)?;
        }
        Ok(Self { mask, waited, ignored })
    }

    /// The world that an earlier image of this process saved; its signals are still blocked.
    pub(crate) fn resume(mask: u64, ignored: u64) -> Self {
        Self { mask: signal::Set::from_bits(mask), waited: waited(), ignored }
    }

    /// The saved mask and the signals ignored, for [`resume`](Self::resume).
    pub(crate) fn to_bits(self) -> (u64, u64) {
        (self.mask.to_bits(), self.ignored)
    }

    /// What the watch dog waits for.
    pub(crate) fn waited(&self) -> &signal::Set {
        &self.waited
    }

    /// Whether `signal` asks the program to stop: not if the program was started with it ignored, and a hang-up only if a
    /// terminal sent it, since services use it to mean "read your configuration again".
    pub(crate) fn stops(&self, taken: signal::Taken) -> bool {
        let hangs_up = taken.signal == SIGHUP && !taken.from_kernel;
        STOPS.contains(&taken.signal) && self.ignored & bit(taken.signal) == 0 && !hangs_up
    }

    /// Whether a terminal that sent `signal` to this process sent it to the other members of its group as well. Only a
    /// session's leader is told alone, of a hang-up.
    pub(crate) fn reaches_group(taken: signal::Taken, leads_session: bool) -> bool {
        taken.from_kernel && !(taken.signal == SIGHUP && leads_session)
    }

    /// Gives the program its signals back: what is pending then arrives.
    pub(crate) fn leave(&self) -> Result<(), Errno> {
        if self.ignored & bit(SIGCHLD) != 0 {
            signal::set_ignored(SIGCHLD)?;
        }
        signal::set_mask(&self.mask).map(drop)
    }

    /// Undoes what a user's `main` has done to dispositions in this process, for the next image: `exec` keeps what is
    /// ignored. The mask stays.
    pub(crate) fn reset_dispositions(&self) -> Result<(), Errno> {
        for signal in PASSED_ON {
            if self.ignored & bit(signal) != 0 {
                signal::set_ignored(signal)?;
            } else {
                signal::set_default(signal)?;
            }
        }
        signal::set_default(SIGCHLD)
    }
}

fn waited() -> signal::Set {
    let mut all = [SIGCHLD; PASSED_ON.len() + 1];
    all[..PASSED_ON.len()].copy_from_slice(&PASSED_ON);
    signal::Set::of(&all)
}

const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::signal::Taken;

    const WORLD: fn(u64) -> World = |ignored| World::resume(0, ignored);

    #[test]
    fn stop_signals_stop_unless_the_program_was_started_with_them_ignored() {
        for signal in [SIGINT, SIGQUIT, SIGTERM] {
            let taken = Taken { signal, from_kernel: false };
            assert!(WORLD(0).stops(taken));
            assert!(!WORLD(bit(signal)).stops(taken));
        }
    }

    #[test]
    fn a_hang_up_stops_only_if_a_terminal_sent_it() {
        assert!(!WORLD(0).stops(Taken { signal: SIGHUP, from_kernel: false }));
        assert!(WORLD(0).stops(Taken { signal: SIGHUP, from_kernel: true }));
        assert!(!WORLD(bit(SIGHUP)).stops(Taken { signal: SIGHUP, from_kernel: true }));
    }

    #[test]
    fn user_signals_never_stop() {
        assert!(!WORLD(0).stops(Taken { signal: SIGUSR1, from_kernel: false }));
    }

    #[test]
    fn a_terminal_tells_its_whole_group_but_of_a_hang_up_only_the_leader() {
        let from_terminal = |signal| Taken { signal, from_kernel: true };
        assert!(World::reaches_group(from_terminal(SIGINT), true));
        assert!(World::reaches_group(from_terminal(SIGHUP), false));
        assert!(!World::reaches_group(from_terminal(SIGHUP), true));
        assert!(!World::reaches_group(Taken { signal: SIGINT, from_kernel: false }, false));
    }
}
