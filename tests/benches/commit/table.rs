//! The tables at the end.

use std::path::Path;

use nix::sys::statfs::{
    BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, XFS_SUPER_MAGIC,
    statfs,
};
use ppair_tests::interval;

/// The rounds of one group: in each, the nanoseconds of a commit for each subject.
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) names: Vec<String>,
    pub(crate) rounds: Vec<Vec<f64>>,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What the others are compared with: the floor in front of ppair, and ppair itself beside what would be used instead.
fn reference(group: &Group) -> usize {
    match group.name.as_str() {
        name if name.starts_with("instead") || name.starts_with("guarded") => 0,
        "gaps" | "part" | "part-one-by-one" => 0,
        _ => 1,
    }
}

fn time(nanos: f64) -> String {
    match nanos {
        nanos if nanos < 1e3 => format!("{nanos:.1} ns"),
        nanos if nanos < 1e6 => format!("{:.2} µs", nanos / 1e3),
        nanos => format!("{:.2} ms", nanos / 1e6),
    }
}

fn file_system(folder: &Path) -> String {
    match statfs(folder).map(|found| found.filesystem_type()) {
        Ok(EXT4_SUPER_MAGIC) => "ext4".to_owned(),
        Ok(XFS_SUPER_MAGIC) => "XFS".to_owned(),
        Ok(BTRFS_SUPER_MAGIC) => "Btrfs".to_owned(),
        Ok(OVERLAYFS_SUPER_MAGIC) => "overlayfs".to_owned(),
        Ok(TMPFS_MAGIC) => "tmpfs".to_owned(),
        Ok(other) => format!("file system {:#x}", other.0),
        Err(errno) => format!("unknown: {errno}"),
    }
}

/// Prints a table for each group.
pub(crate) fn print(groups: &[Group], folder: &Path) {
    println!("\nFiles are on {}.", file_system(folder));
    for group in groups.iter().filter(|group| !group.rounds.is_empty()) {
        let reference = reference(group);
        println!("\n{}: {} rounds\n", group.name, group.rounds.len());
        println!("| | one commit | of `{}` |", group.names[reference]);
        println!("|---|---|---|");
        for (which, name) in group.names.iter().enumerate() {
            let own = median(group.rounds.iter().map(|round| round[which]).collect());
            let [low, ratio, high] = interval(&group.rounds.iter().collect::<Vec<_>>(), |rounds| {
                median(
                    rounds
                        .iter()
                        .map(|round| round[which] / round[reference])
                        .collect(),
                )
            });
            println!(
                "| {name} | {} | {ratio:.2} ({low:.2} to {high:.2}) |",
                time(own)
            );
        }
    }
}
