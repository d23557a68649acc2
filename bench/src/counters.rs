//! Room: what the kernel counts: CPU time and memory of a process, bytes of a block device, and what the machine is.
//!
//! Source: proc_pid_stat(5), proc_pid_status(5), proc_loadavg(5), proc_pid_mountinfo(5); the kernel's
//! Documentation/block/stat.rst: fields 3 and 7 are sectors read and written, of 512 bytes on every device.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::measurement::{DeviceBytes, Host, count};

const SECTOR_LEN: u64 = 512;

/// CPU seconds of a process, user and system, all its threads, without its children.
///
/// # Errors
/// When the process is gone, or its line is not as in the manual.
pub(crate) fn cpu_s(process: &str) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let ticks = cpu_ticks(&stat).ok_or_else(|| unreadable("/proc/PID/stat"))?;
    Ok(count(ticks) / count(rustix::param::clock_ticks_per_second()))
}

/// Fields 14 and 15. The name of the program in field 2 may contain anything, so that fields count from its end.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Resident memory of a process in bytes.
///
/// # Errors
/// As those of [`cpu_s`].
pub(crate) fn rss_bytes(process: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    kib_of(&status, "VmRSS:").ok_or_else(|| unreadable("/proc/PID/status"))
}

/// The bytes of a line such as `VmRSS:  1234 kB`.
fn kib_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

/// The command line of a process, if it can be read.
pub(crate) fn command_line(process: u32) -> Option<String> {
    let line = fs::read(format!("/proc/{process}/cmdline")).ok()?;
    let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    Some(words.map(String::from_utf8_lossy).collect::<Vec<_>>().join(" "))
}

/// A block device whose counters are read.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    number: String,
    name: String,
    /// A directory on it, so that only its own file system need be settled.
    data: Option<PathBuf>,
}

impl Device {
    /// The device below a directory.
    ///
    /// # Errors
    /// A sentence, when there is no one device below it, as with btrfs, tmpfs or overlays.
    pub(crate) fn below(data: &Path) -> Result<Self, String> {
        let told = |error: io::Error| format!("{}: {error}", data.display());
        let id = fs::metadata(data).map_err(told)?.dev();
        Self::numbered(id, Some(data.to_path_buf())).map_err(|error| {
            format!("{}: the kernel counts no block device below it: {error}", data.display())
        })
    }

    /// The device at a path such as `/dev/nvme0n1p2`.
    ///
    /// # Errors
    /// A sentence, when it is no block device.
    pub(crate) fn at(path: &Path) -> Result<Self, String> {
        let told = |error: io::Error| format!("{}: {error}", path.display());
        let id = fs::metadata(path).map_err(told)?.rdev();
        Self::numbered(id, None).map_err(|error| {
            format!("{}: not a block device that the kernel counts: {error}", path.display())
        })
    }

    fn numbered(id: u64, data: Option<PathBuf>) -> io::Result<Self> {
        let number = format!("{}:{}", rustix::fs::major(id), rustix::fs::minor(id));
        let folder = fs::canonicalize(format!("/sys/dev/block/{number}"))?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let device = Self { number, name, data };
        device.bytes()?;
        Ok(device)
    }

    /// Its number and name.
    pub(crate) fn label(&self) -> String {
        format!("{} {}", self.number, self.name)
    }

    /// Its counters now.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) fn bytes(&self) -> io::Result<DeviceBytes> {
        let stat = fs::read_to_string(format!("/sys/dev/block/{}/stat", self.number))?;
        device_bytes(&stat).ok_or_else(|| unreadable("/sys/dev/block/N/stat"))
    }

    /// Its counters once nothing waits in the page cache: what is written late was written all the same.
    ///
    /// # Errors
    /// When it cannot be settled.
    pub(crate) fn settled_bytes(&self) -> io::Result<DeviceBytes> {
        match &self.data {
            Some(data) => rustix::fs::syncfs(File::open(data)?)?,
            None => rustix::fs::sync(),
        }
        self.bytes()
    }
}

fn device_bytes(stat: &str) -> Option<DeviceBytes> {
    let fields: Vec<u64> = stat.split_whitespace().map_while(|field| field.parse().ok()).collect();
    Some(DeviceBytes { read: fields.get(2)? * SECTOR_LEN, written: fields.get(6)? * SECTOR_LEN })
}

/// The file system of a directory and how it is mounted, such as `xfs (rw,noatime)`.
pub(crate) fn file_system(data: &Path) -> Option<String> {
    let path = fs::canonicalize(data).ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    file_system_in(&mounts, &path)
}

/// Of the mounts that the path is below, the last of the deepest.
fn file_system_in(mounts: &str, path: &Path) -> Option<String> {
    let found = mounts.lines().filter_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(4);
        let (point, options) = (Path::new(fields.next()?), fields.next()?);
        let kind = file_system.split(' ').next()?;
        path.starts_with(point).then(|| (point.components().count(), format!("{kind} ({options})")))
    });
    found.max_by_key(|(depth, _)| *depth).map(|(_, text)| text)
}

/// This machine.
pub(crate) fn host() -> Host {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = text("/proc/cpuinfo");
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let mut load = [0.0; 3];
    for (place, word) in load.iter_mut().zip(text("/proc/loadavg").split(' ')) {
        *place = word.parse().unwrap_or_default();
    }
    Host {
        cpu: cpu.trim_start_matches([' ', '\t', ':']).to_owned(),
        cores: u32::try_from(cores()).unwrap_or(u32::MAX),
        memory_bytes: kib_of(&text("/proc/meminfo"), "MemTotal:").unwrap_or_default(),
        kernel: format!("Linux {}", text("/proc/sys/kernel/osrelease").trim()),
        load,
    }
}

/// Cores that this program may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn unreadable(file: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{file} is not as its manual says"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_any_name() {
        let stat = "42 (a ) 7 (b) S 1 2 3 4 5 6 7 8 9 10 150 25 1000 2000 20 0 9";
        assert_eq!(cpu_ticks(stat), Some(175));
        assert_eq!(cpu_ticks("42 (a) S 1 2"), None);
        assert_eq!(cpu_ticks(""), None);
        assert!(cpu_s("self").expect("this process") >= 0.0);
        assert!(rss_bytes(std::process::id()).expect("this process") > 0);
    }

    #[test]
    fn sectors_of_a_device_are_bytes() {
        let stat = "   2215   100   96000   300   77  5  4096  20  0  10  20  1 2 3 4 5 6\n";
        let expected = DeviceBytes { read: 96_000 * 512, written: 4096 * 512 };
        assert_eq!(device_bytes(stat), Some(expected));
        assert_eq!(device_bytes("1 2 3"), None);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(kib_of("VmPeak: 9 kB\nVmRSS:\t  12 kB\n", "VmRSS:"), Some(12 << 10));
        assert_eq!(kib_of("VmRSS: many kB", "VmRSS:"), None);
    }

    #[test]
    fn the_deepest_mount_is_the_file_system() {
        let mounts = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
                      30 22 7:0 / /data rw,noatime shared:1 - xfs /dev/loop0 rw\n";
        let of = |path| file_system_in(mounts, Path::new(path));
        assert_eq!(of("/data/blobs").as_deref(), Some("xfs (rw,noatime)"));
        assert_eq!(of("/database").as_deref(), Some("ext4 (rw,relatime)"));
    }

    #[test]
    fn what_is_no_device_is_refused() {
        let error = Device::at(Path::new("/dev/null")).expect_err("no block device");
        assert!(error.contains("not a block device"), "{error}");
        Device::below(Path::new("/proc")).expect_err("nothing is below /proc");
    }
}
