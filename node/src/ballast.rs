//! Room: the room on the file systems that the node writes to: measured, and on each a ballast file that is thrown
//! off when it gets tight.
//!
//! A delete is a record, too, and what is in RocksDB's log is written out at the next start: where the disk is full,
//! neither would go on. The ballast is what they get then. It is made again when there is room for it beside the
//! reserve.
//! May touch: files, and block while doing so: everything here runs at start or on a thread of its own.
//! Must not: be called on a shard's thread.
//! Units: bytes.
//! Source: fallocate(2), statvfs(3).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::FallocateFlags;

use crate::admission::Admission;
use crate::config::Reserve;
use crate::disk::{Space, raw};
use crate::log;
use crate::metrics::Metrics;

/// The name of the file in the data directory, and in the folder of the metadata if that is on another file system.
const NAME: &str = "ballast";

/// How long it is where there is room enough.
const LEN_MAX: u64 = 256 << 20;

/// How long it is at least, if that is not a large part of the file system: RocksDB's write buffers, with the memory
/// that it has by default, find room in it.
const LEN_MIN: u64 = 32 << 20;

/// How old the figures may get.
const INTERVAL: Duration = Duration::from_millis(250);

/// After a failure, so many intervals pass until a ballast is made again, or the failure told again.
const FAILED_INTERVALS: u32 = 240;

/// How long the ballast of a file system of `total` bytes is: a hundredth of it, within bounds.
fn len_for(total: u64) -> u64 {
    (total / 100).clamp(LEN_MIN, LEN_MAX).min(total / 8)
}

/// What is to be done about a ballast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Nothing,
    ThrowOff,
    /// Make it this long.
    Make(u64),
}

/// What to do where `held` bytes of ballast lie on a file system with this room and reserve.
fn decide(space: Space, held: u64, reserve: u64) -> Change {
    let len = len_for(space.total);
    let tight = reserve.max(len) / 2;
    let to_come = len.saturating_sub(held);
    if held > 0 && space.free < tight {
        Change::ThrowOff
    } else if to_come > 0 && space.free.saturating_sub(to_come) >= reserve.max(len) {
        Change::Make(len)
    } else {
        Change::Nothing
    }
}

/// Throws the ballast of `folder` off if its file system is nearly full: before anything else is tried there.
pub fn make_room(folder: &Path, reserve: Reserve) {
    let ballast = Ballast::of(folder);
    // Where the folder does not exist yet there is no ballast.
    let Ok(space) = raw::space(folder) else { return };
    if decide(space, ballast.held(), reserve.of(space.total)) == Change::ThrowOff
        && let Err(error) = ballast.throw_off_and_tell(space)
    {
        ballast.tell_that_it_is_stuck(&error);
    }
}

/// Keeps the figures of the file systems fresh and their ballast in order.
pub struct RoomKeeper {
    reserve: Reserve,
    admission: Arc<Admission>,
    metrics: Arc<Metrics>,
    data: Place,
    /// The metadata's, if it is another one.
    meta: Option<Place>,
}

/// One file system.
struct Place {
    folder: PathBuf,
    ballast: Ballast,
    /// Intervals until a ballast may be made again, or a failure told.
    rest: u32,
}

impl Place {
    fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ballast: Ballast::of(folder), rest: 0 }
    }

    fn keep(&mut self, space: Space, reserve: Reserve) {
        self.rest = self.rest.saturating_sub(1);
        match decide(space, self.ballast.held(), reserve.of(space.total)) {
            Change::ThrowOff => match self.ballast.throw_off_and_tell(space) {
                Err(error) if self.rest == 0 => {
                    self.rest = FAILED_INTERVALS;
                    self.ballast.tell_that_it_is_stuck(&error);
                }
                Ok(()) | Err(_) => {}
            },
            Change::Make(len) if self.rest == 0 => match self.ballast.make(len) {
                Ok(()) => log::info("ballast_made", &[("bytes", &len), ("at", &self.at())]),
                Err(error) => {
                    self.rest = FAILED_INTERVALS;
                    log::warn("ballast_not_made", &[("cause", &error), ("at", &self.at())]);
                }
            },
            Change::Make(_) | Change::Nothing => {}
        }
    }

    fn at(&self) -> String {
        self.folder.display().to_string()
    }
}

impl RoomKeeper {
    /// For the data directory and the folder of the metadata, which both exist.
    ///
    /// # Errors
    /// If one cannot be looked at.
    pub fn new(
        (data, meta): (&Path, &Path),
        reserve: Reserve,
        admission: Arc<Admission>,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let apart = data.metadata()?.dev() != meta.metadata()?.dev();
        let meta = apart.then(|| Place::of(meta));
        Ok(Self { reserve, admission, metrics, data: Place::of(data), meta })
    }

    /// Measures once.
    ///
    /// # Errors
    /// What the system says; the figures stay as they were.
    pub fn measure(&mut self) -> io::Result<()> {
        self.admission.note(raw::space(&self.data.folder)?);
        if let Some(meta) = &self.meta {
            self.admission.note_meta(raw::space(&meta.folder)?);
        }
        Ok(())
    }

    /// Measures and keeps the ballast in order until `stop` says something or is gone.
    pub fn run(mut self, stop: &flume::Receiver<()>) {
        let mut rest = 0_u32;
        while let Err(flume::RecvTimeoutError::Timeout) = stop.recv_timeout(INTERVAL) {
            rest = rest.saturating_sub(1);
            if let Err(error) = self.look()
                && rest == 0
            {
                rest = FAILED_INTERVALS;
                log::warn("free_space_unknown", &[("cause", &error)]);
            }
        }
    }

    /// Puts the ballast in order, then measures what is left beside it.
    fn look(&mut self) -> io::Result<()> {
        let mut held = 0;
        for place in [Some(&mut self.data), self.meta.as_mut()].into_iter().flatten() {
            place.keep(raw::space(&place.folder)?, self.reserve);
            held += place.ballast.held();
        }
        self.metrics.ballast_bytes.set(held);
        self.measure()
    }
}

/// A file that holds nothing but room.
struct Ballast {
    path: PathBuf,
}

impl Ballast {
    fn of(folder: &Path) -> Self {
        Self { path: folder.join(NAME) }
    }

    /// How long it is; 0 if there is none.
    fn held(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |facts| facts.len())
    }

    fn throw_off_and_tell(&self, space: Space) -> io::Result<()> {
        self.throw_off()?;
        let at = self.path.display();
        log::warn("ballast_thrown_off", &[("free", &space.free), ("at", &at)]);
        Ok(())
    }

    fn tell_that_it_is_stuck(&self, error: &io::Error) {
        log::error("ballast_stuck", &[("cause", error), ("at", &self.path.display())]);
    }

    /// Gives its room back.
    fn throw_off(&self) -> io::Result<()> {
        fs::remove_file(&self.path)?;
        // Some file systems have the room only when the removal is in their log. Without it, it takes longer.
        drop(self.path.parent().map(raw::sync_folder));
        Ok(())
    }

    /// Makes it `len` bytes long, of real room; after an error there is none.
    fn make(&self, len: u64) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(raw::FILE_MODE);
        let made = options.open(&self.path).and_then(|file| {
            allocate(&file, len)?;
            file.set_len(len)?;
            file.sync_all()
        });
        if made.is_err() {
            // What could not be made is not there, or was no good.
            drop(fs::remove_file(&self.path));
        }
        made
    }
}

/// Gives the file room for `len` bytes.
fn allocate(file: &File, len: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, len) {
        Err(rustix::io::Errno::OPNOTSUPP) => fill(file, len),
        outcome => Ok(outcome?),
    }
}

/// Fills the file with bytes that no file system can make smaller.
fn fill(mut file: &File, len: u64) -> io::Result<()> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = vec![0; 1 << 20];
    let mut left = len;
    while left > 0 {
        for word in bytes.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        let some = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        file.write_all(&bytes[..some])?;
        left -= some as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::FileSystem;

    const MIB: u64 = 1 << 20;

    fn space(free: u64, total: u64) -> Space {
        Space { free, total }
    }

    #[test]
    fn a_ballast_goes_when_it_gets_tight_and_comes_back_when_there_is_room() {
        let (total, reserve) = (320 * MIB, 64 * MIB);
        let len = 32 * MIB;
        assert_eq!(decide(space(300 * MIB, total), 0, reserve), Change::Make(len));
        assert_eq!(decide(space(96 * MIB, total), 0, reserve), Change::Make(len));
        assert_eq!(decide(space(96 * MIB - 1, total), 0, reserve), Change::Nothing);
        assert_eq!(decide(space(64 * MIB, total), len, reserve), Change::Nothing, "just made");
        assert_eq!(decide(space(32 * MIB, total), len, reserve), Change::Nothing);
        assert_eq!(decide(space(32 * MIB - 1, total), len, reserve), Change::ThrowOff);
        assert_eq!(decide(space(0, total), 0, reserve), Change::Nothing, "nothing is left to go");
        // What a crash or another program left too short is made longer.
        assert_eq!(decide(space(300 * MIB, total), MIB, reserve), Change::Make(len));
        // Without a reserve it goes all the same.
        assert_eq!(decide(space(15 * MIB, total), len, 0), Change::ThrowOff);
    }

    #[test]
    fn a_ballast_is_a_hundredth_of_the_file_system_within_bounds() {
        let lens = [64 * MIB, 320 * MIB, 10_000 * MIB, 1 << 40].map(len_for);
        assert_eq!(lens, [8 * MIB, 32 * MIB, 100 * MIB, 256 * MIB]);
    }

    #[test]
    fn a_ballast_takes_real_room_and_gives_it_back() {
        let folder = tempfile::tempdir().expect("a folder for tests");
        let ballast = Ballast::of(folder.path());
        assert_eq!(ballast.held(), 0);
        for len in [4 * MIB, 8 * MIB, 2 * MIB] {
            ballast.make(len).expect("made");
            assert_eq!(ballast.held(), len);
        }
        ballast.make(8 * MIB).expect("made");
        let blocks = fs::metadata(&ballast.path).expect("there").blocks();
        assert!(blocks * 512 >= 8 * MIB, "{blocks} blocks");
        ballast.throw_off().expect("removed");
        assert_eq!(ballast.held(), 0);
        assert!(ballast.throw_off().is_err(), "there is none");

        let file = File::create(folder.path().join("filled")).expect("created");
        fill(&file, 3 * MIB + 5).expect("filled");
        assert_eq!(file.metadata().expect("there").len(), 3 * MIB + 5);
    }

    #[test]
    fn a_ballast_that_cannot_be_thrown_off_is_tried_at_every_look_and_told_now_and_then() {
        let folder = tempfile::tempdir().expect("a folder for tests");
        let mut place = Place::of(folder.path());
        // A folder in its place cannot be removed as a file.
        fs::create_dir_all(place.ballast.path.join("in the way")).expect("made");
        assert!(place.ballast.held() > 0);
        let full = space(0, 320 * MIB);
        place.keep(full, Reserve::Bytes(0));
        assert_eq!(place.rest, FAILED_INTERVALS, "told");
        place.keep(full, Reserve::Bytes(0));
        assert_eq!(place.rest, FAILED_INTERVALS - 1, "not again");
        fs::remove_dir_all(&place.ballast.path).expect("removed");
        File::create(&place.ballast.path).and_then(|file| file.set_len(1)).expect("made");
        place.keep(full, Reserve::Bytes(0));
        assert_eq!(place.ballast.held(), 0, "tried all the same");
    }

    #[test]
    fn the_keeper_makes_it_and_tells_what_is_left() {
        let folder = tempfile::tempdir().expect("a folder for tests");
        let (data, metrics) = (folder.path(), Arc::new(Metrics::new(1)));
        let reserve = Reserve::Bytes(0);
        let admission = Admission::new(reserve, metrics.clone());
        let places = (data, data);
        let keeper = RoomKeeper::new(places, reserve, admission, metrics.clone());
        let mut keeper = keeper.expect("it is there");
        assert!(keeper.meta.is_none(), "one file system");
        keeper.look().expect("measured");
        let total = raw::space(data).expect("known").total;
        assert_eq!(metrics.room(FileSystem::Data).total.get(), total);
        assert_eq!(metrics.ballast_bytes.get(), Ballast::of(data).held());
        assert!(metrics.room(FileSystem::Data).free.get() > 0);
        make_room(data, reserve);
        assert_eq!(Ballast::of(data).held(), metrics.ballast_bytes.get(), "it is not tight");
        make_room(data, Reserve::Bytes(4 * total));
        assert_eq!(Ballast::of(data).held(), 0, "now it is");
        make_room(&data.join("nowhere"), reserve);
    }
}
