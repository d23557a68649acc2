//! Room: what one seed stands for: how the node is set up, what is likely to happen, and which faults there are.
//!
//! Every seed draws its own likelihoods, so that some starve the flush stage, some the collector, some crash all the
//! time and some never (Groce et al., "Swarm testing", 2012).
//! Invariant: a plan is all that a run depends on.

use node::config::{Config, Reserve, Way};
use node::digest::Kernel;
use node::disk::buffer::BUFFER_LEN;
use node::disk::{self, DiskWays};
use protocol::sign::Credential;
use tenon_tests::random::{Random, mix};

use crate::oracle::LOCKED;

/// Something that is made wrong on purpose, for the simulation to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Planted {
    /// The disk breaks a promise.
    Disk(disk::memory::Lie),
    /// The store breaks a promise.
    Store(meta::memory::Lie),
    /// The flush stage says that files are durable and does nothing.
    AnswerBeforeSync,
    /// Files are named first and made durable afterwards.
    NameBeforeData,
    /// The sweep takes files that records name.
    SweepTooEager,
    /// The collector takes no notice of operations that live.
    CollectorIgnoresEpochs,
    /// A copy has no epoch any more once it has looked up its source.
    CopyDropsEpoch,
    /// An older version that expires goes also if it has become the latest again.
    ExpiresTheLatest,
    /// Streams that are hashed side by side get each other's MD5.
    LanesMixedUp,
}

/// How likely each kind of step is, against the others.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    pub(crate) task: u64,
    pub(crate) commit: u64,
    pub(crate) flush: u64,
    pub(crate) read: u64,
    pub(crate) time: u64,
    pub(crate) request: u64,
    /// The calls of the disk that nobody waits for any more.
    pub(crate) unseen: u64,
}

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Steps before the run is brought to its end.
    pub(crate) steps: u64,
    pub(crate) shards: usize,
    /// Requests under way at a time.
    pub(crate) clients: usize,
    /// Requests in all.
    pub(crate) requests: usize,
    /// Ids that are given out of each folder.
    pub(crate) folder_slots: u16,
    pub(crate) weights: Weights,
    /// In ten thousand steps: the node ends without a word.
    pub(crate) crashes: u64,
    /// In a hundred crashes: the power goes too.
    pub(crate) power_cuts: u64,
    /// In ten thousand steps: a client goes away.
    pub(crate) departures: u64,
    /// In a hundred copies: the client goes away after a number of polls.
    pub(crate) leavers: u64,
    /// In a hundred copies: somebody takes the source, the target or the upload away meanwhile.
    pub(crate) rivals: u64,
    /// In a hundred uploads and whole copies: a checksum algorithm is asked for.
    pub(crate) checksums: u64,
    /// In ten thousand steps: a task stands still for a while, as if its thread or its device did.
    pub(crate) stalls: u64,
    /// In a hundred copies: it stands still for a while once it has come so far, and its source goes meanwhile.
    pub(crate) holds: u64,
    /// Streams whose MD5 is made side by side.
    pub(crate) lanes: usize,
    /// In ten thousand steps: a bit of a file turns over at rest.
    pub(crate) flips: u64,
    /// In a hundred bodies: it is long enough that a share of it may become sparse.
    pub(crate) long_bodies: u64,
    /// In a hundred bodies: the connection breaks.
    pub(crate) broken_bodies: u64,
    /// In a thousand commits.
    pub(crate) store_faults: u64,
    /// One step of the disk in so many fails; 0: none.
    pub(crate) disk_faults: u64,
    /// Bytes.
    pub(crate) disk_total: u64,
    pub(crate) disk_ways: DiskWays,
    pub(crate) ways: Vec<Way>,
    pub(crate) share_max_blob: u64,
    pub(crate) share_min_fraction: f64,
    pub(crate) etag_md5_up_to: u64,
    /// Bytes of buffers that uploads have on each shard; `None`: what the node gives them.
    pub(crate) upload_buffers: Option<usize>,
    /// One object is large enough to make several parts of.
    pub(crate) large: bool,
    /// Whether the run ends with a restart.
    pub(crate) restart_at_end: bool,
    /// In a hundred requests: it is about versions. 0: no bucket ever keeps them.
    pub(crate) versions: u64,
    /// Where buckets keep versions: the first one does so from the start, and its versions can be locked.
    pub(crate) locks: bool,
    pub(crate) planted: Option<Planted>,
}

impl Plan {
    /// The plan of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Random::from_seed(mix(seed ^ 0x7465_6e6f_6e00_0000));
        let random = &mut random;
        let faulty = random.chance(35);
        let small = random.chance(15);
        // A body of megabytes takes many steps: where there are such, a run is long and not cut short all the time.
        let large = !small && random.chance(28);
        let rarely = if large { 10 } else { 1 };
        let md5_limits = [0, 4 << 10, 64 << 10, 5 << 20];
        let share_max = [0, 256 << 10, 64 << 20, 64 << 20];
        Self {
            seed,
            steps: if large { random.within(3500..6000) } else { random.within(200..2500) },
            shards: 1 + usize::from(random.chance(40)),
            clients: at_most(random, 1, 7),
            requests: at_most(random, 10, 120),
            folder_slots: *random.pick(&[1, 2, 3, 5, 12, 64]),
            weights: Weights {
                task: *random.pick(if large { &[60, 120] } else { &[10, 30, 60] }),
                commit: *random.pick(&[1, 5, 20, 60]),
                flush: *random.pick(&[1, 5, 20, 60]),
                read: *random.pick(&[3, 20, 60]),
                time: *random.pick(&[0, 1, 5, 10]),
                request: *random.pick(&[5, 20, 60]),
                unseen: *random.pick(&[0, 1, 5]),
            },
            crashes: *random.pick(&[0, 0, 10, 30, 80]) / rarely,
            power_cuts: *random.pick(&[0, 50, 100, 100]),
            departures: *random.pick(&[0, 0, 50, 300]) / rarely,
            leavers: *random.pick(&[0, 0, 15, 40]),
            rivals: *random.pick(&[0, 20, 60, 90]),
            checksums: *random.pick(&[0, 30, 80]),
            stalls: *random.pick(&[0, 30, 100, 300]),
            flips: if random.chance(10) { *random.pick(&[10, 50]) } else { 0 },
            long_bodies: *random.pick(&[5, 20, 70]),
            broken_bodies: *random.pick(&[0, 0, 5, 20]),
            store_faults: if faulty { *random.pick(&[0, 10, 50]) } else { 0 },
            disk_faults: if faulty { *random.pick(&[0, 30, 100, 400, 1_000]) } else { 0 },
            disk_total: if small { random.within(1 << 20..4 << 20) } else { 1 << 30 },
            disk_ways: DiskWays {
                clone: random.chance(75),
                copy_file_range: random.chance(75),
                splice: random.chance(75),
            },
            ways: ways(random),
            share_max_blob: *random.pick(&share_max),
            share_min_fraction: *random.pick(&[0.0, 0.5, 2.0]),
            etag_md5_up_to: *random.pick(&md5_limits),
            upload_buffers: *random.pick(&[None, None, Some(BUFFER_LEN), Some(2 * BUFFER_LEN)]),
            large,
            restart_at_end: random.chance(50),
            holds: *random.pick(&[0, 0, 20, 50]),
            lanes: *random.pick(&[1, 2, 4, 16]),
            versions: *random.pick(&[0, 0, 0, 0, 20, 45]),
            locks: random.chance(50),
            planted: None,
        }
    }

    /// The plan of a seed with something made wrong.
    pub(crate) fn planted(seed: u64, planted: Planted) -> Self {
        let plan = Self { planted: Some(planted), ..Self::of(seed) };
        match planted {
            // Nothing may become sparse: the rewriter has epochs too, and they are not the ones meant. What is shared
            // and read for its MD5 needs its epoch for longest.
            Planted::CopyDropsEpoch => Self {
                holds: 90,
                long_bodies: 0,
                large: false,
                ways: vec![Way::Share, Way::Rw],
                share_max_blob: 64 << 20,
                etag_md5_up_to: 5 << 20,
                rivals: 90,
                clients: plan.clients.max(4),
                requests: 120,
                steps: 2_500,
                crashes: 0,
                ..plan
            },
            _ => plan,
        }
    }

    /// The node's configuration.
    pub(crate) fn config(&self) -> Config {
        let root = Credential { access_key: "test".into(), secret_key: "test-secret".into() };
        let mut config = Config::new("unused".into(), root);
        config.copy.ways.clone_from(&self.ways);
        config.copy.share_max_blob = self.share_max_blob;
        config.copy.share_min_fraction = self.share_min_fraction;
        config.etag_md5_up_to = self.etag_md5_up_to;
        config.memory_buffers = 8 << 20;
        config.disk_reserve = Reserve::Bytes(64 << 10);
        config
    }

    /// How MD5s are made.
    pub(crate) fn kernel(&self) -> Kernel {
        Kernel::simulated(self.lanes, self.planted == Some(Planted::LanesMixedUp))
    }

    /// Whether the collector is shown other epochs than there are.
    pub(crate) fn collector_is_misled(&self) -> bool {
        matches!(self.planted, Some(Planted::CollectorIgnoresEpochs | Planted::CopyDropsEpoch))
    }

    /// Whether this bucket has object lock.
    pub(crate) fn has_locks(&self, bucket: usize) -> bool {
        self.locks && self.versions > 0 && bucket == LOCKED
    }

    /// Whether the disk may run full.
    pub(crate) fn is_small(&self) -> bool {
        self.disk_total < 1 << 30
    }

    /// Whether calls are made to fail.
    pub(crate) fn is_faulty(&self) -> bool {
        self.store_faults > 0 || self.disk_faults > 0 || self.flips > 0
    }
}

fn at_most(random: &mut Random, low: u64, high: u64) -> usize {
    usize::try_from(random.within(low..high + 1)).expect("few")
}

/// Some of the ways, in some order; the last resort ends each of them.
fn ways(random: &mut Random) -> Vec<Way> {
    let mut all: Vec<Way> = Way::ALL.into_iter().filter(|way| *way != Way::Rw).collect();
    let mut ways = Vec::new();
    // What is shared can become sparse: half of the runs share where they can.
    if random.chance(50) {
        all.retain(|way| *way != Way::Share);
        ways.push(Way::Share);
    }
    while !all.is_empty() {
        let place = usize::try_from(random.within(0..all.len() as u64)).expect("few");
        let way = all.remove(place);
        if random.chance(70) {
            ways.push(way);
        }
    }
    ways.push(Way::Rw);
    ways
}
