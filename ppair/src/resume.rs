//! How a watch dog hands its pair to a fresh image of the same program in the same process. It does so after it was
//! degraded and has a worker again: it has run the user's `main`, so nothing may be forked from it any more; and it still
//! holds the descriptors and the memory of that `main`.

use core::fmt::Write as _;
use core::time::Duration;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use crate::keeper::{Adopted, Handle, Keeping};
use crate::sys::exec::Image;
use crate::sys::memory::{self, MemoryFile};
use crate::sys::tether::Tether;
use crate::sys::{Errno, process};
use crate::watchdog::driver::{Equipment, Running};
use crate::world::World;

/// The variable that carries it. It is removed before any code of the user's runs.
const VARIABLE: &str = "PPAIR_RESUME";

/// What stands between the baton and the path of the store.
const SEPARATOR: char = ';';

/// A generation that no checkpoint has: what the worker has committed counts as progress, whatever it is.
pub(crate) const NO_GENERATION: u64 = u64::MAX;

/// What the fresh image has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Baton {
    /// The process that it is for: the variable means nothing to any other.
    pub(crate) watchdog: i32,
    /// The descriptor of the segment.
    pub(crate) segment: i32,
    /// Those of the tether; -1 if there is none.
    pub(crate) tether: [i32; 2],
    /// The worker that runs, with the time of its start in nanoseconds, or 0 if its successor is to be forked.
    pub(crate) worker: i32,
    pub(crate) since: u64,
    pub(crate) incarnation: u32,
    /// The generation from which the worker's progress counts.
    pub(crate) generation: u64,
    pub(crate) restarts: u32,
    /// The saved signals of the program's start.
    pub(crate) mask: u64,
    pub(crate) ignored: u64,
    /// What there is for the store.
    pub(crate) keeping: Handle,
}

impl Baton {
    /// Numbers with commas between them.
    fn to_text(self) -> String {
        let Self {
            watchdog,
            segment,
            tether: [tether, tethered],
            worker,
            since,
            incarnation,
            generation,
            restarts,
            mask,
            ignored,
            keeping:
                Handle {
                    pid,
                    channel: [pair, keeper],
                    lock,
                    token,
                },
        } = self;
        format!(
            "{watchdog},{segment},{tether},{tethered},{worker},{since},{incarnation},{generation},{restarts},{mask},{ignored},\
             {pid},{pair},{keeper},{lock},{token}"
        )
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let baton = Self {
            watchdog: parts.next()?.parse().ok()?,
            segment: parts.next()?.parse().ok()?,
            tether: [parts.next()?.parse().ok()?, parts.next()?.parse().ok()?],
            worker: parts.next()?.parse().ok()?,
            since: parts.next()?.parse().ok()?,
            incarnation: parts.next()?.parse().ok()?,
            generation: parts.next()?.parse().ok()?,
            restarts: parts.next()?.parse().ok()?,
            mask: parts.next()?.parse().ok()?,
            ignored: parts.next()?.parse().ok()?,
            keeping: Handle {
                pid: parts.next()?.parse().ok()?,
                channel: [parts.next()?.parse().ok()?, parts.next()?.parse().ok()?],
                lock: parts.next()?.parse().ok()?,
                token: parts.next()?.parse().ok()?,
            },
        };
        parts.next().is_none().then_some(baton)
    }

    /// The worker that runs.
    pub(crate) fn running(&self) -> Option<Running> {
        (self.worker > 0).then_some(Running {
            pid: self.worker,
            since: Duration::from_nanos(self.since),
        })
    }
}

/// A path as text, whatever its bytes are.
fn text_of_path(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes().iter();
    bytes.fold(String::new(), |mut text, byte| {
        // To write into a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The path that [`text_of_path`] has made a text of; `None` if there was none.
fn path_of_text(text: &str) -> Option<PathBuf> {
    let digits = text.as_bytes().chunks(2);
    let byte = |digits| u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok();
    let bytes = digits.map(byte).collect::<Option<Vec<u8>>>()?;
    (!bytes.is_empty()).then(|| OsString::from_vec(bytes).into())
}

/// A pair that an earlier image of this process hands over.
#[derive(Debug)]
pub(crate) struct Resumed {
    pub(crate) baton: Baton,
    pub(crate) file: MemoryFile,
    pub(crate) tether: Option<Tether>,
    pub(crate) keeping: Option<Adopted>,
}

impl Resumed {
    /// Takes what was handed over out of the environment. A variable that is not for this process is dropped: somebody
    /// else's environment was inherited.
    ///
    /// # Errors
    ///
    /// If it is for this process and the segment cannot be taken over. Then there must be no fresh start beside the worker
    /// that runs, and without its state.
    pub(crate) fn take() -> Result<Option<Self>, Errno> {
        // The process id says that this very process has set the variable, before its `exec`.
        let text = process::take_variable(VARIABLE).unwrap_or_default();
        let (baton, path) = text.split_once(SEPARATOR).unwrap_or((&text, ""));
        let baton = Baton::from_text(baton).filter(|baton| baton.watchdog == process::pid());
        let take_over = |baton: Baton| {
            World::open_for_setup();
            let file = MemoryFile::new(memory::adopt_inherited(baton.segment)?)?;
            // Without it the pair goes on; the worker hears of the watch dog's death as soon as this image lets go of its end, so it must not.
            let tether = match baton.tether {
                [-1, -1] => None,
                numbers => Some(Tether::adopt(numbers)?),
            };
            let keeping = Adopted::take(baton.keeping, path_of_text(path))?;
            Ok(Self {
                baton,
                file,
                tether,
                keeping,
            })
        };
        baton.map(take_over).transpose()
    }

    /// Returns true if all that was handed over is still there, behind code of the user's.
    pub(crate) fn is_whole(&self) -> bool {
        self.file.owned().is_there()
            && self.tether.as_ref().is_none_or(Tether::is_there)
            && self.keeping.as_ref().is_none_or(Adopted::is_there)
    }

    /// Whether a worker runs already.
    pub(crate) const fn has_worker(&self) -> bool {
        self.baton.worker > 0
    }
}

/// The way to the fresh image, made ready while allocating is allowed.
#[derive(Debug)]
pub(crate) struct Relay {
    segment: &'static MemoryFile,
    tether: Option<&'static Tether>,
    keeping: Option<&'static Keeping>,
    world: World,
    image: Image,
}

impl Relay {
    /// Makes it ready for `baton`, whose descriptor and signals are filled in.
    pub(crate) fn new(
        mut baton: Baton,
        segment: &'static MemoryFile,
        equipment: &'static Equipment,
        world: World,
    ) -> Self {
        let tether = equipment.tether.as_ref();
        baton.segment = segment.owned().number();
        baton.tether = tether.map_or([-1; 2], Tether::numbers);
        baton.keeping = equipment.keeping.map_or(Handle::NONE, Keeping::handle);
        (baton.mask, baton.ignored) = world.to_bits();
        let path = equipment.keeping.and_then(Keeping::path);
        let path = path.map_or_else(String::new, |path| text_of_path(&path));
        let text = format!("{}{SEPARATOR}{path}", baton.to_text());
        Self {
            segment,
            tether,
            keeping: equipment.keeping,
            world,
            image: Image::of_this_program(VARIABLE, &text),
        }
    }

    /// Starts the program afresh. Returns only if that failed.
    pub(crate) fn exec(&self) -> Errno {
        let prepared = self
            .world
            .reset_dispositions()
            .and_then(|()| self.set_inherited(true));
        let errno = match prepared {
            Ok(()) => self.image.exec(),
            Err(errno) => errno,
        };
        // Nothing else that this process may start is to have them. If that fails too, nothing is lost but tidiness.
        let _ = self.set_inherited(false);
        errno
    }

    fn set_inherited(&self, inherited: bool) -> Result<(), Errno> {
        self.segment.owned().set_inherited(inherited)?;
        if let Some(tether) = self.tether {
            tether.set_inherited(inherited)?;
        }
        self.keeping
            .map_or(Ok(()), |keeping| keeping.set_inherited(inherited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATON: Baton = Baton {
        watchdog: 4711,
        segment: 3,
        tether: [4, -1],
        worker: 4713,
        since: 123_456_789,
        incarnation: 2,
        generation: 7,
        restarts: 1,
        mask: 0b1010,
        ignored: 1,
        keeping: Handle {
            pid: 4712,
            channel: [5, 6],
            lock: -1,
            token: u64::MAX,
        },
    };

    #[test]
    fn a_baton_comes_back_as_it_was_handed_over() {
        assert_eq!(Baton::from_text(&BATON.to_text()), Some(BATON));
    }

    #[test]
    fn a_path_comes_back_as_it_was_handed_over() {
        for path in ["/a/b,c;d", "/ü", "x"] {
            let text = text_of_path(Path::new(path));
            assert_eq!(path_of_text(&text), Some(path.into()));
        }
        assert_eq!(path_of_text(""), None);
        assert_eq!(path_of_text("6x"), None);
    }

    #[test]
    fn anything_else_is_no_baton() {
        for text in [
            "",
            "1",
            "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
            "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
            "1,2,3,4,5,6,7,8,9,10,x,12,13,14,15,16",
            "-,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16",
        ] {
            assert_eq!(Baton::from_text(text), None, "{text:?}");
        }
    }
}
