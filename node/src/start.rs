//! Room: putting the node together: data directory, store, stages, and what each shard gets of them.
//!
//! Order: lock and check the directory, open the store (its log is replayed), start the stages, sweep what a crash
//! left, and only then let requests in.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use meta::id::FOLDER_SLOTS;
use meta::query;
use meta::rocks::RocksStore;
use meta::store::Store;

use crate::admission::Admission;
use crate::ballast::{self, RoomKeeper};
use crate::bell::{self, Ear};
use crate::catalog::{Catalog, ThreadMailbox};
use crate::collect::{Collector, Damaged};
use crate::config::{Config, Way};
use crate::copy::plan::Rules;
use crate::digest::Kernel;
use crate::disk::Disk;
use crate::disk::copier::Copiers;
use crate::disk::glommio::GlommioDisk;
use crate::disk::raw::{self, DataDirectory, DataDirectoryError, Facts};
use crate::disk::sync::FileSyncer;
use crate::epoch::EpochBoard;
use crate::exchange::{Request, Response};
use crate::flush::FlushQueue;
use crate::format;
use crate::housekeeping::Housekeeping;
use crate::lifecycle::LifecycleWorker;
use crate::limits;
use crate::log;
use crate::machine::{Machine, MachineParts};
use crate::metrics::{Metrics, watch_store};
use crate::operation;
use crate::recover;
use crate::rewrite::Rewriter;
use crate::seam::{Local, Spawn};
use crate::serve::Engine;
use crate::shard::{Factory, Handler, Seat};

/// Opens everything and starts the stages.
///
/// # Errors
/// A message for the operator, who must change something before the node can start.
pub fn open(config: &Arc<Config>, metrics: &Arc<Metrics>, shards: usize) -> Result<Engine, String> {
    let data = open_data(config)?;
    ballast::make_room(&config.meta_dir, config.disk_reserve);
    let known = format::read(data.path())?;
    let store = open_store(&config.meta_dir, config.memory_rocksdb, known)?;
    if !known {
        format::write(data.path())?;
    }
    let last = query::last_sequence(&*store).map_err(|error| format!("meta: {error}"))?;
    watch_store(metrics, Arc::downgrade(&store));

    let board = EpochBoard::new(shards, last);
    let (ring, ear) = bell::bell();
    let (mailbox, commit, read) = ThreadMailbox::new(store, board.clone(), metrics.clone(), ring);
    let syncer = FileSyncer::start(data.path()).map_err(|error| error.to_string())?;
    let (flush, flush_stage) = FlushQueue::new(Arc::new(syncer), metrics.clone());
    let copiers = Copiers::start().map_err(|error| error.to_string())?;
    metrics.watch_queues(mailbox.queues().chain([flush.length(), copiers.length()]));
    let (fail, failed) = flume::bounded(1);
    let told = (&fail, metrics);
    let mut threads = vec![
        stage("tenon-commit", told, move || {
            commit.run().map_err(|error| format!("the metadata store has failed: {error}"))
        })?,
        stage("tenon-flush", told, move || {
            flush_stage.run();
            Ok(())
        })?,
    ];
    for _ in 0..limits::READER_THREADS {
        let read = read.clone();
        threads.push(stage("tenon-read", told, move || {
            read.run();
            Ok(())
        })?);
    }

    let facts = vec![
        ("file_system", data.facts().file_system.clone()),
        ("copy_way", copy_ways(config, data.facts())),
    ];
    let admission = Admission::new(config.disk_reserve, metrics.clone());
    let keeper = keep_room(config, &data, &admission, metrics)?;
    let (stop_keeping, stopped) = flume::bounded(0);
    threads.push(stage("tenon-room", told, move || {
        keeper.run(&stopped);
        Ok(())
    })?);
    let (closing_mailbox, closing_flush) = (mailbox.clone(), flush.clone());
    let parts = Parts {
        admission,
        config: config.clone(),
        data: Arc::new(data),
        copiers,
        mailbox,
        flush,
        board,
        collector_ear: for_one_shard(ear),
        shards,
    };
    let factory: Factory = Arc::new(move |seat| {
        let parts = parts.clone();
        Box::pin(parts.seat(seat))
    });
    let close = Box::new(move || {
        closing_flush.close();
        closing_mailbox.close(limits::READER_THREADS);
        drop(stop_keeping);
        for thread in threads {
            // A panic has been printed.
            drop(thread.join());
        }
    });
    Ok(Engine { factory, facts, failed, close })
}

/// Locks and checks the data directory. A full one gets room first: nothing could be tried there otherwise.
fn open_data(config: &Config) -> Result<DataDirectory, String> {
    refuse_without_blobs(&config.data)?;
    let make_room = |path: &Path| ballast::make_room(path, config.disk_reserve);
    let data = DataDirectory::open_after(&config.data, make_room);
    let data = data.map_err(|error| match error {
        DataDirectoryError::InUse => format!("{}: {error}", config.data.display()),
        other => other.to_string(),
    })?;
    if !data.facts().direct {
        return Err(format!(
            "the file system of {} ({}) refuses O_DIRECT; use XFS, ext4 or btrfs",
            config.data.display(),
            data.facts().file_system
        ));
    }
    Ok(data)
}

/// The folder of the blobs is made before the format is written. If it is gone, an empty one in its place would deny
/// every object's bytes, and a repair would take it for the truth.
fn refuse_without_blobs(data: &Path) -> Result<(), String> {
    let blobs = raw::blobs(data);
    let there = blobs.try_exists().map_err(|error| format!("{}: {error}", blobs.display()))?;
    if !there && data.exists() && format::read(data)? {
        return Err(format!(
            "{} is missing, but the data directory is not new: mount or restore what was there",
            blobs.display()
        ));
    }
    Ok(())
}

/// Measures the room now; what it gives goes on measuring and keeps the ballast.
fn keep_room(
    config: &Config,
    data: &DataDirectory,
    admission: &Arc<Admission>,
    metrics: &Arc<Metrics>,
) -> Result<RoomKeeper, String> {
    let places = (data.path(), &*config.meta_dir);
    let keeper = RoomKeeper::new(places, config.disk_reserve, admission.clone(), metrics.clone());
    let measured = keeper.and_then(|mut keeper| keeper.measure().map(|()| keeper));
    measured.map_err(|error| format!("the free space cannot be measured: {error}"))
}

/// Opens the store in `path`, or makes one, unless the data directory is `known`: then its store is somewhere, and an
/// empty one in its place would deny every object.
fn open_store(path: &Path, memory: u64, known: bool) -> Result<Arc<dyn Store>, String> {
    let memory =
        usize::try_from(memory).map_err(|_too_large| "memory.rocksdb is too large".to_owned())?;
    let there = RocksStore::is_in(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if known && !there {
        return Err(format!(
            "{} holds no metadata, but the data directory is not new: mount or restore what was there",
            path.display()
        ));
    }
    let store = RocksStore::open(path, memory)
        .map_err(|error| format!("the metadata in {} cannot be opened: {error}", path.display()))?;
    if let Some(torn) = store.torn_tail() {
        // It was never acknowledged: a power cut came before its sync had ended.
        let fields: [log::Field<'_>; 3] =
            [("file", &torn.file), ("at", &torn.at), ("bytes", &torn.len)];
        log::warn("metadata_log_torn", &fields);
    }
    Ok(Arc::new(store))
}

/// Starts a stage on a thread of its own. If it fails or panics, `fail` says so, and the process ends: a node that
/// lacks a stage would take requests and never finish them.
fn stage(
    name: &'static str,
    (fail, metrics): (&flume::Sender<String>, &Arc<Metrics>),
    run: impl FnOnce() -> Result<(), String> + Send + 'static,
) -> Result<JoinHandle<()>, String> {
    let (fail, metrics) = (fail.clone(), metrics.clone());
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        metrics.thread_runs(name.trim_start_matches("tenon-").to_owned());
        let ended = catch_unwind(AssertUnwindSafe(run))
            .unwrap_or_else(|_panic| Err(format!("the stage {name} panicked")));
        if let Err(problem) = ended {
            // Whoever listens ends the process; if nobody does, it is ending already.
            drop(fail.try_send(problem));
        }
    });
    thread.map_err(|error| format!("no thread for {name}: {error}"))
}

/// The collector's ear can be taken once, by the first shard that asks for it.
fn for_one_shard(ear: Ear) -> flume::Receiver<Ear> {
    let (put, take) = flume::bounded(1);
    // The channel has room for it.
    drop(put.send(ear));
    take
}

/// What every shard's machine is made from.
#[derive(Clone)]
struct Parts {
    config: Arc<Config>,
    admission: Arc<Admission>,
    data: Arc<DataDirectory>,
    copiers: Arc<Copiers>,
    mailbox: ThreadMailbox,
    flush: FlushQueue,
    board: Arc<EpochBoard>,
    collector_ear: flume::Receiver<Ear>,
    shards: usize,
}

impl Parts {
    /// Makes one shard's machine. The first shard that gets here sweeps first and looks after the space from then on.
    async fn seat(self, seat: Seat) -> Result<Rc<dyn Handler>, String> {
        let disk: Rc<dyn Disk> = Rc::new(GlommioDisk::new(&self.data, self.copiers.clone()));
        let catalog = Catalog::new(Rc::new(self.mailbox.clone()));
        let (board, bulk) = (self.board.clone(), seat.bulk.clone());
        let Ok(ear) = self.collector_ear.try_recv() else {
            return Ok(Rc::new(Server { machine: self.machine(seat, disk, catalog) }));
        };
        let swept = recover::sweep(&catalog, &*disk)
            .await
            .map_err(|error| format!("the sweep of what a crash left failed: {error:?}"))?;
        log::info("swept", &[("folders", &swept.folders), ("lost", &swept.lost)]);
        let machine = self.machine(seat, disk, catalog);
        look_after(&machine, board, &*bulk, ear);
        Ok(Rc::new(Server { machine }))
    }

    fn machine(self, seat: Seat, disk: Rc<dyn Disk>, catalog: Catalog) -> Rc<Machine> {
        Machine::assemble(MachineParts {
            settings: self.config,
            disk,
            catalog,
            admission: self.admission,
            flush: Rc::new(self.flush),
            clock: seat.clock,
            random: seat.random,
            spawn: seat.latency,
            bulk: seat.bulk,
            metrics: seat.metrics,
            board: self.board,
            kernel: Kernel::best(),
            shard: seat.index,
            shards: self.shards,
            folder_slots: FOLDER_SLOTS,
        })
    }
}

/// Starts the tasks that let space come back, once the sweep is done. One shard has them.
pub fn look_after(machine: &Rc<Machine>, board: Arc<EpochBoard>, bulk: &dyn Spawn, committed: Ear) {
    let Machine { catalog, disk, clock, metrics, .. } = &**machine;
    let collector = Collector {
        catalog: catalog.clone(),
        disk: disk.clone(),
        clock: clock.clone(),
        board,
        metrics: metrics.clone(),
        damaged: Damaged::default(),
    };
    bulk.spawn(Box::pin(async move { collector.run(&committed).await }));
    let housekeeping = Housekeeping {
        catalog: catalog.clone(),
        disk: disk.clone(),
        clock: clock.clone(),
        metrics: metrics.clone(),
    };
    bulk.spawn(Box::pin(async move { housekeeping.run().await }));
    let rewriter = Rewriter::new(machine.clone());
    bulk.spawn(Box::pin(async move { rewriter.run().await }));
    let lifecycle = LifecycleWorker::new(machine.clone());
    bulk.spawn(Box::pin(async move { lifecycle.run().await }));
}

/// The ways that a copy can take here, preferred ones first, for the line that says what this node offers.
fn copy_ways(config: &Config, facts: &Facts) -> String {
    let rules = Rules { config: config.copy.clone(), disk: facts.ways };
    rules.usable().map(Way::as_str).collect::<Vec<_>>().join(",")
}

/// Serves the requests of one shard.
struct Server {
    machine: Rc<Machine>,
}

impl Handler for Server {
    fn serve(&self, request: Request) -> Local<'static, Response> {
        let machine = self.machine.clone();
        Box::pin(async move { operation::serve(&machine, request).await })
    }

    fn close(&self) -> Local<'static, ()> {
        Box::pin(async {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As when the disk of `--meta-dir` is not mounted.
    #[test]
    fn no_empty_store_takes_the_place_of_one_that_is_missing() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("meta");
        let refused = open_store(&path, 16 << 20, true).err().expect("refused");
        assert!(refused.contains("holds no metadata"), "{refused}");
        assert!(!path.exists(), "nothing was made");
        drop(open_store(&path, 16 << 20, false).expect("made"));
        drop(open_store(&path, 16 << 20, true).expect("opened"));
    }
}
