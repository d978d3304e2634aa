//! What a pair needs before its first worker, and what makes a worker of a process. A part of `pair`.

use super::{fail, only_one_thread, refuse};
use crate::config::Options;
use crate::event::Event as Say;
use crate::heart;
use crate::keeper::{self, Adopted, Keeping, Refusal};
use crate::log::say;
use crate::resume::Resumed;
use crate::state::checkpoint;
use crate::state::durable::{Carrier, set_carrier};
use crate::state::recovery::{Recovered, recover};
use crate::state::restored::{self, Restored};
use crate::state::segment::{Given, RegionSpec, Segment};
use crate::state::stored::Stored;
use crate::sys::memory::MemoryFile;
use crate::sys::signal::Set;
use crate::sys::tether::Tether;
use crate::sys::{Errno, lasting, signal, stderr};
use crate::watchdog::manager::Manager;
use crate::worker::{Beginning, Contact, Room, Worker};
use crate::world::World;

/// Recovers the hard state and makes the worker.
pub(super) fn enter(
    room: Room,
    beginning: Beginning,
    segment: &'static Segment,
    options: Options,
    contact: Contact,
) -> Worker {
    // First: from here on code of the user's runs, which may panic.
    room.take(beginning.incarnation);
    if options.guard {
        if let Err(errno) = segment.guard() {
            say(&Say::Failed {
                call: "mprotect",
                errno: errno as i32,
            });
        }
    }
    let regions = segment.regions().zip(segment.specs()).enumerate();
    let recovered: Vec<Recovered> = regions
        .map(|(number, (region, spec))| {
            let incarnation = beginning.incarnation;
            recover(&region, incarnation, spec.layout, &mut || {
                take_over(segment, number)
            })
        })
        .collect();
    for Recovered { origin, .. } in &recovered {
        if origin.is_rolled_back() {
            say(&Say::RolledBack { origin });
        }
    }
    let worker = Worker::new(room, beginning, segment, recovered, contact);
    if let Some(timeout) = options.hang_timeout.filter(|_| !contact.is_alone) {
        heart::begin(segment, worker.identity(), timeout);
    }
    worker
}

/// What the pair itself writes from here on may fail, and is not to end the program without a word.
/// Returns the mask from before. `setup` has run.
pub(super) fn prepare_to_write(resumed: Option<&Resumed>) -> Set {
    let mask = signal::be_quiet()
        .unwrap_or_else(|errno| fail("cannot block the signals of a write", errno));
    stderr::prepare();
    if resumed.is_some_and(|resumed| !resumed.is_whole()) {
        fail(
            "cannot take over the pair of this process: `setup` has closed descriptors that it has not opened",
            Errno::EBADF,
        );
    }
    mask
}

/// Where this process runs the program alone.
pub(super) fn stop_being_quiet(mask: Set) {
    signal::end_quiet();
    if let Err(errno) = signal::set_mask(mask) {
        fail("cannot give the program its signals back", errno);
    }
}

/// The segment, and what there is for the store.
type Ground = (&'static Segment, Option<&'static Keeping>);

/// The ground of a pair that begins: what the program was given, and what is stored.
pub(super) fn make(
    options: &Options,
    specs: Vec<RegionSpec>,
    mut restored: Vec<Stored>,
    is_alone: bool,
) -> Ground {
    let (mut keeping, mut held) = (None, Vec::new());
    if !options.store.is_memory() {
        check_names(&specs);
        match keeper::begin(options, &only_one_thread(), &specs, is_alone) {
            Ok((begun, loaded)) => {
                keeping = Some(begun);
                held = restored::assign(loaded.clone(), &specs);
                restored.extend(loaded);
            }
            Err(Refusal { reason, code }) => {
                say(&Say::Refused { reason: &reason });
                std::process::exit(code.into());
            }
        }
    }
    let given = restored::assign(restored, &specs);
    let segment = leak(Segment::create(specs, &given));
    // What was loaded, and is what the pair begins with, is stored already.
    for Given {
        region,
        generation,
        bytes,
    } in &held
    {
        let is_given = |given: &&Given| given.region == *region && given.bytes == *bytes;
        if let Some(number) = region.filter(|_| given.iter().any(|given| is_given(&given))) {
            let _ = segment.region(number).set_stored(*generation);
        }
    }
    if let Some(keeping) = keeping {
        keeping.hand_over(segment);
        store_by(keeping, segment);
    }
    (segment, keeping)
}

/// In a store nothing but its name tells whose a checkpoint is.
fn check_names(specs: &[RegionSpec]) {
    let names: Vec<&str> = specs.iter().map(|spec| spec.layout.name()).collect();
    let twin = (1..names.len()).find(|&number| names[..number].contains(&names[number]));
    if let Some(number) = twin {
        refuse(&format!(
            "two hard states are called `{}`, and in a store nothing tells which is which; give one of these types another name",
            names[number]
        ));
    }
}

/// The ground of one that an earlier image of this process has begun.
pub(super) fn adopt(
    options: &Options,
    specs: Vec<RegionSpec>,
    file: MemoryFile,
    keeping: Option<Adopted>,
) -> Ground {
    // What the pair was given is in there.
    let segment = leak(Segment::adopt(file, specs));
    let keeping = keeping.map(|adopted| Keeping::resume(options, adopted));
    if let Some(keeping) = keeping {
        store_by(keeping, segment);
    }
    (segment, keeping)
}

/// As long as the process.
fn leak(segment: Result<Segment, Errno>) -> &'static Segment {
    match segment {
        Ok(segment) => lasting::leak(Box::new(segment)),
        Err(errno) => fail("cannot make the shared memory for the hard state", errno),
    }
}

/// Commits of this process, and of those that it forks, may be waited for until they are stored.
fn store_by(keeping: &'static Keeping, segment: &'static Segment) {
    set_carrier(Carrier {
        segment,
        bell: keeping,
    });
    if keeping.is_at_once() {
        checkpoint::store_at_once();
    }
}

/// The way to the service manager that has started the program, if one has.
pub(super) fn the_manager() -> Manager {
    let (manager, problem) = Manager::of_environment();
    if let Some((address, errno)) = problem {
        let reason = format!(
            "NOTIFY_SOCKET={address:?} cannot be used ({}); the service manager hears nothing of the pair",
            errno.desc()
        );
        say(&Say::Warning { reason: &reason });
    }
    manager
}

/// Without one the pair goes on: a worker then learns of its watch dog's death in the second best way.
pub(super) fn make_tether(options: &Options, world: World) -> Option<Tether> {
    let made = Tether::new(options.ends_with_watchdog(), options.grace(), world.mask());
    made.inspect_err(|errno| {
        say(&Say::Failed {
            call: "socketpair",
            errno: *errno as i32,
        });
    })
    .ok()
}

/// Tells of the stored checkpoints that nothing in the program takes.
pub(super) fn say_unwanted(segment: &Segment) {
    let unwanted = segment.given().filter(|(region, _)| region.is_none());
    for bytes in unwanted.filter_map(|(_, bytes)| bytes) {
        let restored = Restored::of(&bytes, None, segment.specs());
        if let Some((stored, rejection)) = restored
            .as_ref()
            .and_then(|restored| Some((restored.stored(), restored.rejection()?)))
        {
            say(&Say::StateRejected {
                stored,
                rejection,
                expected: None,
            });
        }
    }
}

/// The bytes that a hard state starts from according to what was stored of it.
fn take_over(segment: &Segment, number: usize) -> Option<Vec<u8>> {
    let RegionSpec {
        layout, initial, ..
    } = &segment.specs()[number];
    let Some(restored) = restored::of_region(segment, number) else {
        let name = layout.name();
        let reason = format!(
            "the stored checkpoint of `{name}` was damaged in the segment by a wild write; it starts afresh"
        );
        say(&Say::Warning { reason: &reason });
        return None;
    };
    let fits = restored.rejection().is_none();
    if fits && !restored.is_unchanged() {
        // Before the user's migration, which may be what the worker dies of.
        say(&Say::StateMigrated {
            state: layout.name(),
            restored: &restored,
        });
    }
    match restored.apply(initial) {
        Ok(bytes) => Some(bytes),
        Err(rejection) => {
            say(&Say::StateRejected {
                stored: restored.stored(),
                rejection: &rejection,
                expected: Some(layout),
            });
            None
        }
    }
}
