//! Room: what a block device itself counted, whatever a program says of its own reads and writes.
//!
//! Source: the kernel's Documentation/block/stat.rst: sectors of 512 bytes, whatever the device's own are.

use std::fs;
use std::path::{Path, PathBuf};

const SECTOR_LEN: u64 = 512;

/// The counters of one block device.
#[derive(Debug)]
pub struct BlockDevice {
    stat: PathBuf,
}

/// Bytes that a device has moved since it exists, or between two readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Bytes read from the device.
    pub read_len: u64,
    /// Bytes written to the device.
    pub written_len: u64,
}

impl Moved {
    /// What was moved since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            read_len: self.read_len - earlier.read_len,
            written_len: self.written_len - earlier.written_len,
        }
    }
}

impl BlockDevice {
    /// The device under the file system mounted at `mount_point`.
    pub fn of_mount(mount_point: &Path) -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("proc is mounted");
        let source = mount_source(&mounts, mount_point).expect("something is mounted there");
        let name = Path::new(source).file_name().expect("a device has a name");
        Self { stat: Path::new("/sys/class/block").join(name).join("stat") }
    }

    /// The present counters. What is still in the page cache is not in them: sync the file system first.
    pub fn moved(&self) -> Moved {
        let text = fs::read_to_string(&self.stat).expect("the device has counters");
        parse_stat(&text).expect("the counters are numbers")
    }
}

/// The fifth word of a line is the mount point; behind a dash that stands alone come the kind of file system and the
/// device (proc_pid_mountinfo(5)). The device's number in the third word would not do: btrfs has one of its own there.
fn mount_source<'a>(mounts: &'a str, mount_point: &Path) -> Option<&'a str> {
    let mut found = None;
    for line in mounts.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if words.len() > 4 && Path::new(words[4]) == mount_point {
            let dash = words.iter().position(|word| *word == "-");
            found = dash.and_then(|dash| words.get(dash + 2).copied());
        }
    }
    found
}

fn parse_stat(text: &str) -> Option<Moved> {
    let numbers: Vec<u64> = text.split_whitespace().map_while(|word| word.parse().ok()).collect();
    Some(Moved {
        read_len: numbers.get(2)? * SECTOR_LEN,
        written_len: numbers.get(6)? * SECTOR_LEN,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_by_their_places() {
        let text = "     100       20     3000       40      500       60     7000       80        0  1  2\n";
        let moved = parse_stat(text).unwrap();
        assert_eq!(moved, Moved { read_len: 3000 * 512, written_len: 7000 * 512 });
        assert_eq!(parse_stat("1 2 3"), None);
    }

    #[test]
    fn the_last_mount_at_a_place_counts() {
        let mounts = "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 7:3 / /mnt/x rw shared:1 - xfs /dev/loop3 rw\n\
                      3 2 7:4 / /mnt/x rw - xfs /dev/loop4 rw\n";
        assert_eq!(mount_source(mounts, Path::new("/mnt/x")), Some("/dev/loop4"));
        assert_eq!(mount_source(mounts, Path::new("/mnt")), None);
    }
}
