//! Room: a file system of our own in a file, for tests that need XFS or want to see a device's counters.
//!
//! Holds: while a mount lives, a lock of the whole machine's tests: loop devices are few, and one test at a
//! time shall load the disk under them. Unmounted when dropped, also by a panic; what a killed process left
//! mounted is unmounted by the next one that has the lock.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::block_device::BlockDevice;
use crate::scratch::{Scratch, all_scratches};

/// mkfs.xfs makes no smaller file system than 300 MiB.
pub const IMAGE_LEN_MIN: u64 = 320 << 20;

const UNMOUNTED_WITHIN: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The kinds of file system that tests mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// XFS with reflink.
    Xfs,
    /// ext4: no reflink.
    Ext4,
    /// btrfs with its defaults: reflink, checksums, copy on write. Not every kernel has it.
    Btrfs,
}

impl fmt::Display for FileSystem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Xfs => "xfs",
            Self::Ext4 => "ext4",
            Self::Btrfs => "btrfs",
        })
    }
}

/// How much a power cut takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerCut {
    /// Everything that nobody has synced: the file system's log stays as it is on the device.
    LosesLog,
    /// The file system's log is written first: names may be there of which nobody has asked the bytes to be.
    KeepsLog,
}

/// A mounted file system in a sparse file.
pub struct LoopMount {
    mount_point: PathBuf,
    image: PathBuf,
    // Dropped in this order: the folder can only be removed once nothing is mounted in it.
    _scratch: Scratch,
    _lock: File,
}

impl LoopMount {
    /// Makes, formats and mounts an image of `len` bytes (at least [`IMAGE_LEN_MIN`]), once no other test
    /// has one.
    ///
    /// # Errors
    /// Why this machine cannot: not root, no loop devices, no mkfs. Not the test's fault: skip it.
    pub fn new(kind: FileSystem, len: u64) -> Result<Self, String> {
        assert!(len >= IMAGE_LEN_MIN, "mkfs.xfs refuses an image of {len} bytes");
        if !rustix::process::geteuid().is_root() {
            return Err("only root may mount".to_owned());
        }
        let lock = machine_lock()?;
        unmount_leftovers(&all_scratches());
        let scratch = Scratch::new("mount");
        let image = scratch.path().join("image");
        let file = File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(len).map_err(|error| error.to_string())?;
        match kind {
            FileSystem::Xfs => run("mkfs.xfs", &["-q", "-m", "reflink=1"], &[&image])?,
            FileSystem::Ext4 => run("mkfs.ext4", &["-q", "-F"], &[&image])?,
            FileSystem::Btrfs => run("mkfs.btrfs", &["-q", "-f"], &[&image])?,
        }
        let mount_point = scratch.path().join("mounted");
        fs::create_dir(&mount_point).map_err(|error| error.to_string())?;
        mount(&image, &mount_point)?;
        Ok(Self { mount_point, image, _scratch: scratch, _lock: lock })
    }

    /// The root folder of the file system.
    pub fn path(&self) -> &Path {
        &self.mount_point
    }

    /// The loop device under it.
    pub fn device(&self) -> BlockDevice {
        BlockDevice::of_mount(&self.mount_point)
    }

    /// Takes the power away, as far as the file system can tell: from now on nothing reaches the device, and what
    /// only memory holds is lost. Every call on the file system fails until [`Self::remount`].
    ///
    /// What the device was given before counts as written: a device's own cache loses nothing here.
    pub fn power_cut(&self, cut: PowerCut) {
        let command = match cut {
            PowerCut::LosesLog => "shutdown",
            PowerCut::KeepsLog => "shutdown -f",
        };
        run("xfs_io", &["-x", "-c", command], &[&self.mount_point]).expect("the power can be cut");
    }

    /// Mounts the file system again, whose log is replayed then. Nobody may use it: a process that was killed may
    /// hold it for a moment longer, which is waited for.
    pub fn remount(&mut self) {
        let deadline = Instant::now() + UNMOUNTED_WITHIN;
        while let Err(error) = run("umount", &[], &[&self.mount_point]) {
            assert!(Instant::now() < deadline, "cannot be unmounted: {error}");
            thread::sleep(POLL_INTERVAL);
        }
        mount(&self.image, &self.mount_point).expect("what was mounted can be mounted");
    }

    /// Free bytes that anybody may use, and all bytes.
    pub fn space(&self) -> (u64, u64) {
        let space = rustix::fs::statvfs(&self.mount_point).expect("mounted");
        (space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize)
    }

    /// Writes all that is dirty in this file system, so that the device has counted it.
    pub fn sync(&self) {
        let folder = File::open(&self.mount_point).expect("mounted");
        rustix::fs::syncfs(&folder).expect("the file system takes its own writes");
    }
}

impl Drop for LoopMount {
    fn drop(&mut self) {
        if let Err(error) = unmount(&self.mount_point) {
            eprintln!("{} stays mounted: {error}", self.mount_point.display());
        }
    }
}

fn mount(image: &Path, mount_point: &Path) -> Result<(), String> {
    run("mount", &["-o", "loop"], &[image, mount_point])
}

fn unmount(mount_point: &Path) -> Result<(), String> {
    // A process that was just killed may hold the file system for a moment longer: then it is taken out of
    // the name space now and let go of when the last file closes.
    run("umount", &[], &[mount_point]).or_else(|_| run("umount", &["--lazy"], &[mount_point]))
}

/// The lock that all processes of all checkouts on this machine agree on.
fn machine_lock() -> Result<File, String> {
    let path = env::temp_dir().join("tenon-tests-loop-mounts.lock");
    let lock = File::options().create(true).append(true).open(path);
    let lock = lock.map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    Ok(lock)
}

/// Unmounts everything below `folder`. Only for the holder of the lock: then no such mount has an owner.
fn unmount_leftovers(folder: &Path) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("proc is mounted");
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(Path::new);
    for point in points.filter(|point| point.starts_with(folder)) {
        if let Err(error) = unmount(point) {
            eprintln!("{} stays mounted: {error}", point.display());
        }
    }
}

fn run(program: &str, options: &[&str], operands: &[impl AsRef<OsStr>]) -> Result<(), String> {
    // Not every root has the folders of system programs on its path.
    let path = format!("{}:/usr/sbin:/sbin", env::var("PATH").unwrap_or_default());
    let mut command = Command::new(program);
    let output = command.args(options).args(operands).env("PATH", path).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skip::skip;

    #[test]
    fn a_device_counts_what_its_file_system_writes() {
        for kind in [FileSystem::Xfs, FileSystem::Ext4, FileSystem::Btrfs] {
            let mount = match LoopMount::new(kind, IMAGE_LEN_MIN) {
                Ok(mount) => mount,
                Err(why) => return skip(&format!("loop mounts of {kind}"), &why),
            };
            let (device, point) = (mount.device(), mount.path().to_path_buf());
            mount.sync();
            let before = device.moved();
            fs::write(point.join("file"), vec![7; 8 << 20]).unwrap();
            mount.sync();
            let written = device.moved().since(before).written_len;
            assert!((8 << 20..10 << 20).contains(&written), "{kind}: {written}");
            drop(mount);
            assert!(!point.exists());
        }
    }
    /// The test of the test: without it a power cut that cuts nothing would prove everything.
    #[test]
    fn a_power_cut_loses_what_nobody_synced_and_nothing_else() {
        for kind in [FileSystem::Xfs, FileSystem::Ext4] {
            let mut mount = match LoopMount::new(kind, IMAGE_LEN_MIN) {
                Ok(mount) => mount,
                Err(why) => return skip("power cuts", &why),
            };
            let (kept, lost) = (mount.path().join("kept"), mount.path().join("lost"));
            fs::write(&kept, b"synced").unwrap();
            File::open(&kept).unwrap().sync_all().unwrap();
            File::open(mount.path()).unwrap().sync_all().unwrap();
            fs::write(&lost, b"not synced").unwrap();
            mount.power_cut(PowerCut::LosesLog);
            assert!(fs::write(mount.path().join("after"), b"x").is_err(), "{kind} still writes");
            mount.remount();
            assert_eq!(fs::read(&kept).unwrap(), b"synced", "{kind}");
            assert!(!lost.exists(), "{kind} lost nothing");
            fs::write(&lost, b"again").unwrap();
        }
    }
}
