//! The segment of a running pair, found by the id of one of its processes.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::PathBuf;

use super::{Error, Found, Live, State};
use crate::shown::shown;
use crate::state::foreign::{Foreign, Seen, Unusable};

/// What a descriptor of a segment is a link to.
const LINK: &str = "/memfd:ppair (deleted)";

/// The checkpoints of the pair that this process belongs to.
pub(super) fn read(pid: i32) -> Result<Found, Error> {
    let (segment, path) = segment_of(pid)?;
    let states = segment.states().into_iter().map(|seen| {
        let Seen {
            name,
            incarnation,
            committed,
            source,
            stored,
        } = seen;
        State {
            name,
            live: Some(Live {
                incarnation,
                committed,
                source,
            }),
            stored,
        }
    });
    Ok(Found {
        states: states.collect(),
        place: shown(&path).to_string(),
    })
}

/// The segment, and where it was found. Nothing is done to the process: its descriptor is opened once more, for reading.
pub(super) fn segment_of(pid: i32) -> Result<(Foreign, PathBuf), Error> {
    let folder = PathBuf::from(format!("/proc/{pid}/fd"));
    let entries = fs::read_dir(&folder).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::new(format_args!("there is no process {pid}")),
        ErrorKind::PermissionDenied => forbidden(pid),
        _ => Error::new(format_args!("{} cannot be read: {error}", shown(&folder))),
    })?;
    let mut numbers: Vec<u32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    let mut problem = None;
    for path in numbers.iter().map(|number| folder.join(number.to_string())) {
        let link = fs::read_link(&path);
        if !link.is_ok_and(|link| link.as_os_str() == LINK) {
            continue;
        }
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(forbidden(pid));
            }
            // It was closed meanwhile.
            Err(_) => continue,
        };
        match Foreign::open(&file) {
            Ok(segment) => return Ok((segment, path)),
            // Somebody else's, under the same name.
            Err(Unusable::NotOne) => {}
            Err(unusable) => problem = Some(explain(pid, unusable)),
        }
    }
    Err(problem.unwrap_or_else(|| {
        Error::new(format_args!(
            "process {pid} has no hard state of ppair open: name the watch dog or the worker of a pair, which its line \
             `ppair event=started` tells"
        ))
    }))
}

fn forbidden(pid: i32) -> Error {
    Error::new(format_args!(
        "process {pid} may not be looked into: it belongs to another user; run this command as that user or as root"
    ))
}

fn explain(pid: i32, unusable: Unusable) -> Error {
    match unusable {
        Unusable::NotOne => Error::new(format_args!("process {pid} has no segment of ppair")),
        Unusable::Format(format) => Error::new(format_args!(
            "the segment of process {pid} was written by another version of ppair (format {format}): use the command of \
             the version that the program was built with"
        )),
        Unusable::Damaged(what) => Error::new(format_args!(
            "the segment of process {pid} is damaged by a wild write: {what}"
        )),
        Unusable::System(errno) => Error::new(format_args!(
            "the segment of process {pid} cannot be mapped: {}",
            errno.desc()
        )),
    }
}
