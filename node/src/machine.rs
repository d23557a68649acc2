//! Room: one shard's world, handed to every operation, and the durable path that every write takes.
//!
//! Holds: the seams, the doors to the stages, and what operations of this shard share. Lives in an `Rc`, never
//! crosses threads. [`Machine::assemble`] is the one place that puts it together, for the node, for tests and for
//! the simulation alike.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use meta::command::{Command, Reply};
use meta::id::TableId;
use meta::query;
use meta::table::TablePage;

use crate::admission::Admission;
use crate::blob::{ReadPath, TableCache, TableLoadError, TableSource};
use crate::budget::Budget;
use crate::catalog::{Catalog, CatalogError};
use crate::config::Config;
use crate::configs::Configs;
use crate::copy::plan::Rules;
use crate::digest::{Kernel, Md5Lanes};
use crate::disk::{BufferPool, Disk};
use crate::epoch::{EpochBoard, Epochs};
use crate::flush::{Flush, FlushError};
use crate::keys::RootKey;
use crate::lease::{LeaseParts, Leases};
use crate::limits;
use crate::metrics::{Metrics, Pool};
use crate::new_files::NewFiles;
use crate::seam::{Clock, Local, Random, Spawn};

/// Everything an operation may use.
pub struct Machine {
    /// The effective configuration.
    pub settings: Arc<Config>,
    /// Whose signatures are known.
    pub keys: RootKey,
    /// Blob files.
    pub disk: Rc<dyn Disk>,
    /// Questions and commands to meta.
    pub catalog: Catalog,
    /// Configurations of buckets.
    pub configs: Configs,
    /// Whether there is room for a write.
    pub admission: Arc<Admission>,
    /// The flush stage.
    pub flush: Rc<dyn Flush>,
    /// Fresh blob ids.
    pub leases: Rc<Leases>,
    /// Time.
    pub clock: Rc<dyn Clock>,
    /// Unpredictable bytes.
    pub random: Rc<dyn Random>,
    /// Tasks of this shard that somebody waits for.
    pub spawn: Rc<dyn Spawn>,
    /// Tasks of this shard that move or hash many bytes.
    pub bulk: Rc<dyn Spawn>,
    /// MD5 of the streams of this shard.
    pub md5: Rc<Md5Lanes>,
    /// Buffers of uploads.
    pub put_pool: Rc<BufferPool>,
    /// Buffers of byte copies.
    pub copy_pool: Rc<BufferPool>,
    /// Memory for request bodies that are documents.
    pub documents: Budget,
    /// Reads for clients.
    pub get_path: Rc<ReadPath>,
    /// Reads for copies: edges, digests, the bytes of a byte copy.
    pub copy_path: Rc<ReadPath>,
    /// Which way a copy goes.
    pub copy_rules: Rules,
    /// Live epochs of this shard.
    pub epochs: Epochs,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// What a shard's [`Machine`] is made from: its settings, the seams, and the doors to what all shards share.
pub struct MachineParts {
    /// The effective configuration; the memory for buffers and the copy ways are taken from it.
    pub settings: Arc<Config>,
    /// Blob files.
    pub disk: Rc<dyn Disk>,
    /// Questions and commands to meta.
    pub catalog: Catalog,
    /// Whether there is room for a write; one for all shards.
    pub admission: Arc<Admission>,
    /// The flush stage.
    pub flush: Rc<dyn Flush>,
    /// Time.
    pub clock: Rc<dyn Clock>,
    /// Unpredictable bytes.
    pub random: Rc<dyn Random>,
    /// Tasks of this shard that somebody waits for.
    pub spawn: Rc<dyn Spawn>,
    /// Tasks of this shard that move or hash many bytes.
    pub bulk: Rc<dyn Spawn>,
    /// Counters; one for all shards.
    pub metrics: Arc<Metrics>,
    /// The epochs of all shards.
    pub board: Arc<EpochBoard>,
    /// How MD5s are made.
    pub kernel: Kernel,
    /// The number of this shard, from 0.
    pub shard: usize,
    /// The number of shards.
    pub shards: usize,
    /// How many blob ids of each folder are given out; [`meta::id::FOLDER_SLOTS`] in production.
    pub folder_slots: u16,
}

impl Machine {
    /// One shard's machine. No folder is leased and no memory taken before it is needed.
    ///
    /// # Panics
    /// If the board has no such shard, or a folder no such number of ids.
    #[must_use]
    pub fn assemble(parts: MachineParts) -> Rc<Self> {
        let MachineParts { settings, disk, catalog, clock, spawn, bulk, .. } = parts;
        let share = usize::try_from(settings.memory_buffers).unwrap_or(usize::MAX) / parts.shards;
        let share = share.max(limits::SHARD_BUFFERS_MIN);
        let shard = u32::try_from(parts.shard).expect("fewer shards than a u32 can count");
        let source = Rc::new(StoredTables { catalog: catalog.clone() });
        let figures = parts.metrics.shard(parts.shard);
        let tables = TableCache::new(source, limits::TABLE_PAGES_CACHED);
        let tables = Rc::new(tables.counted(&figures.table_cache));
        let budget = |len: usize, pool: Pool| Budget::new(len).counted(figures.pool(pool));
        let path = |budget: Budget| {
            Rc::new(ReadPath {
                disk: disk.clone(),
                tables: tables.clone(),
                clock: clock.clone(),
                budget,
            })
        };
        let leases = Leases::new(LeaseParts {
            catalog: catalog.clone(),
            disk: disk.clone(),
            clock: clock.clone(),
            spawn: spawn.clone(),
            shard,
            slots: parts.folder_slots,
            metrics: parts.metrics.clone(),
        });
        let md5_figures = figures.md5.clone();
        Rc::new(Self {
            md5: Md5Lanes::new(parts.kernel, bulk.clone(), clock.clone(), md5_figures),
            bulk,
            leases: Rc::new(leases),
            configs: Configs::new(catalog.clone()),
            admission: parts.admission,
            put_pool: BufferPool::new(budget(share / 8 * 3, Pool::Put)),
            documents: budget(share / 8, Pool::Document),
            copy_pool: BufferPool::new(budget(share / 8, Pool::CopyWrite).firm()),
            get_path: path(budget(share / 4, Pool::Get)),
            copy_path: path(budget(share / 8, Pool::CopyRead).firm()),
            copy_rules: Rules { config: settings.copy.clone(), disk: disk.ways() },
            epochs: Epochs::new(parts.board, parts.shard),
            flush: parts.flush,
            keys: RootKey::new(settings.root.clone()),
            settings,
            clock,
            random: parts.random,
            metrics: parts.metrics,
            spawn,
            disk,
            catalog,
        })
    }

    /// Runs `task` to its end even if the client goes away meanwhile; waits for what it returns.
    /// Used from the first durable step on: a started commit is never abandoned half way.
    pub async fn detached<T: 'static>(&self, task: impl Future<Output = T> + 'static) -> T {
        let (done, result) = flume::bounded(1);
        self.spawn.spawn(Box::pin(async move {
            // The client may be gone; the task has done its work and cleaned up after itself.
            drop(done.send(task.await));
        }));
        result.recv_async().await.expect("a detached task always answers")
    }

    /// The durable steps of everything that stores bytes: the files and their folders are synced, then the
    /// command that names them is committed. Runs to its end even if the client goes away.
    ///
    /// A crash after the first step leaves files that no record names: the sweep of the open leases finds them.
    ///
    /// # Errors
    /// Nothing is named then, and the files are unlinked at once; except after a failed store write, where only
    /// the replayed state decides and everything is left as it is.
    pub async fn publish(
        &self,
        mut files: NewFiles,
        command: Command,
    ) -> Result<Reply, PublishError> {
        let (flush, catalog) = (self.flush.clone(), self.catalog.clone());
        self.detached(async move {
            if let Err(error) = flush.flush(std::mem::take(&mut files.unsynced)).await {
                files.abandon();
                return Err(PublishError::Flush(error));
            }
            files.entrust();
            match catalog.commit(command).await {
                Ok(reply) => {
                    files.named();
                    Ok(reply)
                }
                Err(error @ CatalogError::Failed(_)) => {
                    files.leave();
                    Err(PublishError::Catalog(error))
                }
                Err(error) => {
                    files.abandon();
                    Err(PublishError::Catalog(error))
                }
            }
        })
        .await
    }
}

/// Block table pages from the store.
struct StoredTables {
    catalog: Catalog,
}

impl TableSource for StoredTables {
    fn load(&self, table: TableId, page: u32) -> Local<'_, Result<TablePage, TableLoadError>> {
        Box::pin(async move {
            let found = self.catalog.look(move |store| query::table_page(store, table, page)).await;
            found.map_err(|error| match error {
                CatalogError::Corrupt(text) => TableLoadError::Corrupt(text),
                CatalogError::Failed(text) => TableLoadError::Failed(text),
                CatalogError::Busy => TableLoadError::Busy,
                CatalogError::Refused(refusal) => TableLoadError::Failed(format!("{refusal:?}")),
            })
        })
    }
}

/// Why new bytes could not be made durable and named.
#[derive(Debug)]
pub enum PublishError {
    /// The files could not be made durable.
    Flush(FlushError),
    /// The record could not be committed.
    Catalog(CatalogError),
}
