//! Room: what is on a disk in memory, and the single steps that change it. Each step happens at once or not at all.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use meta::id::{BlobId, FolderId};
use protocol::range::ByteRange;
use protocol::time::Timestamp;

use super::blocks::{self, Blocks, Run};
use super::dice::Dice;
use super::fault::{Call, Faults};
use super::file::{BLOCK_LEN, File, Image};
use super::names::{Name, Names, Node, Place};
use crate::disk::{DiskError, DiskWays, Expired};

#[derive(Debug)]
pub(super) struct State {
    names: Names,
    files: BTreeMap<Node, File>,
    next_node: Node,
    /// How many files there may be before those are forgotten that have no name any more.
    files_max: usize,
    /// The files that were created since the start: whoever wrote one syncs it by its descriptor, name or not.
    born: BTreeMap<BlobId, Node>,
    /// Blobs whose creation is under way.
    pub(super) births: BTreeSet<BlobId>,
    pub(super) blocks: Blocks,
    pub(super) faults: Faults,
    pub(super) dice: Dice,
    pub(super) power: Power,
    pub(super) ways: DiskWays,
    pub(super) now: Timestamp,
    /// The call that was made last.
    pub(super) last_call: Option<Call>,
}

impl State {
    pub(super) fn new(total: u64, ways: DiskWays, dice: Dice) -> Self {
        Self {
            names: Names::default(),
            files: BTreeMap::new(),
            next_node: 0,
            files_max: FILES_KEPT,
            born: BTreeMap::new(),
            births: BTreeSet::new(),
            blocks: Blocks::new(total),
            faults: Faults::default(),
            dice,
            power: Power::default(),
            ways,
            now: Timestamp::from_millis(0),
            last_call: None,
        }
    }

    /// One step of a call that was made in this `life`; nothing if it can never happen any more. `first` if no
    /// other step of the call came before.
    pub(super) fn step<T>(
        &mut self,
        life: u64,
        call: Call,
        first: bool,
        act: impl FnOnce(&mut Self) -> Result<T, DiskError>,
    ) -> Option<Result<T, DiskError>> {
        if !self.power.lasts(life) {
            return None;
        }
        if first {
            self.last_call = Some(call);
        }
        let scripted = if first { self.faults.strike_call(call) } else { Ok(()) };
        let struck = scripted.and_then(|()| self.faults.strike_step(call, &mut self.dice));
        Some(struck.and_then(|()| act(self)))
    }

    /// A new life begins, after a power cut or without one.
    pub(super) fn restart(&mut self, power_was_cut: bool) {
        self.power.turn_on();
        self.faults.forget_script();
        self.born.clear();
        self.births.clear();
        if power_was_cut {
            self.names.lose(&mut self.dice);
            let named = self.names.nodes();
            self.files.retain(|node, _| named.contains(node));
            self.blocks.clear();
            for (node, file) in &mut self.files {
                file.lose(&mut self.dice);
                file.nameless = false;
                let len = file.image().len();
                fit(*node, &mut file.runs, len);
                file.runs.iter().for_each(|run| self.blocks.take(run));
            }
        }
    }

    pub(super) fn make_folder(&mut self, folder: FolderId) {
        if self.folder(folder).is_err() {
            let node = self.node();
            self.names.change(vec![((Place::Blobs, folder.get()), Some(node))]);
        }
    }

    pub(super) fn remove_folder(&mut self, folder: FolderId) -> Result<(), DiskError> {
        let Ok(place) = self.folder(folder) else { return Ok(()) };
        if self.names.list(place).next().is_some() {
            return Err(DiskError::Exists);
        }
        self.names.change(vec![((Place::Blobs, folder.get()), None)]);
        Ok(())
    }

    pub(super) fn sync_folders(&mut self) {
        self.names.sync(Place::Blobs);
    }

    pub(super) fn sync_lost(&mut self) {
        self.names.sync(Place::Lost);
        self.forget_nameless();
    }

    pub(super) fn sync_folder(&mut self, folder: FolderId) -> Result<(), DiskError> {
        let place = self.folder(folder)?;
        self.names.sync(place);
        self.forget_nameless();
        Ok(())
    }

    /// Makes removals in a folder durable. If the folder itself is gone, they are as durable as its own removal.
    pub(super) fn sync_folder_or_its_removal(&mut self, folder: FolderId) -> Result<(), DiskError> {
        match self.sync_folder(folder) {
            Err(DiskError::Missing) => {
                self.sync_folders();
                Ok(())
            }
            synced => synced,
        }
    }

    /// A new, empty file.
    pub(super) fn create(&mut self, blob: BlobId) -> Result<Node, DiskError> {
        self.add(blob, File::default())
    }

    /// Makes an empty `target` a clone of `range` of `source`: its bytes are as volatile as written ones, and take
    /// no space of their own.
    pub(super) fn clone_range(
        &mut self,
        source: BlobId,
        range: ByteRange,
        target: Node,
    ) -> Result<(), DiskError> {
        let source = self.file_mut(source)?;
        let image = source.image().part(range.start()..range.end());
        let image = image.ok_or(DiskError::Truncated)?;
        let runs = blocks::part(&source.runs, range.start(), range.end());
        if let Some(file) = named(&mut self.files, target) {
            runs.iter().for_each(|run| self.blocks.take(run));
            *file = File::of_bytes(image, runs);
        }
        Ok(())
    }

    /// Copies bytes of `range` of `source` to the end of `target`, into blocks of their own.
    pub(super) fn append(
        &mut self,
        source: BlobId,
        range: ByteRange,
        target: Node,
    ) -> Result<(), DiskError> {
        let bytes = self.file_mut(source)?.image().read(range.start()..range.end());
        let bytes = bytes.ok_or(DiskError::Truncated)?;
        let at = self.files.get(&target).map_or(0, |file| file.image().len());
        self.write(target, at, bytes)
    }

    /// Reserves space; a file without a name takes none.
    pub(super) fn reserve(&mut self, node: Node, upto: u64) -> Result<(), DiskError> {
        let Some(file) = named(&mut self.files, node) else { return Ok(()) };
        let more = upto.saturating_sub(blocks::len(&file.runs));
        if more > self.blocks.free() {
            return Err(DiskError::NoSpace);
        }
        if let Some(run) = grow(node, &mut file.runs, upto) {
            self.blocks.take(&run);
        }
        if upto > file.image().len() {
            file.resize(upto);
        }
        Ok(())
    }

    pub(super) fn write(&mut self, node: Node, at: u64, bytes: Bytes) -> Result<(), DiskError> {
        self.reserve(node, at + bytes.len() as u64)?;
        if let Some(file) = named(&mut self.files, node) {
            assert!(!file.finished, "a finished blob never changes");
            file.write(at, bytes);
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, node: Node, len: u64) {
        let Some(file) = named(&mut self.files, node) else { return };
        assert!(len <= file.image().len(), "a file does not grow when it is finished");
        file.resize(len);
        file.finished = true;
        let kept = blocks::part(&file.runs, 0, len);
        let before = std::mem::replace(&mut file.runs, kept);
        file.runs.iter().for_each(|run| self.blocks.take(run));
        before.iter().for_each(|run| self.blocks.give(run));
    }

    /// Removes a name; one that is not there is removed already.
    pub(super) fn unlink(&mut self, blob: BlobId) {
        if let Ok(name) = self.name(blob) {
            self.remove(name);
        }
    }

    pub(super) fn move_to_lost(&mut self, blob: BlobId) -> Result<(), DiskError> {
        let name = self.name(blob)?;
        let node = self.names.get(name).ok_or(DiskError::Missing)?;
        self.names.change(vec![(name, None), ((Place::Lost, blob.get()), Some(node))]);
        if let Some(file) = self.files.get_mut(&node) {
            file.lost_since = Some(self.now);
        }
        Ok(())
    }

    /// The lost files that came before this moment.
    pub(super) fn lost_before(&self, before: Timestamp) -> Vec<u64> {
        let lost = self.names.list(Place::Lost);
        lost.filter(|(_, node)| self.files.get(node).is_some_and(|f| f.lost_since < Some(before)))
            .map(|(name, _)| name)
            .collect()
    }

    pub(super) fn remove_lost(&mut self, name: u64) {
        self.remove((Place::Lost, name));
    }

    /// What is in the lost folder after `removed` files were removed.
    pub(super) fn expired(&self, removed: u64) -> Expired {
        let left: Vec<Node> = self.names.list(Place::Lost).map(|(_, node)| node).collect();
        let files = left.iter().filter_map(|node| self.files.get(node));
        let left_bytes = files.map(|file| blocks::len(&file.runs)).sum();
        Expired { removed, left: left.len() as u64, left_bytes }
    }

    /// Syncs the bytes of a file by the descriptor that wrote it, whatever became of its name.
    pub(super) fn sync_file(&mut self, blob: BlobId) -> Result<(), DiskError> {
        let node = *self.born.get(&blob).ok_or(DiskError::Missing)?;
        let Some(file) = named(&mut self.files, node) else { return Ok(()) };
        assert!(file.finished, "only complete files are synced");
        file.sync();
        Ok(())
    }

    /// Plays a sync of a file that fails.
    pub(super) fn fail_sync(&mut self, blob: BlobId) {
        let file = self.born.get(&blob).and_then(|node| self.files.get_mut(node));
        if let Some(file) = file {
            file.fail_sync(&mut self.dice);
        }
    }

    /// What a reader sees of a file.
    pub(super) fn image(&self, blob: BlobId) -> Result<Image, DiskError> {
        let node = self.names.get(self.name(blob)?).ok_or(DiskError::Missing)?;
        self.files.get(&node).map(|file| file.image().clone()).ok_or(DiskError::Missing)
    }

    /// What is sure to be left of a file by a power cut now.
    pub(super) fn sure(&self, blob: BlobId) -> Option<&Image> {
        let folder = self.names.sure((Place::Blobs, blob.folder().get()))?;
        let node = self.names.sure((Place::Folder(folder), u64::from(blob.slot())))?;
        self.files.get(&node)?.sure()
    }

    pub(super) fn file_mut(&mut self, blob: BlobId) -> Result<&mut File, DiskError> {
        let node = self.names.get(self.name(blob)?).ok_or(DiskError::Missing)?;
        self.files.get_mut(&node).ok_or(DiskError::Missing)
    }

    pub(super) fn list_folder(&self, folder: FolderId) -> Result<Vec<BlobId>, DiskError> {
        let slots = self.names.list(self.folder(folder)?).map(|(slot, _)| slot);
        let slot = |slot| u16::try_from(slot).expect("made from a slot");
        Ok(slots.map(|at| BlobId::in_folder(folder, slot(at))).collect())
    }

    pub(super) fn folders(&self) -> Vec<FolderId> {
        self.names.list(Place::Blobs).map(|(folder, _)| FolderId::new(folder)).collect()
    }

    pub(super) fn blobs(&self) -> Vec<BlobId> {
        self.folders().into_iter().filter_map(|f| self.list_folder(f).ok()).flatten().collect()
    }

    pub(super) fn lost(&self) -> Vec<BlobId> {
        self.names.list(Place::Lost).map(|(blob, _)| BlobId::new(blob)).collect()
    }

    fn folder(&self, folder: FolderId) -> Result<Place, DiskError> {
        let node = self.names.get((Place::Blobs, folder.get()));
        node.map(Place::Folder).ok_or(DiskError::Missing)
    }

    /// The name of a blob in its folder, whether there is such a file or not.
    fn name(&self, blob: BlobId) -> Result<Name, DiskError> {
        Ok((self.folder(blob.folder())?, u64::from(blob.slot())))
    }

    fn add(&mut self, blob: BlobId, file: File) -> Result<Node, DiskError> {
        let name = self.name(blob)?;
        if self.names.get(name).is_some() {
            return Err(DiskError::Exists);
        }
        let node = self.node();
        self.names.change(vec![(name, Some(node))]);
        self.files.insert(node, file);
        self.born.insert(blob, node);
        Ok(node)
    }

    fn remove(&mut self, name: Name) {
        let Some(node) = self.names.get(name) else { return };
        self.names.change(vec![(name, None)]);
        if let Some(file) = self.files.get_mut(&node) {
            file.nameless = true;
            file.runs.iter().for_each(|run| self.blocks.give(run));
        }
    }

    /// Lets go of files that have no name and cannot get one back, now and then.
    fn forget_nameless(&mut self) {
        if self.files.len() > self.files_max {
            let named = self.names.nodes();
            self.files.retain(|node, _| named.contains(node));
            self.files_max = 2 * self.files.len() + FILES_KEPT;
        }
    }

    fn node(&mut self) -> Node {
        self.next_node += 1;
        self.next_node
    }
}

/// A file to be written to, unless its name was removed meanwhile: then the bytes go nowhere.
fn named(files: &mut BTreeMap<Node, File>, node: Node) -> Option<&mut File> {
    files.get_mut(&node).filter(|file| !file.nameless)
}

/// Files without a name that are kept before it is worth looking for them.
const FILES_KEPT: usize = 64;

/// Makes runs at least `upto` bytes long; says what came in addition.
fn grow(node: Node, runs: &mut Vec<Run>, upto: u64) -> Option<Run> {
    let (have, want) = (blocks::len(runs) / BLOCK_LEN, upto.div_ceil(BLOCK_LEN));
    let more = (want > have).then(|| Run { of: node, first: have, count: want - have })?;
    match runs.last_mut() {
        Some(last) if last.of == node && last.first + last.count == have => {
            last.count += more.count;
        }
        _ => runs.push(more.clone()),
    }
    Some(more)
}

/// Makes runs exactly `len` bytes long.
fn fit(node: Node, runs: &mut Vec<Run>, len: u64) {
    *runs = blocks::part(runs, 0, len.next_multiple_of(BLOCK_LEN));
    grow(node, runs, len);
}

/// Whether the disk works, and since when.
#[derive(Debug, Default)]
pub(super) struct Power {
    /// Counts the starts.
    life: u64,
    steps: u64,
    /// Steps until the power is cut, if it is to be.
    left: Option<u64>,
    off: bool,
}

impl Power {
    /// Whether a step of this life can still happen; if so, it does.
    pub(super) fn lasts(&mut self, life: u64) -> bool {
        if self.off || life != self.life {
            return false;
        }
        match &mut self.left {
            Some(0) => self.off = true,
            Some(left) => *left -= 1,
            None => {}
        }
        self.steps += u64::from(!self.off);
        !self.off
    }

    pub(super) const fn cut_after(&mut self, steps: u64) {
        self.left = Some(steps);
    }

    pub(super) fn turn_on(&mut self) {
        *self = Self { life: self.life + 1, steps: self.steps, ..Self::default() };
    }

    pub(super) const fn life(&self) -> u64 {
        self.life
    }

    pub(super) const fn steps(&self) -> u64 {
        self.steps
    }

    pub(super) const fn is_off(&self) -> bool {
        self.off
    }
}
