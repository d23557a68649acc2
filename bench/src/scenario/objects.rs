//! Room: whole objects: PUT and GET of one length, and the life of small ones, PUT, GET, HEAD and DELETE in turn.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{Client, Failure};
use crate::content::{Dice, Pattern};
use crate::load::{Done, Watch, Worker};
use crate::measurement::{Verified, Work};

use super::site::{Measured, Site, verify};
use super::verify::{draw, objects};

/// What GET fetches from: no more objects, and no more bytes in all.
const FETCHED_MAX: u64 = 64;
const FETCHED_LEN_MAX: u64 = 512 << 20;

/// PUT of objects of one length.
#[derive(Clone, Debug)]
pub(crate) struct Put {
    pub(crate) size: u64,
    pub(crate) concurrency: usize,
}

/// GET of objects of one length.
#[derive(Clone, Debug)]
pub(crate) struct Get {
    pub(crate) size: u64,
    pub(crate) concurrency: usize,
}

/// PUT, GET, HEAD and DELETE of objects of one length, each a point.
#[derive(Clone, Debug)]
pub(crate) struct Small {
    pub(crate) size: u64,
    pub(crate) concurrency: usize,
}

fn work(scenario: &str, operation: &str, size: u64, concurrency: usize) -> Work {
    Work {
        scenario: scenario.to_owned(),
        operation: operation.to_owned(),
        size,
        concurrency: u32::try_from(concurrency).unwrap_or(u32::MAX),
        ..Work::default()
    }
}

impl Put {
    pub(super) fn round(
        &self,
        site: &mut Site,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Measured>, Failure> {
        let stock = Stock { folder: site.next_folder("put"), size: self.size, counts: Vec::new() };
        let work = work("put", "put", self.size, self.concurrency);
        let (mut points, stock) = stock.put(site, work, self.concurrency, watch)?;
        verify(&mut points, stock.read_back(site)?);
        site.each(&stock.keys(), async |client, key| client.delete(key).await)?;
        Ok(points)
    }
}

impl Get {
    pub(super) fn round(
        &self,
        site: &mut Site,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Measured>, Failure> {
        let objects = (FETCHED_LEN_MAX / self.size.max(1)).clamp(1, FETCHED_MAX);
        let folder = format!("{}get/{}/", site.prefix, self.size);
        let stock = Stock { folder, size: self.size, counts: vec![objects] };
        if site.made.insert(stock.folder.clone()) {
            let (size, pattern) = (self.size, site.pattern.clone());
            site.each(&stock.keys(), async move |client, key| {
                client.put(key, pattern.content(key), 0..size).await
            })?;
        }
        let work = Work { keys: Some(objects), ..work("get", "get", self.size, self.concurrency) };
        let (mut points, _) = stock.use_any(site, work, self.concurrency, Use::Get, watch)?;
        verify(&mut points, stock.read_back(site)?);
        Ok(points)
    }
}

impl Small {
    pub(super) fn round(
        &self,
        site: &mut Site,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Measured>, Failure> {
        let work = |operation| work("small", operation, self.size, self.concurrency);
        let stock =
            Stock { folder: site.next_folder("small"), size: self.size, counts: Vec::new() };
        let (mut points, stock) = stock.put(site, work("put"), self.concurrency, watch)?;
        verify(&mut points, stock.read_back(site)?);
        for (kind, name) in [(Use::Get, "get"), (Use::Head, "head")] {
            let (mut more, _) = stock.use_any(site, work(name), self.concurrency, kind, watch)?;
            verify(&mut more, stock.read_back(site)?);
            points.append(&mut more);
        }
        let (mut more, left) =
            stock.use_any(site, work("delete"), self.concurrency, Use::Delete, watch)?;
        verify(&mut more, stock.gone(site, &left));
        points.append(&mut more);
        let taken: BTreeSet<&String> = left.iter().collect();
        let mut rest = stock.keys();
        rest.retain(|key| !taken.contains(key));
        site.each(&rest, async |client, key| client.delete(key).await)?;
        Ok(points)
    }
}

/// Objects of one length, numbered for each client that stored them.
#[derive(Clone, Debug)]
struct Stock {
    folder: String,
    size: u64,
    counts: Vec<u64>,
}

impl Stock {
    fn key(&self, client: usize, number: u64) -> String {
        format!("{}{client}/{number}", self.folder)
    }

    fn keys_of(&self, client: usize) -> Vec<String> {
        (0..self.counts[client]).map(|number| self.key(client, number)).collect()
    }

    fn keys(&self) -> Vec<String> {
        (0..self.counts.len()).flat_map(|client| self.keys_of(client)).collect()
    }

    /// Measures how it is filled.
    fn put(
        self,
        site: &Site,
        work: Work,
        concurrency: usize,
        watch: &mut dyn Watch,
    ) -> Result<(Vec<Measured>, Self), Failure> {
        let putter = |client: usize| Putter {
            stock: self.clone(),
            pattern: site.pattern.clone(),
            client,
            stored: 0,
        };
        let (points, left) = site.measure(&[work], &site.plan(concurrency), watch, putter)?;
        let mut counts = vec![0; concurrency];
        for (client, stored) in left {
            counts[client] = stored;
        }
        Ok((points, Self { counts, ..self }))
    }

    /// Measures a use of its objects. Gives the keys of those that were taken away.
    fn use_any(
        &self,
        site: &Site,
        work: Work,
        concurrency: usize,
        kind: Use,
        watch: &mut dyn Watch,
    ) -> Result<(Vec<Measured>, Vec<String>), Failure> {
        let mut plan = site.plan(concurrency);
        if kind == Use::Delete {
            // What is deleted to warm up would be missing afterwards.
            plan.warmup = Duration::ZERO;
        }
        let all = Arc::new(self.keys());
        let user = |client: usize| User {
            kind,
            size: self.size,
            all: all.clone(),
            own: if kind == Use::Delete { self.keys_of(client) } else { Vec::new() },
            next: String::new(),
            dice: Dice::new(site.settings.seed ^ client as u64),
            taken: Vec::new(),
        };
        let (points, left) = site.measure(&[work], &plan, watch, user)?;
        Ok((points, left.into_iter().flatten().collect()))
    }

    fn read_back(&self, site: &Site) -> Result<Verified, Failure> {
        objects(site, &self.keys(), self.size)
    }

    /// Whether objects that were taken away are not there any more.
    fn gone(&self, site: &Site, keys: &[String]) -> Verified {
        let mut verified = Verified::default();
        for index in draw(keys.len(), site.settings.samples, &mut site.dice()) {
            let found = site.ask(async |client| client.head(&keys[index]).await);
            let gone = found.is_err_and(|failure| failure.code == "HTTP 404");
            verified.add(Verified { samples: 1, bytes: 0, wrong: u64::from(!gone) });
        }
        verified
    }
}

/// Stores one object after the other.
struct Putter {
    stock: Stock,
    pattern: Pattern,
    client: usize,
    stored: u64,
}

impl Worker for Putter {
    type Left = (usize, u64);

    async fn prepare(&mut self, _: &mut Client) -> Result<bool, Failure> {
        Ok(true)
    }

    async fn operate(&mut self, client: &mut Client) -> Result<Done, Failure> {
        let key = self.stock.key(self.client, self.stored);
        client.put(&key, self.pattern.content(&key), 0..self.stock.size).await?;
        self.stored += 1;
        Ok(Done { operation: 0, bytes: self.stock.size })
    }

    fn leave(self) -> (usize, u64) {
        (self.client, self.stored)
    }
}

/// What is done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Get,
    Head,
    Delete,
}

/// Asks for objects at random, or takes its own away.
struct User {
    kind: Use,
    size: u64,
    all: Arc<Vec<String>>,
    /// Those of this client, as long as they are there.
    own: Vec<String>,
    next: String,
    dice: Dice,
    taken: Vec<String>,
}

impl User {
    fn must_have(&self, len: u64) -> Result<u64, Failure> {
        if len == self.size {
            return Ok(len);
        }
        Err(Failure::new("WrongLength", &format!("{} has {len} bytes", self.next)))
    }
}

impl Worker for User {
    type Left = Vec<String>;

    async fn prepare(&mut self, _: &mut Client) -> Result<bool, Failure> {
        let next = match self.kind {
            Use::Delete => self.own.pop(),
            Use::Get | Use::Head if self.all.is_empty() => None,
            Use::Get | Use::Head => Some(self.all[self.dice.index(self.all.len())].clone()),
        };
        let more = next.is_some();
        self.next = next.unwrap_or_default();
        Ok(more)
    }

    async fn operate(&mut self, client: &mut Client) -> Result<Done, Failure> {
        let bytes = match self.kind {
            Use::Get => self.must_have(client.get(&self.next).await?)?,
            Use::Head => self.must_have(client.head(&self.next).await?).map(|_| 0)?,
            Use::Delete => {
                client.delete(&self.next).await?;
                self.taken.push(std::mem::take(&mut self.next));
                0
            }
        };
        Ok(Done { operation: 0, bytes })
    }

    fn leave(self) -> Vec<String> {
        self.taken
    }
}
