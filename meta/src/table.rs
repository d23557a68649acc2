//! Room: the block table: the fingerprint of each 64 KiB block of one writing of bytes.
//!
//! Holds: nothing; tables are values. Meta stores their pages, node reads them to verify blocks.
//! Invariants: every block but a table's last is full; every page but the last has
//! [`PAGE_BLOCKS`] blocks; each page begins with the fingerprint of everything before it, so that the
//! fingerprint of any range follows from two pages and at most two ragged blocks ([`Edge`]).
//! Units: offsets and lengths are logical bytes; the zeros that pad a file are never part of a table.

use std::fmt;
use std::sync::OnceLock;

use protocol::range::ByteRange;

use crate::fingerprint::Fingerprint;

/// Length of a full block in bytes: what is read, verified and, later, sealed as one.
pub const BLOCK_LEN: u32 = 64 * 1024;

/// Blocks of a full page.
pub const PAGE_BLOCKS: u32 = 256;

/// The block fingerprints of one writing of bytes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct BlockTable {
    len: u64,
    pages: Vec<TablePage>,
    total: Fingerprint,
}

impl BlockTable {
    /// The table of no bytes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next block.
    ///
    /// # Panics
    /// If `len` is zero or more than [`BLOCK_LEN`], or if a block shorter than that was added before.
    pub fn push(&mut self, block: Fingerprint, len: u32) {
        assert!(0 < len && len <= BLOCK_LEN, "a block has 1 to {BLOCK_LEN} bytes, not {len}");
        assert!(self.len.is_multiple_of(u64::from(BLOCK_LEN)), "only the last block may be short");
        match self.pages.last_mut() {
            Some(page) if page.blocks.len() < PAGE_BLOCKS as usize => {
                page.blocks.push(block);
                page.last_block_len = len;
                page.steps = OnceLock::new();
            }
            _ => self.pages.push(TablePage::new(self.total, len, vec![block])),
        }
        self.total = self.total.then(block, u64::from(len));
        self.len += u64::from(len);
    }

    /// Bytes that the table speaks of.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the table speaks of no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pages in order; none for no bytes.
    #[must_use]
    pub fn pages(&self) -> &[TablePage] {
        &self.pages
    }

    /// The fingerprint of all bytes.
    #[must_use]
    pub fn total(&self) -> Fingerprint {
        self.total
    }
}

/// Up to [`PAGE_BLOCKS`] consecutive blocks of a table, as stored. Never empty.
#[derive(Clone, Debug)]
pub struct TablePage {
    running: Fingerprint,
    last_block_len: u32,
    blocks: Vec<Fingerprint>,
    /// The fingerprint of everything before each block that begins a step, once somebody has asked for one. It follows
    /// from the rest; but copies ask the same page again and again, and adding 256 blocks up takes 15 µs.
    steps: OnceLock<Box<[Fingerprint]>>,
}

impl PartialEq for TablePage {
    fn eq(&self, other: &Self) -> bool {
        self.running == other.running
            && self.last_block_len == other.last_block_len
            && self.blocks == other.blocks
    }
}

impl Eq for TablePage {}

impl TablePage {
    fn new(running: Fingerprint, last_block_len: u32, blocks: Vec<Fingerprint>) -> Self {
        Self { running, last_block_len, blocks, steps: OnceLock::new() }
    }

    /// The fingerprint of everything that comes before the page in its table.
    #[must_use]
    pub fn running(&self) -> Fingerprint {
        self.running
    }

    /// Number of blocks in the page, 1 to [`PAGE_BLOCKS`].
    #[must_use]
    pub fn count(&self) -> usize {
        self.blocks.len()
    }

    /// Bytes that the page speaks of.
    #[must_use]
    pub fn len(&self) -> u64 {
        (self.blocks.len() as u64 - 1) * u64::from(BLOCK_LEN) + u64::from(self.last_block_len)
    }

    /// Never: a page has a block.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Fingerprint and length of the block at `index` within the page.
    #[must_use]
    pub fn block(&self, index: usize) -> Option<(Fingerprint, u32)> {
        let block = *self.blocks.get(index)?;
        let last = index + 1 == self.blocks.len();
        Some((block, if last { self.last_block_len } else { BLOCK_LEN }))
    }

    /// The fingerprint of everything in the table before the block at `index` within the page.
    #[must_use]
    pub fn running_before(&self, index: usize) -> Option<Fingerprint> {
        if index >= self.blocks.len() {
            return None;
        }
        let steps = self.steps.get_or_init(|| self.steps());
        let step = index / STEP_BLOCKS;
        Some(add(steps[step], &self.blocks[step * STEP_BLOCKS..index]))
    }

    fn steps(&self) -> Box<[Fingerprint]> {
        let steps = self.blocks.chunks(STEP_BLOCKS).scan(self.running, |sum, blocks| {
            let before = *sum;
            *sum = add(before, blocks);
            Some(before)
        });
        steps.collect()
    }

    /// The stored form: version, running fingerprint, length of the last block, the blocks.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_LEN + self.blocks.len() * Fingerprint::ENCODED_LEN);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.running.encode());
        bytes.extend_from_slice(&self.last_block_len.to_le_bytes());
        for block in &self.blocks {
            bytes.extend_from_slice(&block.encode());
        }
        bytes
    }

    /// A page that stands for one that is lost, so that its table adds up again: `running` before it, `len` bytes,
    /// `total` behind it. No bytes match it. `None` if no page has that many bytes.
    pub(crate) fn stand_in(running: Fingerprint, len: u64, total: Fingerprint) -> Option<Self> {
        let count = len.div_ceil(u64::from(BLOCK_LEN));
        let before = count.checked_sub(1)? * u64::from(BLOCK_LEN);
        let last_block_len = u32::try_from(len - before).ok()?;
        if count > u64::from(PAGE_BLOCKS) {
            return None;
        }
        let mut blocks = vec![Fingerprint::EMPTY; usize::try_from(count).ok()?];
        let sum = blocks
            .iter()
            .skip(1)
            .fold(running, |sum, _| sum.then(Fingerprint::EMPTY, u64::from(BLOCK_LEN)));
        *blocks.last_mut()? = total.strip_prefix(sum, u64::from(last_block_len));
        Some(Self::new(running, last_block_len, blocks))
    }

    /// Reads what [`encode`](Self::encode) wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, TableError> {
        let (&version, rest) = bytes.split_first().ok_or(TableError::Malformed)?;
        if version != VERSION {
            return Err(TableError::UnknownVersion(version));
        }
        let (&running, rest) = rest.split_first_chunk().ok_or(TableError::Malformed)?;
        let (&last_block_len, rest) = rest.split_first_chunk().ok_or(TableError::Malformed)?;
        let last_block_len = u32::from_le_bytes(last_block_len);
        let (blocks, left) = rest.as_chunks();
        let whole = left.is_empty() && (1..=PAGE_BLOCKS as usize).contains(&blocks.len());
        if !whole || !(1..=BLOCK_LEN).contains(&last_block_len) {
            return Err(TableError::Malformed);
        }
        let blocks = blocks.iter().map(|block| Fingerprint::decode(*block)).collect();
        Ok(Self::new(Fingerprint::decode(running), last_block_len, blocks))
    }
}

/// The fingerprint of everything up to these full blocks and of them.
fn add(before: Fingerprint, blocks: &[Fingerprint]) -> Fingerprint {
    blocks.iter().fold(before, |sum, block| sum.then(*block, u64::from(BLOCK_LEN)))
}

/// Why a stored page cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TableError {
    /// Written by a version of the format that is not known here.
    UnknownVersion(u8),
    /// Not a page at all.
    Malformed,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownVersion(version) => write!(f, "block table page of version {version}"),
            Self::Malformed => f.write_str("malformed block table page"),
        }
    }
}

impl std::error::Error for TableError {}

/// One end of a range of a table's bytes, to ask for the fingerprint of everything before it.
///
/// The fingerprint of a range is [`between`] its two edges: one page each, and the bytes of a block
/// only where the end lies inside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    block: u32,
    inside: u32,
}

impl Edge {
    /// The edges of `range`, in bytes of the table; `None` if it is empty or ends beyond what a
    /// table can hold.
    #[must_use]
    pub fn pair(range: ByteRange) -> Option<(Self, Self)> {
        if range.is_empty() {
            return None;
        }
        let start = Self::at(range.start())?;
        // The end belongs to the block of the last byte: there may be no block behind it.
        let last = Self::at(range.end() - 1)?;
        Some((start, Self { inside: last.inside + 1, ..last }))
    }

    /// The block whose page is needed, counted from the start of the table.
    #[must_use]
    pub fn block(self) -> u32 {
        self.block
    }

    /// The page that holds it, counted from the start of the table.
    #[must_use]
    pub fn page(self) -> u32 {
        self.block / PAGE_BLOCKS
    }

    /// How many bytes at the front of the block have to be read and fingerprinted, given its page;
    /// zero if the page alone can tell. `None` if the table ends before the edge.
    #[must_use]
    pub fn needs(self, page: &TablePage) -> Option<u32> {
        let (_, len) = page.block(self.index())?;
        match self.inside {
            inside if inside > len => None,
            inside if inside == len => Some(0),
            inside => Some(inside),
        }
    }

    /// The fingerprint of everything in the table before this edge. `front` is the fingerprint of the
    /// bytes that [`needs`](Self::needs) named, [`Fingerprint::EMPTY`] where it named none. `None` if
    /// the table ends before the edge.
    #[must_use]
    pub fn before(self, page: &TablePage, front: Fingerprint) -> Option<Fingerprint> {
        let running = page.running_before(self.index())?;
        let (block, len) = page.block(self.index())?;
        match self.needs(page)? {
            0 if self.inside == 0 => Some(running),
            0 => Some(running.then(block, u64::from(len))),
            inside => Some(running.then(front, u64::from(inside))),
        }
    }

    fn at(offset: u64) -> Option<Self> {
        let len = u64::from(BLOCK_LEN);
        let block = u32::try_from(offset / len).ok()?;
        let inside = u32::try_from(offset % len).expect("less than a block");
        Some(Self { block, inside })
    }

    fn index(self) -> usize {
        (self.block % PAGE_BLOCKS) as usize
    }
}

/// The fingerprint of the `len` bytes between two edges, from the fingerprints of everything before each.
#[must_use]
pub fn between(before_start: Fingerprint, before_end: Fingerprint, len: u64) -> Fingerprint {
    before_end.strip_prefix(before_start, len)
}

const VERSION: u8 = 1;

/// Blocks whose fingerprints are added up one by one; 256 bytes of sums a page make it at most 15 of them.
const STEP_BLOCKS: usize = 16;

/// Version, running fingerprint, length of the last block.
const HEAD_LEN: usize = 1 + Fingerprint::ENCODED_LEN + 4;

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::fingerprint::Running;

    /// A page and a bit, the last block short.
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let len = (PAGE_BLOCKS as usize + 2) * BLOCK_LEN as usize + 1234;
        let mut state = 1_u32;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()[3]
        })
        .take(len)
        .collect()
    });

    fn table(bytes: &[u8]) -> BlockTable {
        let mut running = Running::new();
        running.update(bytes);
        running.finish()
    }

    #[test]
    fn golden_bytes() {
        let mut golden = vec![1];
        golden.extend_from_slice(&[0; 16]);
        golden.extend_from_slice(&[9, 0, 0, 0]);
        golden.extend_from_slice(&[0x88, 0x98, 0x79, 0x0a, 0x86, 0x14, 0x8b, 0xae]);
        golden.extend_from_slice(&[0x83, 0x92, 0x06, 0xe3, 0x26, 0x39, 0xf4, 0xcb]);
        let table = table(b"123456789");
        assert_eq!(table.pages().len(), 1);
        assert_eq!(table.pages()[0].encode(), golden);
        assert_eq!(TablePage::decode(&golden).as_ref(), Ok(&table.pages()[0]));
    }

    #[test]
    fn what_runs_before_a_block_is_the_sum_of_the_blocks_before_it() {
        let mut table = BlockTable::new();
        let mut sums = vec![Fingerprint::EMPTY];
        for number in 0..PAGE_BLOCKS + 20 {
            let block = Fingerprint::of(&number.to_le_bytes());
            table.push(block, BLOCK_LEN);
            // Asked for while the page still grows, too.
            let page = table.pages.last().expect("a page");
            let last = number as usize % PAGE_BLOCKS as usize;
            assert_eq!(page.running_before(last), sums.last().copied(), "block {number}");
            assert_eq!(page.running_before(last + 1), None);
            sums.push(sums[number as usize].then(block, u64::from(BLOCK_LEN)));
        }
        for (block, sum) in sums[..sums.len() - 1].iter().enumerate() {
            let page = &table.pages[block / PAGE_BLOCKS as usize];
            assert_eq!(page.running_before(block % PAGE_BLOCKS as usize), Some(*sum));
        }
    }

    #[test]
    fn what_is_not_a_page_is_refused() {
        let page = table(&[7; 3 * BLOCK_LEN as usize]).pages()[0].encode();
        assert_eq!(TablePage::decode(&[]), Err(TableError::Malformed));
        for len in 1..page.len() {
            let whole = len >= HEAD_LEN + 16 && (len - HEAD_LEN).is_multiple_of(16);
            assert_eq!(TablePage::decode(&page[..len]).is_ok(), whole, "{len} bytes");
        }
        let mut later = page.clone();
        later[0] = 2;
        assert_eq!(TablePage::decode(&later), Err(TableError::UnknownVersion(2)));
        for last_block_len in [0, BLOCK_LEN + 1, u32::MAX] {
            let mut wrong = page.clone();
            wrong[17..21].copy_from_slice(&last_block_len.to_le_bytes());
            assert_eq!(TablePage::decode(&wrong), Err(TableError::Malformed));
        }
        let mut long = page;
        long.resize(HEAD_LEN + 16 * (PAGE_BLOCKS as usize + 1), 0);
        assert_eq!(TablePage::decode(&long), Err(TableError::Malformed));
    }

    #[test]
    fn pages_begin_with_what_is_before_them() {
        let table = table(&BYTES);
        let [first, second] = table.pages() else { panic!("two pages") };
        assert_eq!(table.len(), BYTES.len() as u64);
        assert_eq!(first.len() + second.len(), table.len());
        assert_eq!((first.count(), second.count()), (256, 3));
        assert_eq!(first.running(), Fingerprint::EMPTY);
        let (front, back) = BYTES.split_at(PAGE_BLOCKS as usize * BLOCK_LEN as usize);
        assert_eq!(second.running(), Fingerprint::of(front));
        let short = &back[2 * BLOCK_LEN as usize..];
        assert_eq!(second.block(2), Some((Fingerprint::of(short), 1234)));
        assert_eq!(second.block(1).map(|(_, len)| len), Some(BLOCK_LEN));
        assert_eq!(second.block(3), None);
        assert_eq!(second.running_before(3), None);
        for page in table.pages() {
            assert_eq!(TablePage::decode(&page.encode()).as_ref(), Ok(page));
        }
    }

    #[test]
    fn a_stand_in_adds_up_and_matches_nothing() {
        let table = table(&BYTES);
        let [first, second] = table.pages() else { panic!("two pages") };
        for (page, total) in [(first, second.running()), (second, table.total())] {
            let other = TablePage::stand_in(page.running(), page.len(), total).expect("a page");
            assert_eq!((other.count(), other.len()), (page.count(), page.len()));
            let last = page.count() - 1;
            let before = other.running_before(last).expect("a block");
            let (block, len) = other.block(last).expect("a block");
            assert_eq!(before.then(block, u64::from(len)), total);
            assert!((0..=last).all(|index| other.block(index) != page.block(index)));
        }
        let nothing = Fingerprint::EMPTY;
        assert_eq!(TablePage::stand_in(nothing, 0, nothing), None);
        let page_len = u64::from(PAGE_BLOCKS) * u64::from(BLOCK_LEN);
        assert_eq!(TablePage::stand_in(nothing, page_len + 1, nothing), None);
    }

    #[test]
    #[should_panic(expected = "only the last block may be short")]
    fn nothing_follows_a_short_block() {
        let mut table = table(b"short");
        table.push(Fingerprint::of(b"more"), 4);
    }

    #[test]
    fn an_edge_behind_the_table_is_noticed() {
        let table = table(&BYTES);
        let len = BYTES.len() as u64;
        let (_, end) = Edge::pair(ByteRange::new(0, len + 1).expect("a range")).expect("not empty");
        assert_eq!(end.needs(&table.pages()[1]), None);
        assert_eq!(end.before(&table.pages()[1], Fingerprint::EMPTY), None);
        assert_eq!(Edge::pair(ByteRange::new(len, len).expect("a range")), None);
        let far = ByteRange::new(0, u64::MAX).expect("a range");
        assert_eq!(Edge::pair(far), None);
    }

    /// A page boundary, a block boundary, the end, or anywhere; exactly or a little off.
    fn offset() -> impl Strategy<Value = u64> {
        let block = u64::from(BLOCK_LEN);
        let end = BYTES.len() as u64;
        let at = prop_oneof![
            Just(u64::from(PAGE_BLOCKS) * block),
            (0..=end / block).prop_map(move |index| index * block),
            Just(end),
            0..=end,
        ];
        (at, prop_oneof![Just(0), -3_i64..=3])
            .prop_map(move |(at, off)| at.saturating_add_signed(off).min(end))
    }

    proptest! {
        #[test]
        fn two_edges_tell_the_fingerprint_between_them(a in offset(), b in offset()) {
            static TABLE: LazyLock<BlockTable> = LazyLock::new(|| table(&BYTES));
            prop_assume!(a != b);
            let range = ByteRange::new(a.min(b), a.max(b)).expect("ascending");
            let (start, end) = Edge::pair(range).expect("not empty");
            let before = |edge: Edge| {
                let page = &TABLE.pages()[edge.page() as usize];
                let needs = edge.needs(page).expect("inside the table");
                let from = edge.block() as usize * BLOCK_LEN as usize;
                let front = Fingerprint::of(&BYTES[from..from + needs as usize]);
                (needs, edge.before(page, front).expect("inside the table"))
            };
            let ((start_needs, before_start), (end_needs, before_end)) = (before(start), before(end));

            let bytes = &BYTES[usize::try_from(range.start())?..usize::try_from(range.end())?];
            prop_assert_eq!(between(before_start, before_end, range.len()), Fingerprint::of(bytes));
            let aligned = |at: u64| at.is_multiple_of(u64::from(BLOCK_LEN));
            prop_assert_eq!(start_needs == 0, aligned(range.start()));
            let at_end = range.end() == BYTES.len() as u64;
            prop_assert_eq!(end_needs == 0, aligned(range.end()) || at_end);
        }
    }
}
