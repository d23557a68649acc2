//! Room: making new blob files durable on the host's file system.
//!
//! A flush brings many files at once; they are synced side by side on a few threads of this room, so that they
//! share the file system's log force, and each folder once.
//! Must not: be called on a shard's thread.
//! Invariants: fsync, never fdatasync: the latter does not keep names on ext4. A file whose sync failed is
//! never asked again.
//! Source: fsync(2), and its notes on errors that are reported once.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use meta::id::FolderId;

use super::glommio::folder_path;
use super::{DiskError, Syncer, Unsynced};

/// How many syncs run side by side. They mostly wait for one and the same log force.
const SYNC_THREADS: usize = 4;

/// The [`Syncer`] of a data directory.
#[derive(Debug)]
pub struct FileSyncer {
    data: PathBuf,
    /// Always there but while it is dropped.
    jobs: Option<flume::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

/// One sync to be done by whichever thread is free.
struct Job {
    place: usize,
    target: Target,
    answers: flume::Sender<(usize, Result<(), DiskError>)>,
}

enum Target {
    File(Arc<OwnedFd>),
    Folder(PathBuf),
}

impl FileSyncer {
    /// A syncer for the data directory `data`, with its threads started.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn start(data: &Path) -> Result<Self, DiskError> {
        let (jobs, waiting) = flume::unbounded::<Job>();
        let mut threads = Vec::with_capacity(SYNC_THREADS);
        for number in 0..SYNC_THREADS {
            let waiting = waiting.clone();
            let thread = thread::Builder::new()
                .name(format!("sync-{number}"))
                .spawn(move || waiting.iter().for_each(Job::run))
                .map_err(|error| DiskError::from_io("start a sync thread", &error))?;
            threads.push(thread);
        }
        Ok(Self { data: data.to_owned(), jobs: Some(jobs), threads })
    }

    /// Runs the targets side by side, the first one on the calling thread.
    fn run(&self, targets: Vec<Target>) -> Vec<Result<(), DiskError>> {
        let mut outcomes: Vec<_> = targets.iter().map(|_| Err(no_answer())).collect();
        let (answers, answered) = flume::unbounded();
        let jobs = self.jobs.as_ref().expect("the queue goes only when the syncer is dropped");
        let mut own = None;
        for (place, target) in targets.into_iter().enumerate() {
            let job = Job { place, target, answers: answers.clone() };
            if own.is_none() {
                own = Some(job);
            } else if let Err(refused) = jobs.send(job) {
                refused.into_inner().run();
            }
        }
        drop(answers);
        if let Some(job) = own {
            job.run();
        }
        for (place, outcome) in answered.iter() {
            outcomes[place] = outcome;
        }
        outcomes
    }
}

impl Job {
    fn run(self) {
        let outcome = match self.target {
            Target::File(descriptor) => rustix::fs::fsync(descriptor)
                .map_err(|error| DiskError::from_io("sync a blob", &error.into())),
            Target::Folder(path) => File::open(path)
                .and_then(|folder| folder.sync_all())
                .map_err(|error| DiskError::from_io("sync a folder", &error)),
        };
        // Whoever asked waits for all answers; a lost receiver means that its thread is gone.
        drop(self.answers.send((self.place, outcome)));
    }
}

impl Syncer for FileSyncer {
    fn sync(&self, files: &[&Unsynced]) -> Vec<Result<(), DiskError>> {
        let mut targets = Vec::with_capacity(files.len() + 1);
        let mut place_of_file = Vec::with_capacity(files.len());
        let mut place_of_folder = BTreeMap::<FolderId, usize>::new();
        for file in files {
            let place = file.descriptor().filter(|_| !file.is_poisoned()).map(|descriptor| {
                targets.push(Target::File(Arc::clone(descriptor)));
                targets.len() - 1
            });
            place_of_file.push(place);
        }
        for (file, place) in files.iter().zip(&place_of_file) {
            let folder = file.blob().folder();
            if place.is_some() && !place_of_folder.contains_key(&folder) {
                place_of_folder.insert(folder, targets.len());
                targets.push(Target::Folder(folder_path(&self.data, folder)));
            }
        }
        let outcomes = self.run(targets);
        let outcome_of = |(file, place): (&&Unsynced, Option<usize>)| {
            let Some(place) = place else { return Err(lost_before()) };
            let outcome = outcomes[place]
                .clone()
                .and_then(|()| outcomes[place_of_folder[&file.blob().folder()]].clone());
            if outcome.is_err() {
                file.poison();
            }
            outcome
        };
        files.iter().zip(place_of_file).map(outcome_of).collect()
    }
}

impl Drop for FileSyncer {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so; there is nothing left to do for it.
            drop(thread.join());
        }
    }
}

fn no_answer() -> DiskError {
    let text = "the sync thread is gone".to_owned();
    DiskError::Io { action: "sync a blob", errno: None, text }
}

fn lost_before() -> DiskError {
    let text = "an earlier sync of this file failed".to_owned();
    DiskError::Io { action: "sync a blob", errno: None, text }
}
