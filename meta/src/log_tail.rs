//! Room: the end of RocksDB's log after a power cut: torn, or damaged?
//!
//! A power cut leaves any part of what was being written: some pages of the last record, zeros in place of others.
//! RocksDB takes a record that is cut short for torn, and everything else for damage. But each record was synced
//! before the next one was begun, so there is a difference to see: behind a torn record none begins, behind damage
//! there are those that were acknowledged.
//! Must not: change anything.
//! Source: RocksDB wiki, "Write Ahead Log File Format".

use std::fs;
use std::io;
use std::path::Path;

use protocol::crc;

/// A record at the end of the log that was never wholly written, so that nobody was told that it is durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TornTail {
    /// The name of the log.
    pub file: String,
    /// Where the record begins, in bytes.
    pub at: u64,
    /// How many bytes come from there to the end of the log.
    pub len: u64,
}

/// What is wrong with a store's logs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Logs {
    /// Nothing.
    Sound,
    /// The last record is torn.
    Torn(TornTail),
    /// What was acknowledged cannot be read any more, from this byte of this log on.
    Damaged {
        /// The name of the log.
        file: String,
        /// Where the damage is, at the latest.
        at: u64,
    },
}

/// Looks at all logs in the folder `path`.
pub(crate) fn logs(path: &Path) -> io::Result<Logs> {
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let number = name.strip_suffix(".log").and_then(|number| number.parse::<u64>().ok());
        files.extend(number.map(|number| (number, name)));
    }
    files.sort_unstable();
    let mut torn: Option<TornTail> = None;
    for (_, file) in files {
        let bytes = fs::read(path.join(&file))?;
        let Log { whole, records } = Log::scan(&bytes);
        let sound = bytes[whole..].iter().all(|byte| *byte == 0);
        if let Some(TornTail { file, at, .. }) = &torn {
            // A start that was cut off may have begun another log, but written nothing.
            if !sound || records > 0 {
                return Ok(Logs::Damaged { file: file.clone(), at: *at });
            }
        } else if !sound {
            if begins_behind(&bytes, whole) {
                return Ok(Logs::Damaged { file, at: whole as u64 });
            }
            torn = Some(TornTail { file, at: whole as u64, len: (bytes.len() - whole) as u64 });
        }
    }
    Ok(torn.map_or(Logs::Sound, Logs::Torn))
}

/// How far a log is whole.
struct Log {
    /// Where its last whole record ends.
    whole: usize,
    /// How many records it has that change something.
    records: usize,
}

impl Log {
    fn scan(bytes: &[u8]) -> Self {
        let mut log = Self { whole: 0, records: 0 };
        let (mut at, mut inside) = (0, false);
        while at < bytes.len() {
            let left = BLOCK_LEN - at % BLOCK_LEN;
            if left < HEADER_LEN {
                at += left;
                continue;
            }
            let Some(Fragment { kind, len }) = Fragment::at(bytes, at) else { break };
            at += HEADER_LEN + len;
            match (kind, inside) {
                (Kind::Full, false) | (Kind::Last, true) => {
                    // A batch of nothing but its header only says where a log begins.
                    log.records += usize::from(inside || len > BATCH_HEADER_LEN);
                    (log.whole, inside) = (at, false);
                }
                (Kind::First, false) | (Kind::Middle, true) => inside = true,
                (Kind::Other, false) => log.whole = at,
                _ => break,
            }
        }
        log
    }
}

/// Whether a record begins anywhere behind the one at `at`.
fn begins_behind(bytes: &[u8], at: usize) -> bool {
    (at + 1..bytes.len()).any(|at| {
        let found = Fragment::at(bytes, at);
        found.is_some_and(|fragment| matches!(fragment.kind, Kind::Full | Kind::First))
    })
}

/// A record, or a part of one, inside a block.
struct Fragment {
    kind: Kind,
    len: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    Full,
    First,
    Middle,
    Last,
    /// Something about the log itself.
    Other,
}

impl Fragment {
    /// The fragment at this place, if it is all there.
    fn at(bytes: &[u8], at: usize) -> Option<Self> {
        let header: [u8; HEADER_LEN] = bytes.get(at..at + HEADER_LEN)?.try_into().ok()?;
        let [a, b, c, d, low, high, kind] = header;
        let kind = match kind {
            0 => return None,
            1 => Kind::Full,
            2 => Kind::First,
            3 => Kind::Middle,
            4 => Kind::Last,
            _ => Kind::Other,
        };
        let len = usize::from(u16::from_le_bytes([low, high]));
        if at % BLOCK_LEN + HEADER_LEN + len > BLOCK_LEN {
            return None;
        }
        // The kind is covered as well.
        let covered = bytes.get(at + HEADER_LEN - 1..at + HEADER_LEN + len)?;
        let crc = crc::crc32c(covered).rotate_right(15).wrapping_add(MASK);
        (crc == u32::from_le_bytes([a, b, c, d])).then_some(Self { kind, len })
    }
}

const BLOCK_LEN: usize = 32 * 1024;

/// CRC, length, kind.
const HEADER_LEN: usize = 7;

/// A batch's number and count.
const BATCH_HEADER_LEN: usize = 12;

/// What RocksDB adds to a CRC that it stores.
const MASK: u32 = 0xa282_ead8;
