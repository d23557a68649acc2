//! Room: ListObjectsV2 over many keys: pages from anywhere, and the folders of a delimiter that skips what is in them.

use crate::client::{Client, Failure, PAGE_KEYS};
use crate::content::{Content, Dice};
use crate::load::{Done, Watch, Worker};
use crate::measurement::Work;

use super::site::{Measured, Site};

/// Keys of a folder: a delimiter skips all but one of them.
const FOLDER_KEYS: usize = 100;

/// Listings over so many keys.
#[derive(Clone, Debug)]
pub(crate) struct List {
    pub(crate) keys: usize,
    pub(crate) concurrency: usize,
}

impl List {
    pub(super) fn label(&self) -> String {
        format!("list {} keys x {}", self.keys, self.concurrency)
    }

    pub(super) fn round(
        &self,
        site: &mut Site,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Measured>, Failure> {
        let prefix = format!("{}list/{}/", site.prefix, self.keys);
        if site.made.insert(prefix.clone()) {
            let keys: Vec<String> = (0..self.keys).map(|number| key(&prefix, number)).collect();
            let empty = site.pattern.content("empty");
            site.each(&keys, async move |client, key| {
                client.put(key, Content::clone(&empty), 0..0).await
            })?;
        }
        let plan = site.plan(self.concurrency);
        let mut points = Vec::new();
        for delimiter in [None, Some("/")] {
            let reader = |number: usize| Reader {
                prefix: prefix.clone(),
                keys: self.keys,
                delimiter,
                after: 0,
                dice: Dice::new(site.settings.seed ^ number as u64),
            };
            let work = Work {
                scenario: "list".to_owned(),
                operation: if delimiter.is_some() { "list with delimiter" } else { "list" }
                    .to_owned(),
                size: page(self.keys, delimiter).min(PAGE_KEYS) as u64,
                concurrency: u32::try_from(self.concurrency).unwrap_or(u32::MAX),
                keys: Some(self.keys as u64),
                ..Work::default()
            };
            points.append(&mut site.measure(&[work], &plan, watch, reader)?.0);
        }
        Ok(points)
    }
}

fn key(prefix: &str, number: usize) -> String {
    format!("{prefix}{:06}/{:03}", number / FOLDER_KEYS, number % FOLDER_KEYS)
}

/// What there is to be listed of so many keys.
fn page(keys: usize, delimiter: Option<&str>) -> usize {
    if delimiter.is_some() { keys.div_ceil(FOLDER_KEYS) } else { keys }
}

/// Reads page after page. Each answer must have as many entries as there are.
struct Reader {
    prefix: String,
    keys: usize,
    delimiter: Option<&'static str>,
    /// Keys that the page leaves out.
    after: usize,
    dice: Dice,
}

impl Worker for Reader {
    type Left = ();

    async fn prepare(&mut self, _: &mut Client) -> Result<bool, Failure> {
        // A full page begins anywhere. Folders are listed from their beginning.
        let full = self.keys.saturating_sub(PAGE_KEYS);
        self.after = if self.delimiter.is_some() { 0 } else { self.dice.index(full + 1) };
        Ok(true)
    }

    async fn operate(&mut self, client: &mut Client) -> Result<Done, Failure> {
        let after = self.after.checked_sub(1).map(|number| key(&self.prefix, number));
        let listing = client.list(&self.prefix, self.delimiter, after.as_deref()).await?;
        let expected = page(self.keys, self.delimiter).saturating_sub(self.after).min(PAGE_KEYS);
        let entries = listing.keys.len() + listing.prefixes;
        let right = self.delimiter.is_some()
            || listing.keys.first() == Some(&key(&self.prefix, self.after));
        if entries != expected || !(right || expected == 0) {
            let message = format!("{entries} entries after {after:?}, not {expected}");
            return Err(Failure::new("WrongListing", &message));
        }
        Ok(Done { operation: 0, bytes: 0 })
    }

    fn leave(self) {}
}
