//! How many processes the kernel's out-of-memory killer has ended: in the memory cgroup of this process where there is one, else
//! on the whole machine. The counter's file is found and opened once; reading it allocates nothing.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::uio::pread;

use super::Errno;
use super::memory::above_standard;

/// The counter of the whole machine (`proc_vmstat(5)`).
const MACHINE: &str = "/proc/vmstat";

/// A file with a line `oom_kill N`.
#[derive(Debug)]
pub(crate) struct Counter {
    file: OwnedFd,
}

impl Counter {
    /// Finds the counter nearest to this process; `None` if the kernel counts nowhere that this process can read.
    pub(crate) fn find() -> Option<Self> {
        // A file system may be mounted at a path that is not UTF-8.
        let read = |path: &str| std::fs::read(path).unwrap_or_default();
        let group = group_file(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"));
        let files = group.into_iter().chain([PathBuf::from(MACHINE)]);
        files.map(|path| Self::open(&path)).find_map(|counter| {
            // A kernel before 4.13 has the files and does not count in them, nor does the root cgroup of version 2 have one.
            counter.ok().filter(|counter| counter.read().is_some())
        })
    }

    fn open(path: &Path) -> Result<Self, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let file = above_standard(open(path, flags, Mode::empty())?)?;
        Ok(Self { file })
    }

    /// The count; `None` if it cannot be read.
    #[inline(never)]
    pub(crate) fn read(&self) -> Option<u64> {
        let mut bytes = [0; 1024];
        // The beginning of a line whose end is not read yet.
        let (mut kept, mut offset) = (0, 0);
        loop {
            let read = match pread(&self.file, bytes.get_mut(kept..)?, offset) {
                Ok(0) => return count(bytes.get(..kept)?),
                Ok(read) => read,
                Err(Errno::EINTR) => continue,
                Err(_) => return None,
            };
            offset = offset.checked_add(i64::try_from(read).ok()?)?;
            let filled = bytes.get(..kept + read)?;
            let whole = filled.iter().rposition(|&byte| byte == b'\n');
            let whole = whole.map_or(0, |end| end + 1);
            if let Some(number) = count(filled.get(..whole)?) {
                return Some(number);
            }
            let end = filled.len();
            bytes.copy_within(whole..end, 0);
            kept = end - whole;
        }
    }
}

/// The number in the line `oom_kill N`.
fn count(text: &[u8]) -> Option<u64> {
    let mut lines = text.split(|&byte| byte == b'\n');
    let number = lines.find_map(|line| line.strip_prefix(b"oom_kill "))?;
    core::str::from_utf8(number).ok()?.trim().parse().ok()
}

/// The file with the counter of the memory cgroup that `cgroup` (`/proc/self/cgroup`) names, below the mount that `mounts`
/// (`/proc/self/mountinfo`) has of its hierarchy.
fn group_file(cgroup: &[u8], mounts: &[u8]) -> Option<PathBuf> {
    // Each line: number, controllers, path. The one of version 2 has no controllers (cgroups(7)).
    let groups = || {
        lines(cgroup).filter_map(|line| {
            let mut parts = line.splitn(3, |&byte| byte == b':').skip(1);
            Some((parts.next()?, parts.next()?))
        })
    };
    let has_memory = |names: &[u8]| {
        names
            .split(|&byte| byte == b',')
            .any(|name| name == b"memory")
    };
    let first = groups().find(|(controllers, _)| has_memory(controllers));
    if let Some((_, path)) = first {
        let mount = lines(mounts)
            .filter_map(Mount::parse)
            .find(|mount| mount.kind == b"cgroup" && has_memory(mount.options));
        return Some(mount?.folder_of(path).join("memory.oom_control"));
    }
    let (_, path) = groups().find(|(controllers, _)| controllers.is_empty())?;
    let mut mounts = lines(mounts).filter_map(Mount::parse);
    let mount = mounts.find(|mount| mount.kind == b"cgroup2")?;
    Some(mount.folder_of(path).join("memory.events"))
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n')
}

/// A line of `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`).
struct Mount<'a> {
    /// What of the file system is mounted.
    root: PathBuf,
    point: PathBuf,
    kind: &'a [u8],
    options: &'a [u8],
}

impl<'a> Mount<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let between = line.windows(3).position(|bytes| bytes == b" - ")?;
        let mut mount = line[..between].split(|&byte| byte == b' ').skip(3);
        let mut system = line[between + 3..].split(|&byte| byte == b' ');
        Some(Self {
            root: unescape(mount.next()?),
            point: unescape(mount.next()?),
            kind: system.next()?,
            options: system.nth(1)?,
        })
    }

    /// The folder of the cgroup `path`. In a container the path may begin with what is mounted, or lead out of it: then the mount's own
    /// folder is the nearest one that can be seen.
    fn folder_of(&self, path: &[u8]) -> PathBuf {
        let below = Path::new(OsStr::from_bytes(path))
            .strip_prefix(&self.root)
            .unwrap_or(Path::new(""));
        let leads_out = below
            .components()
            .any(|part| part == std::path::Component::ParentDir);
        if leads_out {
            self.point.clone()
        } else {
            self.point.join(below)
        }
    }
}

/// Blanks in a path are written as `\040`, and some others in the same way.
fn unescape(path: &[u8]) -> PathBuf {
    let mut parts = path.split(|&byte| byte == b'\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.get(..3).and_then(|digits| {
            let digits = core::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 8).ok()
        });
        if let Some(byte) = digits {
            text.push(byte);
            text.extend(&part[3..]);
        } else {
            text.extend(part);
        }
    }
    OsString::from_vec(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::memory;

    const FIRST: &str =
        "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n";
    const SECOND: &str = "42 31 0:39 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw\n";

    fn found(cgroup: &str, mounts: &str) -> Option<String> {
        let found = group_file(cgroup.as_bytes(), mounts.as_bytes())?;
        Some(found.to_str()?.to_owned())
    }

    #[test]
    fn the_memory_hierarchy_of_version_1_is_preferred_where_there_is_one() {
        let cgroup = "9:name=systemd:/\n4:cpu,memory:/a/b\n0::/c\n";
        assert_eq!(
            found(cgroup, &format!("{SECOND}{FIRST}")).as_deref(),
            Some("/sys/fs/cgroup/memory/a/b/memory.oom_control")
        );
    }

    #[test]
    fn other_mounts_may_be_anywhere() {
        let mut mounts = b"22 1 8:1 / /media/\xfe\x80 rw - ext4 /dev/sda1 rw\n".to_vec();
        mounts.extend(SECOND.as_bytes());
        let found = group_file(b"3:x:/\xff\n0::/c\xfe\n", &mounts).unwrap();
        let expected = b"/sys/fs/cgroup/c\xfe/memory.events";
        assert_eq!(found, Path::new(OsStr::from_bytes(expected)));
    }

    #[test]
    fn version_2_has_one_hierarchy() {
        let mounts = format!("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n{SECOND}");
        assert_eq!(
            found("0::/system.slice/x.service\n", &mounts).as_deref(),
            Some("/sys/fs/cgroup/system.slice/x.service/memory.events")
        );
    }

    #[test]
    fn in_a_container_the_path_is_taken_from_the_root_of_the_mount_on() {
        let mounts = "35 31 0:32 /docker/7 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        assert_eq!(
            found("4:memory:/docker/7/in side\n", mounts).as_deref(),
            Some("/sys/fs/cgroup/memory/in side/memory.oom_control")
        );
        for outside in ["/docker/8", "/../8"] {
            assert_eq!(
                found(&format!("4:memory:{outside}\n"), mounts).as_deref(),
                Some("/sys/fs/cgroup/memory/memory.oom_control")
            );
        }
    }

    #[test]
    fn a_mount_point_with_blanks_is_read_as_it_is() {
        let mounts = "42 31 0:39 / /a\\040b\\134c rw - cgroup2 cgroup2 rw\n";
        assert_eq!(
            found("0::/\n", mounts).as_deref(),
            Some("/a b\\c/memory.events")
        );
    }

    #[test]
    fn without_a_cgroup_or_a_mount_there_is_no_file() {
        for (cgroup, mounts) in [
            ("", ""),
            ("nonsense", "nonsense - x"),
            ("4:memory:/", SECOND),
            ("0::/", FIRST),
            ("4:cpu:/", FIRST),
        ] {
            assert_eq!(found(cgroup, mounts), None, "{cgroup} {mounts}");
        }
    }

    #[test]
    fn the_count_is_read_from_each_kind_of_file() {
        for (text, number) in [
            (
                "low 0\nhigh 0\nmax 3\noom 2\noom_kill 5\noom_group_kill 1\n",
                Some(5),
            ),
            ("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n", Some(7)),
            (
                "nr_free_pages 1\noom_kill 18446744073709551615\nx 1",
                Some(u64::MAX),
            ),
            ("oom_kill_disable 0\nunder_oom 0\n", None),
            ("oom_kill x\n", None),
            ("oom_kill 18446744073709551616\n", None),
            ("", None),
        ] {
            assert_eq!(count(text.as_bytes()), number, "{text}");
        }
        assert_eq!(count(b"oom_kill \xff\n"), None);
    }

    #[test]
    fn a_long_file_is_read_to_its_end() {
        for before in 1_000..1_060 {
            let text = format!("{}\noom_kill 41\nx 5\n", "a 1\n".repeat(before));
            let file = memory::create(c"vmstat", text.len(), text.len()).expect("a memory file");
            memory::write_at(&file, 0, text.as_bytes()).expect("it can be written");
            assert_eq!(Counter { file }.read(), Some(41));
        }
    }

    #[test]
    fn this_machine_counts_somewhere() {
        let counter = Counter::find().expect("kernels since 4.13 count in /proc/vmstat");
        assert!(counter.read().is_some());
    }
}
