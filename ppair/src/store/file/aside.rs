//! Where a checkpoint goes that the program cannot use: a store's file of its own, `PATH.NAME.GENERATION.aside`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::build::{Volume, beside};
use super::disk::{Disk, Over};
use super::errors;
use super::format::{Image, Mark};
use super::opened::Opened;
use crate::state::stored::Stored;
use crate::store::StoreError;

/// How many files with the same name and other content are put up with.
const SAME_NAMES: u32 = 1000;

/// Bytes of the name of a store's file, and of a type's, that are in the name. With all that is added it stays below the 255 of the kernel.
const FILE_NAME: usize = 120;
const TYPE_NAME: usize = 80;

/// Writes `stored` beside the store at `path`, unless it is there.
pub(super) fn set<D: Disk>(
    volume: &Volume<D>,
    path: &Path,
    stored: &Stored,
) -> Result<(), StoreError> {
    let image = Image::new(core::slice::from_ref(stored), 1, None);
    let mut built = None;
    for number in 1..=SAME_NAMES {
        let aside = path_of(path, stored, number);
        let put = put(volume, &aside, stored, &image);
        match put {
            Ok(Put::Here) => {
                built = Some(aside);
                break;
            }
            Ok(Put::Taken) => {}
            Err(error) => return Err(error),
        }
    }
    let Some(aside) = built else {
        let first = path_of(path, stored, 1);
        return Err(errors::unfit(
            &first,
            format_args!("there are {SAME_NAMES} such files already"),
        ));
    };
    let synced = volume.sync_folder_of(&aside);
    synced.map_err(|error| errors::cannot(&aside, "put into its folder", &error))
}

enum Put {
    /// The checkpoint is there.
    Here,
    /// Something else is.
    Taken,
}

fn put<D: Disk>(
    volume: &Volume<D>,
    aside: &Path,
    stored: &Stored,
    image: &Image,
) -> Result<Put, StoreError> {
    match volume.disk.facts_at(aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(errors::cannot(aside, "looked at", &error)),
        Ok(_) => return there(volume, aside, stored),
    }
    let new = beside(aside, OsStr::new(".new"));
    // It is no store before somebody uses it as one.
    volume.build(&new, image, image.bytes().len(), Mark::default())?;
    match volume.disk.rename(&new, aside, Over::Nothing) {
        Ok(()) => Ok(Put::Here),
        Err(error) => {
            let _ = volume.disk.remove(&new);
            if error.kind() == io::ErrorKind::AlreadyExists {
                return Ok(Put::Taken);
            }
            Err(errors::cannot(aside, "made", &error))
        }
    }
}

/// Whether what is at `aside` is this checkpoint; it is on the disk then.
fn there<D: Disk>(volume: &Volume<D>, aside: &Path, stored: &Stored) -> Result<Put, StoreError> {
    let Ok(mut found) = Opened::find(&volume.disk, aside) else {
        return Ok(Put::Taken);
    };
    if found.states(aside).as_deref() != Ok(core::slice::from_ref(stored)) {
        return Ok(Put::Taken);
    }
    let written = found.write_again(volume);
    written.map_err(|error| errors::cannot(aside, "written", &error))?;
    Ok(Put::Here)
}

/// The `number`th path for this checkpoint.
pub(super) fn path_of(path: &Path, stored: &Stored, number: u32) -> PathBuf {
    let file = path.file_name().unwrap_or_default().as_bytes();
    let file = &file[..file.len().min(FILE_NAME)];
    let keep = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let letters = stored.name().chars().take(TYPE_NAME);
    let name: String = letters
        .map(|letter| if keep(letter) { letter } else { '_' })
        .collect();
    let mut aside = OsString::from(OsStr::from_bytes(file));
    aside.push(format!(".{name}.{}.aside", stored.generation()));
    if number > 1 {
        aside.push(format!(".{number}"));
    }
    path.with_file_name(aside)
}
