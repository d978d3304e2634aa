//! The signals of the program as it was started: kept while the watch dog has its own, given back to every worker.

use crate::sys::Errno;
use crate::sys::signal::{
    self, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH,
    Set,
};

/// The signals that ask a program to stop.
const STOPS: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// What the watch dog waits for.
pub(crate) const WAITED: Set = Set::of(&[
    SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM, SIGCHLD, SIGCONT, SIGTSTP, SIGWINCH,
]);

/// The saved world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct World {
    mask: Set,
    /// Signals that were ignored when the program started, such as `SIGHUP` under `nohup`.
    ignored: Set,
}

impl World {
    /// Saves the program's signals and blocks the watch dog's. `mask` is what was blocked before
    /// [`be_quiet`](signal::be_quiet).
    pub(crate) fn enter(mask: Set) -> Result<Self, Errno> {
        let bits = (1..=64).filter(|&signal| WAITED.has(signal) && signal::is_ignored(signal));
        let ignored = Set(bits.fold(0, |bits, signal| bits | Set::of(&[signal]).0));
        signal::block(WAITED)?;
        if ignored.has(SIGCHLD) {
            // With an ignored SIGCHLD the kernel throws away how a child ended.
            signal::set_default(SIGCHLD)?;
        }
        Ok(Self { mask, ignored })
    }

    /// The world that an earlier image of this process saved; its signals are still blocked.
    pub(crate) const fn resume(mask: u64, ignored: u64) -> Self {
        Self {
            mask: Set(mask),
            ignored: Set(ignored),
        }
    }

    /// The saved mask and the signals ignored, for [`resume`](Self::resume).
    pub(crate) const fn to_bits(self) -> (u64, u64) {
        (self.mask.0, self.ignored.0)
    }

    /// Whether `signal` asks the program to stop: not if the program was started with it ignored, and a hang-up only if a
    /// terminal sent it, since services use it to mean "read your configuration again".
    pub(crate) fn stops(self, taken: signal::Taken) -> bool {
        let hangs_up = taken.signal == SIGHUP && !taken.from_kernel;
        STOPS.contains(&taken.signal) && !self.ignored.has(taken.signal) && !hangs_up
    }

    /// Whether a terminal's `^Z` stops the program: not if it was started with that ignored.
    pub(crate) fn suspends(self) -> bool {
        !self.ignored.has(SIGTSTP)
    }

    /// Whether a terminal that sent `signal` to this process sent it to the other members of its group as well. Only a
    /// session's leader is told alone, of a hang-up.
    pub(crate) fn reaches_group(taken: signal::Taken, leads_session: bool) -> bool {
        taken.from_kernel && !(taken.signal == SIGHUP && leads_session)
    }

    /// Gives the program its signals back: what is pending then arrives.
    #[inline]
    pub(crate) fn leave(self) -> Result<(), Errno> {
        if self.ignored.has(SIGCHLD) {
            signal::set_ignored(SIGCHLD)?;
        }
        signal::set_mask(self.mask).map(drop)
    }

    /// Undoes what a user's `main` has done to dispositions in this process, for the next image: `exec` keeps what is
    /// ignored. The mask stays.
    pub(crate) fn reset_dispositions(self) -> Result<(), Errno> {
        for signal in (1..=64).filter(|&signal| WAITED.has(signal) && signal != SIGCHLD) {
            if self.ignored.has(signal) {
                signal::set_ignored(signal)?;
            } else {
                signal::set_default(signal)?;
            }
        }
        signal::set_default(SIGCHLD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::signal::Taken;

    /// The world of a program that was started with these signals ignored.
    fn world(ignored: &[i32]) -> World {
        World::resume(0, Set::of(ignored).0)
    }

    #[test]
    fn stop_signals_stop_unless_the_program_was_started_with_them_ignored() {
        for signal in [SIGINT, SIGQUIT, SIGTERM] {
            let taken = Taken {
                signal,
                from_kernel: false,
            };
            assert!(world(&[]).stops(taken));
            assert!(!world(&[signal]).stops(taken));
        }
    }

    #[test]
    fn a_hang_up_stops_only_if_a_terminal_sent_it() {
        assert!(!world(&[]).stops(Taken {
            signal: SIGHUP,
            from_kernel: false
        }));
        assert!(world(&[]).stops(Taken {
            signal: SIGHUP,
            from_kernel: true
        }));
        assert!(!world(&[SIGHUP]).stops(Taken {
            signal: SIGHUP,
            from_kernel: true
        }));
    }

    #[test]
    fn user_signals_never_stop() {
        assert!(!world(&[]).stops(Taken {
            signal: SIGUSR1,
            from_kernel: false
        }));
    }

    #[test]
    fn a_terminal_tells_its_whole_group_but_of_a_hang_up_only_the_leader() {
        let from_terminal = |signal| Taken {
            signal,
            from_kernel: true,
        };
        assert!(World::reaches_group(from_terminal(SIGINT), true));
        assert!(World::reaches_group(from_terminal(SIGHUP), false));
        assert!(!World::reaches_group(from_terminal(SIGHUP), true));
        assert!(!World::reaches_group(
            Taken {
                signal: SIGINT,
                from_kernel: false
            },
            false
        ));
    }
}
