//! Room: everything at a time, in a proportion that can be chosen.
//!
//! Each client works on objects of its own, so that it knows what must be there: what it has stored and not deleted.

use std::fmt;
use std::str::FromStr;

use crate::client::{Client, Failure, Source, Upload};
use crate::content::{Dice, Pattern};
use crate::load::{Done, Watch, Worker};
use crate::measurement::Work;

use super::site::{Measured, Site, verify};
use super::verify::objects;

/// The operations of a mix.
const OPERATIONS: [&str; 6] = ["get", "put", "head", "delete", "list", "copy"];
const GET: usize = 0;
const PUT: usize = 1;
const HEAD: usize = 2;
const DELETE: usize = 3;
const LIST: usize = 4;
const COPY: usize = 5;

/// Parts after which a client opens another upload for its copies.
const PARTS_MAX: u16 = 1000;

/// How often each operation comes, in parts of the sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Weights([u64; OPERATIONS.len()]);

impl FromStr for Weights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut weights = [0; OPERATIONS.len()];
        for pair in text.split(',') {
            let (name, weight) = pair.split_once('=').ok_or("a mix is written as get=60,put=40")?;
            let at = OPERATIONS.iter().position(|operation| *operation == name.trim());
            let at =
                at.ok_or_else(|| format!("{name:?} is not one of {}", OPERATIONS.join(", ")))?;
            weights[at] = weight
                .trim()
                .parse::<u32>()
                .map_err(|error| format!("{weight:?}: {error}"))?
                .into();
        }
        if weights[GET] + weights[PUT] + weights[HEAD] + weights[LIST] + weights[COPY] == 0 {
            return Err("a mix needs more than deletes".to_owned());
        }
        Ok(Self(weights))
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = OPERATIONS.iter().zip(self.0).filter(|(_, weight)| *weight > 0);
        let pairs: Vec<String> = pairs.map(|(name, weight)| format!("{name}={weight}")).collect();
        f.write_str(&pairs.join(","))
    }
}

impl Weights {
    fn draw(&self, dice: &mut Dice) -> usize {
        let mut left = dice.below(self.0.iter().sum());
        for (operation, weight) in self.0.iter().enumerate() {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return operation,
            }
        }
        GET
    }
}

/// A mix over objects of one length.
#[derive(Clone, Debug)]
pub(crate) struct Mixed {
    pub(crate) size: u64,
    pub(crate) concurrency: usize,
    /// Objects that are there at the beginning.
    pub(crate) keys: usize,
    pub(crate) weights: Weights,
}

impl Mixed {
    pub(super) fn round(
        &self,
        site: &mut Site,
        watch: &mut dyn Watch,
    ) -> Result<Vec<Measured>, Failure> {
        let folder = site.next_folder("mixed");
        let each = self.keys.div_ceil(self.concurrency);
        let key = |client: usize, number: usize| format!("{folder}{client}/{number}");
        let keys: Vec<String> = (0..self.concurrency)
            .flat_map(|client| (0..each).map(move |number| (client, number)))
            .map(|(client, number)| key(client, number))
            .collect();
        let (pattern, size) = (site.pattern.clone(), self.size);
        site.each(&keys, async move |client, key| {
            client.put(key, pattern.content(key), 0..size).await
        })?;
        let client = |number: usize| Mixer {
            case: self.clone(),
            pattern: site.pattern.clone(),
            folder: format!("{folder}{number}/"),
            keys: (0..each).map(|at| key(number, at)).collect(),
            stored: each,
            next: GET,
            upload: None,
            parts: 0,
            dice: Dice::new(site.settings.seed ^ ((number as u64) << 40)),
        };
        let works: Vec<Work> = OPERATIONS.map(|operation| self.work(operation)).to_vec();
        let plan = site.plan(self.concurrency);
        let (mut points, left) = site.measure(&works, &plan, watch, client)?;
        let (keys, uploads): (Vec<_>, Vec<_>) = left.into_iter().unzip();
        let keys: Vec<String> = keys.into_iter().flatten().collect();
        let uploads: Vec<Upload> = uploads.into_iter().flatten().collect();
        verify(&mut points, objects(site, &keys, self.size)?);
        site.each(&uploads, async |client, upload| client.abort(upload).await)?;
        site.each(&keys, async |client, key| client.delete(key).await)?;
        // What the mix leaves out is no point.
        points.retain(|point| point.figures.operations > 0 || point.work.operation == "all");
        Ok(points)
    }

    fn work(&self, operation: &str) -> Work {
        Work {
            scenario: "mixed".to_owned(),
            operation: operation.to_owned(),
            size: self.size,
            concurrency: u32::try_from(self.concurrency).unwrap_or(u32::MAX),
            keys: Some(self.keys as u64),
            ..Work::default()
        }
    }
}

/// One client.
struct Mixer {
    case: Mixed,
    pattern: Pattern,
    folder: String,
    /// What it has stored and not deleted.
    keys: Vec<String>,
    /// Objects that it has ever stored.
    stored: usize,
    next: usize,
    upload: Option<Upload>,
    parts: u16,
    dice: Dice,
}

impl Mixer {
    fn any(&mut self) -> usize {
        self.dice.index(self.keys.len())
    }

    async fn put(&mut self, client: &mut Client) -> Result<u64, Failure> {
        let key = format!("{}{}", self.folder, self.stored);
        let size = self.case.size;
        client.put(&key, self.pattern.content(&key), 0..size).await?;
        self.stored += 1;
        self.keys.push(key);
        Ok(size)
    }

    async fn copy(&mut self, client: &mut Client) -> Result<u64, Failure> {
        let at = self.any();
        let upload = self.upload.as_ref().expect("it was prepared");
        self.parts += 1;
        let source = Source { key: &self.keys[at], range: None };
        client.copy_part(upload, self.parts, &source).await?;
        Ok(self.case.size)
    }

    async fn delete(&mut self, client: &mut Client) -> Result<u64, Failure> {
        let at = self.any();
        let key = self.keys.swap_remove(at);
        client.delete(&key).await?;
        Ok(0)
    }

    fn must_have(&self, len: u64) -> Result<u64, Failure> {
        if len == self.case.size {
            return Ok(len);
        }
        Err(Failure::new("WrongLength", &format!("an object has {len} bytes")))
    }
}

impl Worker for Mixer {
    type Left = (Vec<String>, Option<Upload>);

    async fn prepare(&mut self, client: &mut Client) -> Result<bool, Failure> {
        self.next = self.case.weights.draw(&mut self.dice);
        if self.keys.is_empty() {
            self.next = PUT;
        }
        if self.next == COPY {
            if self.parts == PARTS_MAX
                && let Some(full) = self.upload.take()
            {
                client.abort(&full).await?;
            }
            if self.upload.is_none() {
                let key = format!("{}upload-{}", self.folder, self.stored);
                self.upload = Some(client.create_upload(&key).await?);
                self.parts = 0;
            }
        }
        Ok(true)
    }

    async fn operate(&mut self, client: &mut Client) -> Result<Done, Failure> {
        let operation = self.next;
        let bytes = match operation {
            PUT => self.put(client).await?,
            DELETE => self.delete(client).await?,
            COPY => self.copy(client).await?,
            LIST => client.list(&self.folder, None, None).await.map(|_| 0)?,
            HEAD => {
                let at = self.any();
                self.must_have(client.head(&self.keys[at]).await?).map(|_| 0)?
            }
            _ => {
                let at = self.any();
                self.must_have(client.get(&self.keys[at]).await?)?
            }
        };
        Ok(Done { operation, bytes })
    }

    fn leave(self) -> Self::Left {
        (self.keys, self.upload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_and_shown() {
        let weights: Weights = "put=20, get=80".parse().expect("a mix");
        assert_eq!(weights.to_string(), "get=80,put=20");
        for text in ["", "get", "get=x", "post=1", "get=0", "delete=5", "get=-1"] {
            text.parse::<Weights>().expect_err(text);
        }
    }

    #[test]
    fn operations_come_as_often_as_they_weigh() {
        let weights: Weights = "get=60,put=30,copy=10".parse().expect("a mix");
        let mut dice = Dice::new(1);
        let mut times = [0_u32; OPERATIONS.len()];
        for _ in 0..10_000 {
            times[weights.draw(&mut dice)] += 1;
        }
        for (operation, expected) in
            [(GET, 6000), (PUT, 3000), (COPY, 1000), (HEAD, 0), (DELETE, 0), (LIST, 0)]
        {
            assert!(times[operation].abs_diff(expected) <= expected / 10, "{times:?}");
        }
    }
}
