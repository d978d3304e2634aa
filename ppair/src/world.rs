//! The signals of the program as it was started: kept while the watch dog has its own, given back to every worker.

use crate::sys::Errno;
use crate::sys::signal::{
    self, SIGABRT, SIGALRM, SIGBUS, SIGCHLD, SIGCONT, SIGFPE, SIGHUP, SIGILL, SIGINT, SIGPIPE,
    SIGPROF, SIGQUIT, SIGSEGV, SIGSYS, SIGTERM, SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1,
    SIGUSR2, SIGVTALRM, SIGWINCH, SIGXCPU, SIGXFSZ, Set,
};

/// The signals that ask a program to stop.
const STOPS: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// What the watch dog blocks and waits for: every signal, so that none ends it, stops it or runs
/// code in it. (A fault of its own ends it all the same: the kernel delivers that at once.)
pub(crate) const WAITED: Set = Set::ALL;

/// The signals whose dispositions are kept from the program's start, for the next image.
const KEPT: Set = Set::of(&[
    SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM, SIGCHLD, SIGCONT, SIGTSTP, SIGWINCH,
]);

/// What a terminal sends to a whole process group.
pub(crate) const OF_TERMINALS: Set = Set::of(&[
    SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT, SIGTTIN, SIGTTOU, SIGWINCH,
]);

/// What the kernel sends to a process for what that does itself: its child has ended, nothing reads
/// what it writes, its file is too long. It says nothing to the worker.
const OF_ONESELF: Set = Set::of(&[SIGCHLD, SIGPIPE, SIGXFSZ]);

/// What `setup` may need in a fresh image of the watch dog, where a worker runs already: faults,
/// and its own timers.
const FOR_SETUP: Set = Set::of(&[
    SIGABRT, SIGALRM, SIGBUS, SIGFPE, SIGILL, SIGPROF, SIGSEGV, SIGSYS, SIGTRAP, SIGVTALRM,
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
        let bits = (1..=64).filter(|&signal| KEPT.has(signal) && signal::is_ignored(signal));
        let ignored = Set(bits.fold(0, |bits, signal| bits | Set::of(&[signal]).0));
        signal::block(WAITED)?;
        if ignored.has(SIGCHLD) {
            // With an ignored SIGCHLD the kernel throws away how a child ended.
            signal::set_default(SIGCHLD)?;
        }
        Ok(Self { mask, ignored })
    }

    /// The world that an earlier image of this process saved.
    pub(crate) const fn resume(mask: u64, ignored: u64) -> Self {
        Self {
            mask: Set(mask),
            ignored: Set(ignored),
        }
    }

    /// In a fresh image, whose signals are still blocked: lets `setup` have what it may need.
    pub(crate) fn open_for_setup() {
        // If that is refused, `setup` runs with its faults blocked, and the kernel delivers those
        // all the same.
        let _ = signal::set_mask(Set::ALL.but(FOR_SETUP).but(signal::of_c_library()));
    }

    /// Ends what [`open_for_setup`](Self::open_for_setup) began.
    pub(crate) fn enter_again(self) -> Result<Self, Errno> {
        signal::block(WAITED).map(|_| self)
    }

    /// Whether the worker gets `taken` too: all but what is the watch dog's own.
    pub(crate) fn passes_on(taken: signal::Taken) -> bool {
        let signal::Taken {
            signal,
            from_kernel,
        } = taken;
        // It has used more of the processor than `setup` has allowed; the worker's use is counted
        // from its start.
        let is_own_limit = signal == SIGXCPU && from_kernel;
        !OF_ONESELF.has(signal) && !is_own_limit && !signal::of_c_library().has(signal)
    }

    /// The saved mask, which each worker has.
    pub(crate) const fn mask(self) -> Set {
        self.mask
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
        taken.from_kernel
            && OF_TERMINALS.has(taken.signal)
            && !(taken.signal == SIGHUP && leads_session)
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
        for signal in (1..=64).filter(|&signal| KEPT.has(signal) && signal != SIGCHLD) {
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
        // The kernel's, and not a terminal's: a timer of `setup`.
        assert!(!World::reaches_group(from_terminal(SIGALRM), false));
    }

    #[test]
    fn all_is_passed_on_but_what_is_the_watch_dogs_own() {
        let from = |from_kernel| {
            let passed = (1..=64).filter(move |&signal| {
                World::passes_on(Taken {
                    signal,
                    from_kernel,
                })
            });
            passed.fold(Set::NONE, Set::with)
        };
        let own = signal::of_c_library().with(SIGCHLD).with(SIGPIPE);
        let own = own.with(SIGXFSZ);
        assert_eq!(from(false), Set::ALL.but(own));
        assert_eq!(from(true), Set::ALL.but(own.with(SIGXCPU)));
        assert!(signal::of_c_library().has(32) && signal::of_c_library().has(33));
    }
}
