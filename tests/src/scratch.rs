//! Room: folders that last as long as a test.
//!
//! Holds: for each folder a locked file in it. A folder whose lock is free belonged to a process that died
//! without clean-up; whoever makes a folder next removes it, so that killed runs do not fill the disk.
//! The folders lie in the target directory, which is on a real disk: O_DIRECT and sparse files work there.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

const LOCK_NAME: &str = "lock";

/// An empty folder, removed with all that is in it when dropped.
pub struct Scratch {
    path: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Makes a new folder; `name` is a part of its name.
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let all = all_scratches();
        fs::create_dir_all(&all).expect("the scratch folder can be made");
        // One at a time, in all processes: between its making and its locking a folder looks like one of the dead.
        let making = File::create(all.join(LOCK_NAME)).expect("a file can be made");
        making.lock().expect("locks work here");
        sweep(&all);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = all.join(format!("{name}-{}-{number}", process::id()));
        fs::create_dir(&path).expect("the name has not been used");
        let lock = File::create(path.join(LOCK_NAME)).expect("a file can be made");
        lock.lock().expect("nobody else knows this folder");
        Self { path, _lock: lock }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("{} stays behind: {error}", self.path.display());
        }
    }
}

/// Where built programs lie: the folder of this very program, or the one above its `deps`.
pub fn program_folder() -> PathBuf {
    let program = env::current_exe().expect("the system knows this program");
    let folder = program.parent().expect("a program lies in a folder");
    if folder.ends_with("deps") {
        folder.parent().expect("deps lies in a folder").to_path_buf()
    } else {
        folder.to_path_buf()
    }
}

/// `TENON_TEST_DIR`, or a folder in the target directory.
pub fn all_scratches() -> PathBuf {
    match env::var_os("TENON_TEST_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let programs = program_folder();
            programs.parent().expect("a profile's folder lies in the target's").join("tmp/scratch")
        }
    }
}

fn sweep(all: &Path) {
    for entry in fs::read_dir(all).expect("the scratch folder can be read").flatten() {
        // A folder without its lock file is being made or removed by somebody else right now.
        let Ok(lock) = File::open(entry.path().join(LOCK_NAME)) else { continue };
        if lock.try_lock().is_ok() {
            // Fails where a dead process left a mount: loop_mount takes care of those.
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_lives_as_long_as_its_owner() {
        let scratch = Scratch::new("owner");
        let other = Scratch::new("owner");
        let path = scratch.path().to_path_buf();
        fs::write(path.join("file"), b"x").unwrap();
        assert!(path.is_dir() && other.path().is_dir() && path != other.path());
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn nobody_takes_a_folder_in_the_making_for_one_of_the_dead() {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let scratch = Scratch::new("making");
                        assert!(scratch.path().join(LOCK_NAME).is_file());
                    }
                });
            }
        });
    }

    #[test]
    fn what_the_dead_left_is_removed() {
        let left = all_scratches().join("dead-0-0");
        fs::create_dir_all(&left).unwrap();
        File::create(left.join(LOCK_NAME)).unwrap();
        let _scratch = Scratch::new("living");
        assert!(!left.exists());
    }
}
