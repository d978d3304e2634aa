//! Reading a store's file while its pair may be writing it.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::opened::{self, BOTH_DAMAGED, Found};
use super::{errors, format::Image};
use crate::state::stored::Stored;
use crate::store::StoreError;
use crate::sys::file;

/// How often a file is read in which no image is whole: its writer may have written one slot while the other was read, and then the other.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// The checkpoints in the store's file at `path`. It takes no lock and changes nothing.
pub(crate) fn read(path: &Path) -> Result<Vec<Stored>, StoreError> {
    let cannot = |what| move |error: io::Error| errors::cannot(path, what, &error);
    let is_file = path.metadata().map_err(cannot("looked at"))?.is_file();
    if !is_file {
        return Err(errors::unfit(path, "it is not a regular file"));
    }
    let file = file::open_to_read(path).map_err(cannot("opened"))?;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            thread::sleep(PAUSE);
        }
        let size = file.metadata().map_err(cannot("looked at"))?.len();
        let read = &mut |at, bytes: &mut [u8]| file.read_exact_at(bytes, at);
        if let Some(image) = newest(Found::read(path, size, read)?) {
            return opened::states(&image, path);
        }
    }
    Err(errors::damaged(path, BOTH_DAMAGED))
}

fn newest(found: Found) -> Option<Image> {
    let newest = opened::newest(&found.slots)?;
    let [first, second] = found.slots;
    if newest == 0 { first } else { second }
}
