//! A disk that a test can fill.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::power::{Power, lacks};

/// A small file system in memory, mounted until this is dropped.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of so many MiB on this folder, for the folder's owner; `None` where that is not allowed, which is said in the name of `test`.
    ///
    /// # Panics
    ///
    /// If there is no such folder.
    #[must_use]
    pub fn mount(test: &str, folder: &Path, mebibytes: u32) -> Option<Self> {
        let found = fs::metadata(folder).expect("a folder");
        let (user, group) = (found.uid(), found.gid());
        let options = format!("size={mebibytes}m,mode=700,uid={user},gid={group}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "none"]);
        let status = mount.arg(folder).stderr(Stdio::null()).status();
        let mounted = status.is_ok_and(|status| status.success());
        if lacks(test, &Power::new("mount", mounted)) {
            return None;
        }
        Some(Self(folder.to_owned()))
    }

    fn filling(&self) -> PathBuf {
        self.0.join("filling")
    }

    /// Leaves no room on it.
    ///
    /// # Panics
    ///
    /// If it cannot be written, for another reason than that it is full.
    pub fn fill(&self) {
        let mut filling = File::create(self.filling()).expect("a new file");
        let error = loop {
            if let Err(error) = filling.write_all(&[1; 1 << 12]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    }

    /// Makes room again.
    ///
    /// # Panics
    ///
    /// If it was not filled.
    pub fn make_room(&self) {
        fs::remove_file(self.filling()).expect("it was filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Somebody may still have a file of it open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
