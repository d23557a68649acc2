//! Room: the pages of block tables that a shard keeps at hand for verifying.
//!
//! Holds: a bounded number of pages. They never change and their ids are never used again, so nothing ever has
//! to be taken out for being old.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use meta::id::TableId;
use meta::table::TablePage;

use crate::metrics::CacheMetrics;
use crate::seam::Local;

/// Where pages come from that are not at hand.
pub trait TableSource {
    /// Page `page` of `table`.
    fn load(&self, table: TableId, page: u32) -> Local<'_, Result<TablePage, TableLoadError>>;
}

/// Why a page cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableLoadError {
    /// There is no such page: the records contradict each other.
    Missing,
    /// It cannot be decoded.
    Corrupt(String),
    /// Too many questions wait for the store already: 503 SlowDown.
    Busy,
    /// The store failed.
    Failed(String),
}

impl fmt::Display for TableLoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no such page"),
            Self::Busy => f.write_str("too many questions wait for the store"),
            Self::Corrupt(text) | Self::Failed(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for TableLoadError {}

/// The pages at hand of one shard.
pub struct TableCache {
    source: Rc<dyn TableSource>,
    pages: RefCell<Pages>,
    figures: Arc<CacheMetrics>,
}

type PageId = (TableId, u32);

/// Pages in a ring; the hand passes over those that were used since it last came by.
struct Pages {
    ring: Vec<Entry>,
    places: HashMap<PageId, usize>,
    hand: usize,
    capacity: usize,
}

struct Entry {
    id: PageId,
    page: Rc<TablePage>,
    used: bool,
}

impl TableCache {
    /// A cache of at most `pages_max` pages (about 4 KiB each) in front of `source`.
    ///
    /// # Panics
    /// If `pages_max` is 0.
    #[must_use]
    pub fn new(source: Rc<dyn TableSource>, pages_max: usize) -> Self {
        assert!(pages_max > 0, "a cache has room for a page");
        let pages =
            Pages { ring: Vec::new(), places: HashMap::new(), hand: 0, capacity: pages_max };
        Self { source, pages: RefCell::new(pages), figures: Arc::default() }
    }

    /// Has what is found at hand, and what is not, counted in `figures`.
    #[must_use]
    pub fn counted(mut self, figures: &Arc<CacheMetrics>) -> Self {
        self.figures = Arc::clone(figures);
        self
    }

    /// Page `page` of `table`.
    ///
    /// # Errors
    /// Those of the source; nothing is kept of them.
    pub async fn page(&self, table: TableId, page: u32) -> Result<Rc<TablePage>, TableLoadError> {
        let id = (table, page);
        if let Some(page) = self.pages.borrow_mut().get(id) {
            self.figures.hits.add(1);
            return Ok(page);
        }
        self.figures.misses.add(1);
        let page = Rc::new(self.source.load(table, page).await?);
        let mut pages = self.pages.borrow_mut();
        pages.put(id, &page);
        self.figures.entries.set(pages.ring.len() as u64);
        Ok(page)
    }
}

impl Pages {
    fn get(&mut self, id: PageId) -> Option<Rc<TablePage>> {
        let entry = &mut self.ring[*self.places.get(&id)?];
        entry.used = true;
        Some(Rc::clone(&entry.page))
    }

    fn put(&mut self, id: PageId, page: &Rc<TablePage>) {
        if self.places.contains_key(&id) {
            return;
        }
        let entry = Entry { id, page: Rc::clone(page), used: false };
        if self.ring.len() < self.capacity {
            self.places.insert(id, self.ring.len());
            self.ring.push(entry);
            return;
        }
        while std::mem::take(&mut self.ring[self.hand].used) {
            self.hand = (self.hand + 1) % self.capacity;
        }
        self.places.remove(&self.ring[self.hand].id);
        self.places.insert(id, self.hand);
        self.ring[self.hand] = entry;
        self.hand = (self.hand + 1) % self.capacity;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use meta::fingerprint::Fingerprint;
    use meta::table::BlockTable;

    use super::*;
    use crate::disk::tests::block_on;

    #[derive(Default)]
    struct Counting(Cell<usize>);

    impl TableSource for Counting {
        fn load(&self, table: TableId, page: u32) -> Local<'_, Result<TablePage, TableLoadError>> {
            self.0.set(self.0.get() + 1);
            Box::pin(async move {
                if page == 9 {
                    return Err(TableLoadError::Missing);
                }
                let mut made = BlockTable::new();
                made.push(Fingerprint::of(&table.get().to_le_bytes()), page + 1);
                Ok(made.pages()[0].clone())
            })
        }
    }

    #[test]
    fn keeps_what_is_used_and_forgets_what_is_not() {
        let source = Rc::new(Counting::default());
        let figures = Arc::<CacheMetrics>::default();
        let asked = Rc::clone(&source) as Rc<dyn TableSource>;
        let cache = TableCache::new(asked, 2).counted(&figures);
        let page = |table, page| block_on(cache.page(TableId::new(table), page));
        let (hot, other) = (page(1, 0).expect("made"), page(1, 1).expect("made"));
        assert_ne!(hot, other);
        for table in 2..10 {
            assert_eq!(page(1, 0).expect("kept"), hot);
            assert_ne!(page(table, 0).expect("made"), hot);
        }
        assert_eq!(source.0.get(), 10, "the hot page was loaded once");
        assert_eq!(cache.pages.borrow().ring.len(), 2);
        assert_eq!(cache.pages.borrow().places.len(), 2);
        let CacheMetrics { hits, misses, entries } = &*figures;
        assert_eq!((hits.get(), misses.get(), entries.get()), (8, 10, 2));
    }

    #[test]
    fn an_error_is_not_kept() {
        let source = Rc::new(Counting::default());
        let figures = Arc::<CacheMetrics>::default();
        let asked = Rc::clone(&source) as Rc<dyn TableSource>;
        let cache = TableCache::new(asked, 2).counted(&figures);
        for _ in 0..2 {
            let page = block_on(cache.page(TableId::new(1), 9));
            assert_eq!(page, Err(TableLoadError::Missing));
        }
        assert_eq!((source.0.get(), figures.misses.get(), figures.entries.get()), (2, 2, 0));
    }
}
