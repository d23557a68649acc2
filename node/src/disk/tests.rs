//! The promises of the seam, asked of each form: in memory, on the root file system, on XFS.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tempfile::TempDir;

use super::copier::{Copiers, STEP_LEN};
use super::glommio::{GlommioDisk, folder_path, run_on_shard};
use super::memory::{Call, MemoryDisk};
use super::raw::{self, DataDirectory, DataDirectoryError, EXTENTS_AT_ONCE};
use super::sync::FileSyncer;
use super::*;
use crate::budget::Budget;

/// One form of the seam, empty but for folder 1.
pub(crate) struct Form {
    pub(crate) disk: Rc<dyn Disk>,
    pub(crate) syncer: Arc<dyn Syncer>,
    /// Flips a bit of one byte of a file behind the disk's back.
    pub(crate) damage: Box<dyn Fn(BlobId, u64)>,
    /// Cuts a file short behind the disk's back.
    pub(crate) cut: Box<dyn Fn(BlobId, u64)>,
}

pub(crate) type Case = fn(Rc<Form>) -> Local<'static, ()>;

pub(crate) const FOLDER: FolderId = FolderId::new(1);

pub(crate) fn blob(slot: u16) -> BlobId {
    BlobId::in_folder(FOLDER, slot)
}

/// Runs a future whose wakers never matter, since everything in memory gives way to itself only.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

/// The size of the disks that are made for tests: the smallest that XFS takes, rounded up.
const DISK_LEN: u64 = 320 * 1024 * 1024;

pub(crate) fn in_memory(case: Case) {
    let disk = MemoryDisk::new(DISK_LEN);
    let (damaged, shortened) = (disk.clone(), disk.clone());
    block_on(async move {
        disk.make_folder(FOLDER).await.expect("made");
        case(Rc::new(Form {
            disk: Rc::new(disk.clone()),
            syncer: Arc::new(disk),
            damage: Box::new(move |blob, at| assert!(damaged.corrupt(blob, at, 0x10))),
            cut: Box::new(move |blob, len| {
                let len = usize::try_from(len).expect("small");
                shortened.cut(blob, len).expect("there");
            }),
        }))
        .await;
    });
}

pub(crate) fn on_root(case: Case) {
    let folder = TempDir::new().expect("a folder for tests");
    on_path(folder.path(), case);
}

pub(crate) fn on_xfs(case: Case) {
    if let Some(mounted) = LoopDisk::xfs() {
        on_path(&mounted.path().join("data"), case);
    }
}

pub(crate) fn on_path(path: &Path, case: impl FnOnce(Rc<Form>) -> Local<'static, ()>) {
    let data = DataDirectory::open(path).expect("a data directory");
    let syncer = Arc::new(FileSyncer::start(data.path()).expect("threads"));
    run_on_shard(async move {
        let disk = Rc::new(GlommioDisk::new(&data, Copiers::start().expect("threads")));
        disk.make_folder(FOLDER).await.expect("made");
        let (damaged, shortened) = (data.path().to_owned(), data.path().to_owned());
        case(Rc::new(Form {
            disk,
            syncer,
            damage: Box::new(move |blob, at| flip(&file_path(&damaged, blob), at)),
            cut: Box::new(move |blob, len| {
                let file = OpenOptions::new().write(true).open(file_path(&shortened, blob));
                file.and_then(|file| file.set_len(len)).expect("cut");
            }),
        }))
        .await;
    });
}

pub(crate) fn file_path(data: &Path, blob: BlobId) -> PathBuf {
    folder_path(data, blob.folder()).join(format!("{:03x}", blob.slot()))
}

fn flip(path: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("there");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("within the file");
    file.write_all_at(&[byte[0] ^ 0x10], at).expect("written");
    file.sync_all().expect("synced");
}

/// A file system in a file, mounted as long as this lives.
pub(crate) struct LoopDisk {
    folder: TempDir,
}

impl LoopDisk {
    /// An XFS with reflink. `None`, said on standard error past the test harness, where it cannot be mounted.
    pub(crate) fn xfs() -> Option<Self> {
        Self::mount(&["mkfs.xfs", "-q", "-m", "reflink=1"])
    }

    /// An ext4, under the same condition.
    pub(crate) fn ext4() -> Option<Self> {
        Self::mount(&["mkfs.ext4", "-q", "-F"])
    }

    fn mount(maker: &[&str]) -> Option<Self> {
        match Self::try_mount(maker) {
            Ok(mounted) => Some(mounted),
            Err(reason) => {
                let line = format!("\n*** NOT TESTED WITH {}: {reason} (needs root)\n", maker[0]);
                io::stderr().write_all(line.as_bytes()).expect("standard error");
                None
            }
        }
    }

    fn try_mount(maker: &[&str]) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("not root".to_owned());
        }
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let image = folder.path().join("image");
        let made = std::fs::File::create(&image).and_then(|file| file.set_len(DISK_LEN));
        made.map_err(|error| error.to_string())?;
        let mount_point = folder.path().join("mounted");
        std::fs::create_dir(&mount_point).map_err(|error| error.to_string())?;
        run(Command::new(maker[0]).args(&maker[1..]).arg(&image))?;
        let mounted = Self { folder };
        mounted.attach()?;
        Ok(mounted)
    }

    fn attach(&self) -> Result<(), String> {
        let image = self.folder.path().join("image");
        run(Command::new("mount").args(["-o", "loop"]).arg(image).arg(self.path()))
    }

    /// Stops the file system without flushing its log, and mounts it again.
    fn cut_power(self) -> Self {
        run(Command::new("xfs_io").args(["-x", "-c", "shutdown"]).arg(self.path())).expect("cut");
        let detached = (0..100).any(|_| {
            let outcome = run(Command::new("umount").arg(self.path()));
            if outcome.is_err() {
                // Descriptors may be on their way out still.
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            outcome.is_ok()
        });
        assert!(detached, "nothing keeps it busy");
        self.attach().expect("mounted again");
        self
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let plain = run(Command::new("umount").arg(self.path()));
        // A descriptor that is still being closed keeps it busy: then it goes with the descriptor.
        if plain.is_err()
            && let Err(reason) = run(Command::new("umount").arg("-l").arg(self.path()))
        {
            eprintln!("{} stays mounted: {reason}", self.path().display());
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let outcome = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
    if outcome.status.success() { Ok(()) } else { Err(said) }
}

/// Makes three tests of each case, one a form.
macro_rules! on_each_form {
    ($($case:ident),* $(,)?) => {
        $(mod $case {
            #[test]
            fn in_memory() {
                $crate::disk::tests::in_memory(|form| Box::pin(super::$case(form)));
            }

            #[test]
            fn on_root() {
                $crate::disk::tests::on_root(|form| Box::pin(super::$case(form)));
            }

            #[test]
            fn on_xfs() {
                $crate::disk::tests::on_xfs(|form| Box::pin(super::$case(form)));
            }
        })*
    };
}
pub(crate) use on_each_form;

on_each_form!(
    files_hold_what_was_written,
    a_short_stream_gives_its_reservation_back,
    reads_say_what_is_wrong,
    clones_share_the_grid_around_them,
    clones_fail_without_a_trace,
    the_kernel_copies_what_it_is_told,
    copies_by_the_kernel_fail_without_a_trace,
    folders_are_listed_and_removed,
    what_is_lost_goes_when_it_is_old,
    what_is_cancelled_at_any_point_can_be_unlinked_at_once,
    a_full_disk_says_so_and_recovers,
    a_failed_sync_is_never_asked_again,
);

fn pool() -> Rc<BufferPool> {
    BufferPool::new(Budget::new(2 * buffer::BUFFER_LEN))
}

/// Writes `bytes` as one file, in writes of at most a buffer.
async fn write_file(disk: &dyn Disk, blob: BlobId, bytes: &[u8]) -> Result<Unsynced, DiskError> {
    let pool = pool();
    let file = disk.create(blob).await?;
    let mut at = 0;
    for piece in bytes.chunks(buffer::BUFFER_LEN) {
        let mut buffer = pool.try_take(piece.len() as u64).expect("free");
        assert_eq!(buffer.append(piece), piece.len());
        buffer.seal();
        let written = buffer.len() as u64;
        file.write(at, buffer).await?;
        at += written;
    }
    file.finish(at).await
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at / 13 % 251).expect("below 251")).collect()
}

async fn files_hold_what_was_written(form: Rc<Form>) {
    let disk = &form.disk;
    let bytes = pattern(3 * 1024 * 1024 + 5);
    let unsynced = write_file(&**disk, blob(0xabc), &bytes).await.expect("written");
    assert_eq!(unsynced.blob(), blob(0xabc));
    assert_eq!(form.syncer.sync(&[&unsynced]), [Ok(())]);

    let first = disk.read(blob(0xabc), 0, READ_LEN_MAX).await.expect("there");
    assert_eq!(&first[..], &bytes[..READ_LEN_MAX]);
    let tail_at = 3 * 1024 * 1024;
    let tail = disk.read(blob(0xabc), tail_at, ALIGN).await.expect("padded");
    assert_eq!(&tail[..5], &bytes[bytes.len() - 5..]);
    assert!(tail[5..].iter().all(|&byte| byte == 0), "padded with zeros");

    let again = disk.create(blob(0xabc)).await;
    assert_eq!(again.map(drop), Err(DiskError::Exists));
    let unchanged = disk.read(blob(0xabc), 0, ALIGN).await.expect("still there");
    assert_eq!(&unchanged[..], &bytes[..ALIGN]);
    let homeless = BlobId::in_folder(FolderId::new(77), 0);
    assert_eq!(disk.create(homeless).await.map(drop), Err(DiskError::Missing));
}

async fn a_short_stream_gives_its_reservation_back(form: Rc<Form>) {
    let disk = &form.disk;
    // Others write to the root file system too: there the numbers say nothing. On one of our own, other tests
    // move a few MiB meanwhile, but not most of the 64 MiB.
    let ours = disk.free().await.expect("known").total <= 2 * DISK_LEN;
    let file = disk.create(blob(1)).await.expect("created");
    file.reserve(64 * 1024 * 1024).await.expect("room");
    let reserved = disk.free().await.expect("known").free;
    let mut buffer = pool().try_take(1).expect("free");
    buffer.append(b"x");
    buffer.seal();
    file.write(0, buffer).await.expect("written");
    let unsynced = file.finish(ALIGN as u64).await.expect("finished");
    assert_eq!(form.syncer.sync(&[&unsynced]), [Ok(())]);
    let after = disk.free().await.expect("known").free;
    let given_back = after.saturating_sub(reserved);
    assert!(!ours || given_back >= 48 * 1024 * 1024, "{reserved} {after}");
    assert_eq!(disk.read(blob(1), ALIGN as u64, ALIGN).await.map(drop), Err(DiskError::Truncated));
}

async fn reads_say_what_is_wrong(form: Rc<Form>) {
    let disk = &form.disk;
    assert_eq!(disk.read(blob(1), 0, ALIGN).await.map(drop), Err(DiskError::Missing));
    write_file(&**disk, blob(1), &pattern(3 * ALIGN)).await.expect("written");
    assert_eq!(disk.read(blob(1), 0, 3 * ALIGN).await.map(|block| block.len()), Ok(3 * ALIGN));
    (form.cut)(blob(1), 2 * ALIGN as u64);
    let read = |at: usize, len| disk.read(blob(1), at as u64, len);
    assert_eq!(read(0, 2 * ALIGN).await.map(|block| block.len()), Ok(2 * ALIGN));
    assert_eq!(read(0, 3 * ALIGN).await.map(drop), Err(DiskError::Truncated));
    assert_eq!(read(2 * ALIGN, ALIGN).await.map(drop), Err(DiskError::Truncated));
    assert_eq!(read(9 * ALIGN, ALIGN).await.map(drop), Err(DiskError::Truncated));

    disk.unlink(vec![blob(1), blob(2)]).await.expect("what is not there is removed already");
    assert_eq!(read(0, ALIGN).await.map(drop), Err(DiskError::Missing));
    let homeless = BlobId::in_folder(FolderId::new(77), 0);
    disk.unlink(vec![homeless]).await.expect("nor need its folder be there");
}

async fn clones_share_the_grid_around_them(form: Rc<Form>) {
    let disk = &form.disk;
    if !disk.ways().clone {
        let none = disk.clone_range(blob(1), ByteRange::new(0, 4096).expect("ascending"), blob(2));
        assert!(none.await.is_err());
        return;
    }
    let bytes = pattern(40 * ALIGN);
    let source = write_file(&**disk, blob(1), &bytes).await.expect("written");
    assert_eq!(form.syncer.sync(&[&source]), [Ok(())]);
    let grid = ALIGN as u64;
    for (slot, (start, end)) in [(0, 1), (0, 40), (16, 32), (39, 40), (3, 40)].iter().enumerate() {
        let target = blob(u16::try_from(slot + 10).expect("few"));
        let range = ByteRange::new(start * grid, end * grid).expect("ascending");
        let unsynced = disk.clone_range(blob(1), range, target).await.expect("cloned");
        assert_eq!((unsynced.blob(), form.syncer.sync(&[&unsynced])), (target, vec![Ok(())]));
    }
    disk.unlink(vec![blob(1)]).await.expect("the clones do not need it");
    let read = disk.read(blob(12), 0, 16 * ALIGN).await.expect("there");
    assert_eq!(&read[..], &bytes[16 * ALIGN..32 * ALIGN]);
    let read = disk.read(blob(14), 36 * grid, ALIGN).await.expect("there");
    assert_eq!(&read[..], &bytes[39 * ALIGN..]);
    let beyond = disk.read(blob(13), grid, ALIGN).await;
    assert_eq!(beyond.map(drop), Err(DiskError::Truncated), "a clone is as long as its range");
}

async fn clones_fail_without_a_trace(form: Rc<Form>) {
    let disk = &form.disk;
    let range = ByteRange::new(0, ALIGN as u64).expect("ascending");
    assert!(disk.clone_range(blob(1), range, blob(2)).await.is_err(), "there is no source");
    assert_eq!(disk.list_folder(FOLDER).await, Ok(vec![]));

    write_file(&**disk, blob(1), &pattern(ALIGN)).await.expect("written");
    let beyond = ByteRange::new(0, 2 * ALIGN as u64).expect("ascending");
    let cloned = disk.clone_range(blob(1), beyond, blob(2)).await.map(drop);
    assert!(!disk.ways().clone || cloned == Err(DiskError::Truncated), "{cloned:?}");
    assert!(cloned.is_err(), "beyond its end");
    assert_eq!(disk.list_folder(FOLDER).await, Ok(vec![blob(1)]));

    if disk.ways().clone {
        write_file(&**disk, blob(3), &pattern(2 * ALIGN)).await.expect("written");
        let taken = disk.clone_range(blob(1), range, blob(3)).await;
        assert_eq!(taken.map(drop), Err(DiskError::Exists));
        let kept = disk.read(blob(3), ALIGN as u64, ALIGN).await.expect("untouched");
        assert_eq!(&kept[..], &pattern(2 * ALIGN)[ALIGN..]);
    }
}

/// The ways of this form to copy in the kernel.
fn kernel_ways(disk: &dyn Disk) -> Vec<KernelCopy> {
    let ways = disk.ways();
    assert!(ways.copy_file_range && ways.splice, "every Linux file system can: {ways:?}");
    vec![KernelCopy::CopyFileRange, KernelCopy::Splice]
}

async fn the_kernel_copies_what_it_is_told(form: Rc<Form>) {
    let disk = &form.disk;
    let bytes = pattern(3 * 1024 * 1024);
    let source = write_file(&**disk, blob(1), &bytes).await.expect("written");
    assert_eq!(form.syncer.sync(&[&source]), [Ok(())]);
    let blocks = bytes.len() / ALIGN;
    let mut slot = 10;
    for by in kernel_ways(&**disk) {
        for (start, end) in [(0, 1), (0, blocks), (16, 32), (blocks - 1, blocks), (3, blocks)] {
            let (start, end, target) = (start * ALIGN, end * ALIGN, blob(slot));
            slot += 1;
            let range = ByteRange::new(start as u64, end as u64).expect("ascending");
            let unsynced = disk.copy_range(blob(1), range, target, by).await.expect("copied");
            assert_eq!((unsynced.blob(), form.syncer.sync(&[&unsynced])), (target, vec![Ok(())]));
            for at in (start..end).step_by(READ_LEN_MAX) {
                let len = READ_LEN_MAX.min(end - at);
                let read = disk.read(target, (at - start) as u64, len).await.expect("there");
                assert!(read[..] == bytes[at..at + len], "{by:?} {start}..{end}");
            }
            let beyond = disk.read(target, (end - start) as u64, ALIGN).await;
            assert_eq!(beyond.map(drop), Err(DiskError::Truncated), "as long as its range");
        }
    }
}

async fn copies_by_the_kernel_fail_without_a_trace(form: Rc<Form>) {
    let disk = &form.disk;
    let range = ByteRange::new(0, ALIGN as u64).expect("ascending");
    let beyond = ByteRange::new(0, 2 * ALIGN as u64).expect("ascending");
    for by in kernel_ways(&**disk) {
        let copy = |range, target| disk.copy_range(blob(1), range, target, by);
        assert_eq!(copy(range, blob(2)).await.map(drop), Err(DiskError::Missing));
        assert_eq!(disk.list_folder(FOLDER).await, Ok(vec![]));

        write_file(&**disk, blob(1), &pattern(ALIGN)).await.expect("written");
        assert_eq!(copy(beyond, blob(2)).await.map(drop), Err(DiskError::Truncated));
        assert_eq!(disk.list_folder(FOLDER).await, Ok(vec![blob(1)]));

        write_file(&**disk, blob(3), &pattern(2 * ALIGN)).await.expect("written");
        assert_eq!(copy(range, blob(3)).await.map(drop), Err(DiskError::Exists));
        let kept = disk.read(blob(3), ALIGN as u64, ALIGN).await.expect("untouched");
        assert_eq!(&kept[..], &pattern(2 * ALIGN)[ALIGN..]);
        disk.unlink(vec![blob(1), blob(3)]).await.expect("removed");
    }
}

async fn folders_are_listed_and_removed(form: Rc<Form>) {
    let disk = &form.disk;
    disk.make_folder(FOLDER).await.expect("made before, which is no error");
    for slot in [0xfff, 0, 0x10] {
        write_file(&**disk, blob(slot), &pattern(1)).await.expect("written");
    }
    assert_eq!(disk.list_folder(FOLDER).await, Ok(vec![blob(0), blob(0x10), blob(0xfff)]));
    assert_eq!(disk.remove_folder(FOLDER).await, Err(DiskError::Exists));
    disk.move_to_lost(blob(0x10)).await.expect("moved");
    assert_eq!(disk.move_to_lost(blob(0x10)).await, Err(DiskError::Missing));
    disk.unlink(vec![blob(0), blob(0xfff)]).await.expect("removed");
    assert_eq!(disk.list_folder(FOLDER).await, Ok(vec![]));
    disk.make_folder(FolderId::new(0x1_2345_6789)).await.expect("made");
    assert_eq!(disk.list_folders().await, Ok(vec![FOLDER, FolderId::new(0x1_2345_6789)]));
    disk.remove_folder(FOLDER).await.expect("empty");
    disk.remove_folder(FOLDER).await.expect("gone already");
    assert_eq!(disk.list_folder(FOLDER).await, Err(DiskError::Missing));
}

async fn what_is_lost_goes_when_it_is_old(form: Rc<Form>) {
    let disk = &form.disk;
    for slot in [1, 2] {
        write_file(&**disk, blob(slot), &pattern(1)).await.expect("written");
        disk.move_to_lost(blob(slot)).await.expect("moved");
    }
    let kept = disk.expire_lost(Timestamp::from_millis(0)).await;
    assert_eq!(kept, Ok(Expired { removed: 0, left: 2, left_bytes: 2 * ALIGN as u64 }));
    let later = Timestamp::from_millis(u64::MAX);
    assert_eq!(disk.expire_lost(later).await, Ok(Expired { removed: 2, ..Expired::default() }));
    assert_eq!(disk.expire_lost(later).await, Ok(Expired::default()));
}

/// Drops a future after it was polled `polls` times; false if it was done by then.
pub(crate) async fn poll_times<T>(mut future: Local<'_, T>, polls: usize) -> bool {
    for _ in 0..polls {
        let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context)));
        if polled.await.is_ready() {
            return false;
        }
        give_way().await;
    }
    true
}

/// Lets whatever is spawned or on its way go on.
pub(crate) async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut given, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

async fn what_is_cancelled_at_any_point_can_be_unlinked_at_once(form: Rc<Form>) {
    let disk = &form.disk;
    write_file(&**disk, blob(0), &pattern(2 * ALIGN)).await.expect("written");
    let mut slot = 1;
    let mut next = || {
        slot += 1;
        blob(slot)
    };
    for polls in 0..40 {
        let target = next();
        poll_times(disk.create(target), polls).await;
        disk.unlink(vec![target]).await.expect("gone for good");
        let target = next();
        let range = ByteRange::new(0, ALIGN as u64).expect("ascending");
        poll_times(disk.clone_range(blob(0), range, target), polls).await;
        disk.unlink(vec![target]).await.expect("gone for good");
        for by in [KernelCopy::CopyFileRange, KernelCopy::Splice] {
            let target = next();
            poll_times(disk.copy_range(blob(0), range, target, by), polls).await;
            disk.unlink(vec![target]).await.expect("gone for good");
        }
    }
    disk.unlink(vec![blob(0)]).await.expect("removed");
    assert_eq!(disk.list_folder(FOLDER).await, Ok(vec![]));
}

async fn a_full_disk_says_so_and_recovers(form: Rc<Form>) {
    let disk = &form.disk;
    let space = disk.free().await.expect("known");
    assert!(space.free <= space.total);
    if space.total > 2 * DISK_LEN {
        return; // The root file system is not ours to fill.
    }
    let file = disk.create(blob(1)).await.expect("created");
    assert_eq!(file.reserve(space.total + ALIGN as u64).await, Err(DiskError::NoSpace));
    drop(file);
    disk.unlink(vec![blob(1)]).await.expect("removed");
    let mut outcome = Ok(());
    for slot in 2..100 {
        let written = write_file(&**disk, blob(slot), &pattern(8 * 1024 * 1024)).await;
        outcome = written.map(drop);
        if outcome.is_err() {
            break;
        }
    }
    assert_eq!(outcome, Err(DiskError::NoSpace));
    let range = ByteRange::new(0, 8 * 1024 * 1024).expect("ascending");
    let copied = disk.copy_range(blob(2), range, blob(201), KernelCopy::Splice).await;
    assert_eq!(copied.map(drop), Err(DiskError::NoSpace));
    let blobs = disk.list_folder(FOLDER).await.expect("listed");
    assert!(!blobs.contains(&blob(201)), "a copy that does not fit leaves nothing");
    let blobs = disk.list_folder(FOLDER).await.expect("listed");
    disk.unlink(blobs).await.expect("a full disk can be emptied");
    let unsynced = write_file(&**disk, blob(200), &pattern(8 * 1024 * 1024)).await;
    let unsynced = unsynced.expect("there is room again");
    assert_eq!(form.syncer.sync(&[&unsynced]), [Ok(())]);
}

async fn a_failed_sync_is_never_asked_again(form: Rc<Form>) {
    let disk = &form.disk;
    disk.make_folder(FolderId::new(2)).await.expect("made");
    let gone = BlobId::in_folder(FolderId::new(2), 0);
    let good = write_file(&**disk, blob(1), &pattern(10)).await.expect("written");
    let bad = write_file(&**disk, gone, &pattern(10)).await.expect("written");
    disk.unlink(vec![gone]).await.expect("removed");
    disk.remove_folder(FolderId::new(2)).await.expect("removed");
    let outcomes = form.syncer.sync(&[&good, &bad, &good]);
    assert_eq!(outcomes, [Ok(()), Err(DiskError::Missing), Ok(())]);
    disk.make_folder(FolderId::new(2)).await.expect("made again");
    assert!(form.syncer.sync(&[&bad])[0].is_err(), "the file stays lost");
    assert_eq!(form.syncer.sync(&[&good]), [Ok(())]);
    assert_eq!(form.syncer.sync(&[]), []);
}

#[test]
fn a_power_cut_takes_what_was_not_synced() {
    let disk = MemoryDisk::new(DISK_LEN);
    block_on(async {
        disk.make_folder(FOLDER).await.expect("made");
        let kept = write_file(&disk, blob(1), &pattern(10)).await.expect("written");
        let removed = write_file(&disk, blob(2), &pattern(10)).await.expect("written");
        let empty = write_file(&disk, blob(3), &pattern(10)).await.expect("written");
        assert_eq!(disk.sync(&[&kept, &removed]), [Ok(()), Ok(())]);
        disk.unlink(vec![blob(2)]).await.expect("removed");
        let gone = write_file(&disk, blob(4), &pattern(10)).await.expect("written");
        assert_eq!(disk.blobs(), [blob(1), blob(3), blob(4)]);
        disk.crash();
        assert_eq!(disk.blobs(), [blob(1), blob(3)]);
        assert_eq!(disk.durable_len(blob(3)), Some(0), "its name was synced with its folder");
        for lost in [empty, gone] {
            assert_eq!(disk.sync(&[&lost]), [Err(DiskError::Missing)]);
        }
        let space = disk.free().await.expect("known");
        assert_eq!(space.total - space.free, ALIGN as u64);
    });
}

#[test]
fn any_call_in_memory_can_be_made_to_fail() {
    let disk = MemoryDisk::without_clone(DISK_LEN);
    assert!(!disk.ways().clone);
    disk.fail(Call::Create, 1, DiskError::NoSpace);
    disk.fail(Call::Sync, 0, DiskError::Missing);
    block_on(async {
        disk.make_folder(FOLDER).await.expect("made");
        let first =
            write_file(&disk, blob(1), &pattern(10)).await.expect("the first one goes well");
        let second = write_file(&disk, blob(2), &pattern(10)).await;
        assert_eq!(second.map(drop), Err(DiskError::NoSpace));
        write_file(&disk, blob(3), &pattern(10)).await.expect("and so does the third");
        assert!(disk.sync(&[&first])[0].is_err());
        assert!(disk.sync(&[&first])[0].is_err(), "poisoned");
    });
}

#[test]
fn a_data_directory_belongs_to_one_process() {
    let folder = TempDir::new().expect("a folder for tests");
    let path = folder.path().join("deep/data");
    let held = DataDirectory::open(&path).expect("made");
    assert!(held.facts().direct, "direct reads and writes work here");
    assert!(!held.facts().file_system.is_empty());
    assert!(matches!(DataDirectory::open(&path), Err(DataDirectoryError::InUse)));
    let inside: Vec<_> = std::fs::read_dir(path.join("blobs")).expect("listed").collect();
    assert!(inside.is_empty(), "the probe leaves nothing: {inside:?}");
    drop(held);
    DataDirectory::open(&path).expect("free again");
}

#[test]
fn xfs_is_known_to_clone() {
    if let Some(mounted) = LoopDisk::xfs() {
        let data = DataDirectory::open(&mounted.path()).expect("opened");
        let facts = data.facts();
        assert_eq!(
            (facts.file_system.as_str(), facts.ways, facts.direct),
            ("xfs", DiskWays { clone: true, copy_file_range: true, splice: true }, true)
        );
        drop(data);
        let scattered = TempDir::new().expect("a folder for tests");
        std::os::unix::fs::symlink(mounted.path(), scattered.path().join("lost")).expect("linked");
        let refused = DataDirectory::open(scattered.path());
        assert!(matches!(refused, Err(DataDirectoryError::Scattered(_))), "{refused:?}");
    }
}

/// Data before name rests on this: what the syncer called durable is there after a power cut, and what was
/// unlinked does not come back.
#[test]
fn what_was_synced_survives_a_power_cut() {
    let Some(mounted) = LoopDisk::xfs() else { return };
    let path = mounted.path().join("data");
    let bytes = pattern(5 * 1024 * 1024);
    let data = DataDirectory::open(&path).expect("opened");
    let syncer = FileSyncer::start(data.path()).expect("threads");
    run_on_shard(async {
        let disk = GlommioDisk::new(&data, Copiers::start().expect("threads"));
        disk.make_folder(FOLDER).await.expect("made");
        let source = write_file(&disk, blob(1), &bytes).await.expect("written");
        let removed = write_file(&disk, blob(2), &bytes).await.expect("written");
        assert_eq!(syncer.sync(&[&source, &removed]), [Ok(()), Ok(())]);
        let range = ByteRange::new(65_536, 4 * 65_536).expect("ascending");
        let cloned = disk.clone_range(blob(1), range, blob(3)).await.expect("cloned");
        assert_eq!(syncer.sync(&[&cloned]), [Ok(())]);
        let copied = disk.copy_range(blob(1), range, blob(5), KernelCopy::Splice).await;
        assert_eq!(syncer.sync(&[&copied.expect("copied")]), [Ok(())]);
        disk.unlink(vec![blob(2)]).await.expect("removed");
        write_file(&disk, blob(4), &bytes).await.expect("written, not synced");
    });
    drop((data, syncer));
    let mounted = mounted.cut_power();

    let data = DataDirectory::open(&mounted.path().join("data")).expect("opened");
    run_on_shard(async {
        let disk = GlommioDisk::new(&data, Copiers::start().expect("threads"));
        let blobs = disk.list_folder(FOLDER).await.expect("listed");
        assert_eq!(blobs, [blob(1), blob(3), blob(5)], "what was synced, and nothing else");
        for at in 0..5 {
            let at = at * READ_LEN_MAX;
            let read = disk.read(blob(1), at as u64, READ_LEN_MAX).await.expect("there");
            assert_eq!(&read[..], &bytes[at..at + READ_LEN_MAX]);
        }
        for copy in [blob(3), blob(5)] {
            let read = disk.read(copy, 0, 3 * 65_536).await.expect("there");
            assert_eq!(&read[..], &bytes[65_536..4 * 65_536]);
        }
    });
}

/// The file of a copy that was given up goes by itself: had the copy run to its end, it would stay.
#[test]
fn a_copy_that_nobody_waits_for_ends_before_its_end() {
    let folder = TempDir::new().expect("a folder for tests");
    let data = DataDirectory::open(folder.path()).expect("a data directory");
    run_on_shard(async {
        let disk = GlommioDisk::new(&data, Copiers::start().expect("threads"));
        disk.make_folder(FOLDER).await.expect("made");
        // A hole of many steps costs nothing to make.
        let len = 16 * STEP_LEN;
        let source = std::fs::File::create(file_path(data.path(), blob(1))).expect("created");
        source.set_len(len).expect("extended");
        let range = ByteRange::new(0, len).expect("ascending");
        let mut copying = disk.copy_range(blob(1), range, blob(2), KernelCopy::Splice);
        while disk.list_folder(FOLDER).await != Ok(vec![blob(1), blob(2)]) {
            let polled =
                std::future::poll_fn(|context| Poll::Ready(copying.as_mut().poll(context)));
            assert!(polled.await.is_pending(), "16 steps are not over before the first");
        }
        drop(copying);
        while disk.list_folder(FOLDER).await != Ok(vec![blob(1)]) {
            let copied = file_path(data.path(), blob(2)).metadata().map_or(0, |found| found.len());
            assert!(copied < len, "it was copied to its end");
        }
    });
}

/// A short call holds nobody up, whatever the source looks like; what is left waits behind the byte copies.
#[test]
fn a_source_of_many_extents_is_cloned_in_steps() {
    let Some(mounted) = LoopDisk::xfs() else { return };
    let data = DataDirectory::open(&mounted.path().join("data")).expect("opened");
    run_on_shard(async {
        let copiers = Copiers::start().expect("threads");
        let disk = GlommioDisk::new(&data, Arc::clone(&copiers));
        disk.make_folder(FOLDER).await.expect("made");
        // Every other unit is a hole, so that each one with bytes is an extent, whatever the allocator does.
        let units = 2 * (3 * EXTENTS_AT_ONCE + 7);
        let source_path = file_path(data.path(), blob(1));
        let source = std::fs::File::create(&source_path).expect("created");
        // First, or XFS fills the holes ahead of the end.
        source.set_len((units * ALIGN) as u64).expect("extended");
        for unit in (0..units).step_by(2) {
            let bytes = vec![u8::try_from(unit % 251).expect("small"); ALIGN];
            source.write_all_at(&bytes, (unit * ALIGN) as u64).expect("written");
        }
        source.sync_all().expect("synced");
        let range = |from: usize, to: usize| {
            ByteRange::new((from * ALIGN) as u64, (to * ALIGN) as u64).expect("ascending")
        };
        let seen = raw::end_of_few_extents(source.as_fd(), range(2, units));
        assert_eq!(seen, ((2 * EXTENTS_AT_ONCE + 1) * ALIGN) as u64);
        let rest = range(units - 2 * EXTENTS_AT_ONCE + 2, units);
        assert_eq!(raw::end_of_few_extents(source.as_fd(), rest), rest.end());

        let part = range(2, units - 3);
        disk.clone_range(blob(1), part, blob(2)).await.expect("cloned");
        let cloned = std::fs::read(file_path(data.path(), blob(2))).expect("there");
        let bytes = std::fs::read(&source_path).expect("there");
        assert!(cloned == bytes[2 * ALIGN..(units - 3) * ALIGN], "the same bytes");

        for polls in 0..12 {
            poll_times(disk.clone_range(blob(1), part, blob(3)), polls).await;
            disk.unlink(vec![blob(3)]).await.expect("gone for good");
            assert_eq!(disk.list_folder(FOLDER).await, Ok(vec![blob(1), blob(2)]));
        }

        let admitted: Vec<_> = std::iter::from_fn(|| copiers.admit()).collect();
        let refused = disk.clone_range(blob(1), part, blob(4)).await;
        assert_eq!(refused.map(drop), Err(DiskError::Busy));
        assert_eq!(disk.list_folder(FOLDER).await, Ok(vec![blob(1), blob(2)]));
        disk.clone_range(blob(1), rest, blob(4)).await.expect("a short one waits for nobody");
        drop(admitted);
    });
}

#[test]
fn system_errors_are_sorted_by_cause() {
    let of = |errno| DiskError::from_io("try", &io::Error::from_raw_os_error(errno));
    assert_eq!(of(libc::ENOENT), DiskError::Missing);
    assert_eq!(of(libc::EEXIST), DiskError::Exists);
    assert_eq!(of(libc::EDQUOT), DiskError::NoSpace);
    assert_eq!(of(libc::EOPNOTSUPP), DiskError::Unsupported);
    assert!(matches!(of(libc::EIO), DiskError::Io { errno: Some(libc::EIO), .. }));
    assert!(of(libc::EIO).to_string().starts_with("try: "));
    assert_eq!(Block::from(Bytes::from_static(b"x")).len(), 1);
}
