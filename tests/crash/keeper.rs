//! Room: one worker whose bucket keeps every version: writes, deletes, holds, lets go, purges, and verifies them.
//!
//! Holds: for each key the list of its versions, newest first, and what the one request in doubt would make of one
//! of these lists. After a crash each key has exactly its versions, in their order, with their bytes and holds,
//! or for the key in doubt those that the request would have left. A version under a legal hold never goes.

use std::collections::BTreeMap;
use std::io;

use tenon_tests::client::{Call, S3, Session, create_bucket, put_legal_hold, with_sum};
use tenon_tests::content::Content;
use tenon_tests::http::Reply;
use tenon_tests::random::Random;

use crate::crew::Round;
use crate::load::answered;

const BUCKET: &str = "crash-kept";
const KEYS: u64 = 3;
/// A key with as many is purged next.
const VERSIONS_MAX: usize = 12;
const KIB: u64 = 1 << 10;

/// One version of a key.
#[derive(Clone, Debug)]
struct Version {
    /// Its id, unless the answer that told it was lost.
    id: Option<String>,
    /// Its bytes; `None`: it is a delete marker.
    content: Option<Content>,
    /// Whether it is under a legal hold.
    held: bool,
}

/// A version as the node shows it.
#[derive(Debug)]
struct Seen {
    id: String,
    bytes: Option<Vec<u8>>,
    held: bool,
}

impl Version {
    fn is(&self, seen: &Seen) -> bool {
        self.id.as_ref().is_none_or(|id| *id == seen.id)
            && self.content.as_ref().map(Content::bytes) == seen.bytes
            && self.held == seen.held
    }
}

/// The worker, with a bucket of its own.
pub(crate) struct Keeper {
    random: Random,
    contents_made: u64,
    keys: BTreeMap<String, Vec<Version>>,
    /// The versions of a key, if the request without an answer has happened.
    doubt: Option<(String, Vec<Version>)>,
}

impl Keeper {
    /// Makes the bucket; the seed decides all that is done in it.
    pub(crate) fn new(s3: &S3, seed: u64) -> Self {
        let call = create_bucket(BUCKET).header("x-amz-bucket-object-lock-enabled", "true");
        let created = s3.call(&call).expect("the node answers");
        assert_eq!(created.status, 200, "{}", created.text());
        let keys = (0..KEYS).map(|key| (format!("/{BUCKET}/{key}"), Vec::new())).collect();
        Self { random: Random::from_seed(seed), contents_made: 0, keys, doubt: None }
    }

    /// Sends one request after the other until one is cut off, which stays in doubt.
    pub(crate) fn work_until_cut(&mut self, s3: &S3, round: &Round) {
        let error = match s3.session() {
            Ok(mut session) => self.work(&mut session, round),
            Err(error) => error,
        };
        assert!(round.is_crashing(), "the node cut a connection or failed: {error}");
    }

    fn work(&mut self, session: &mut Session<'_>, round: &Round) -> io::Error {
        loop {
            match self.step(session) {
                Ok(()) if round.is_cut() => {
                    return io::Error::other("answered when the power was going");
                }
                Ok(()) => self.happened(),
                Err(error) => return error,
            }
            round.acknowledge();
        }
    }

    /// What was in doubt is so.
    fn happened(&mut self) {
        let (path, versions) = self.doubt.take().expect("something was in doubt");
        self.keys.insert(path, versions);
    }

    fn step(&mut self, session: &mut Session<'_>) -> io::Result<()> {
        let path = format!("/{BUCKET}/{}", self.random.within(0..KEYS));
        let versions = self.keys[&path].clone();
        match self.random.within(0..100) {
            _ if versions.len() >= VERSIONS_MAX => self.purge(session, path, versions),
            0..50 => self.put(session, path, versions),
            50..70 => self.delete(session, path, versions),
            70..85 => self.hold(session, path, versions),
            _ => self.purge(session, path, versions),
        }
    }

    fn put(
        &mut self,
        session: &mut Session<'_>,
        path: String,
        mut versions: Vec<Version>,
    ) -> io::Result<()> {
        self.contents_made += 1;
        let len = self.random.within(0..100 * KIB);
        let content = Content::new(7 << 40 | self.contents_made, len);
        let held = self.random.chance(30);
        let hold = if held { "ON" } else { "OFF" };
        let call = Call::new("PUT", &path).header("x-amz-object-lock-legal-hold", hold);
        versions.insert(0, Version { id: None, content: Some(content.clone()), held });
        self.doubt = Some((path, versions));
        // S3: what is held must be proven.
        let reply = answered(session.call(&with_sum(call, content.bytes()))?)?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        self.name_newest(&reply);
        Ok(())
    }

    /// The newest version of the key in doubt is the one that the answer tells.
    fn name_newest(&mut self, reply: &Reply) {
        let id = reply.header("x-amz-version-id").expect("a version was made").to_owned();
        let (_, versions) = self.doubt.as_mut().expect("something is in doubt");
        versions[0].id = Some(id);
    }

    fn delete(
        &mut self,
        session: &mut Session<'_>,
        path: String,
        mut versions: Vec<Version>,
    ) -> io::Result<()> {
        versions.insert(0, Version { id: None, content: None, held: false });
        let call = Call::new("DELETE", &path);
        self.doubt = Some((path, versions));
        let reply = answered(session.call(&call)?)?;
        assert_eq!(reply.status, 204, "{}", reply.text());
        self.name_newest(&reply);
        Ok(())
    }

    /// Puts a version under a legal hold, or lets go of it.
    fn hold(
        &mut self,
        session: &mut Session<'_>,
        path: String,
        mut versions: Vec<Version>,
    ) -> io::Result<()> {
        let data: Vec<usize> =
            (0..versions.len()).filter(|place| versions[*place].content.is_some()).collect();
        if data.is_empty() {
            return self.put(session, path, versions);
        }
        let version = &mut versions[*self.random.pick(&data)];
        version.held = !version.held;
        let id = version.id.as_deref().expect("verified since");
        let call = put_legal_hold(&path, id, version.held);
        self.doubt = Some((path, versions));
        let reply = answered(session.call(&call)?)?;
        assert_eq!(reply.status, 200, "{}", reply.text());
        Ok(())
    }

    /// Takes a version away for good, unless it is held.
    fn purge(
        &mut self,
        session: &mut Session<'_>,
        path: String,
        mut versions: Vec<Version>,
    ) -> io::Result<()> {
        let Some(count) = u64::try_from(versions.len()).ok().filter(|count| *count > 0) else {
            return self.put(session, path, versions);
        };
        let place = usize::try_from(self.random.within(0..count)).expect("few");
        let version = versions[place].clone();
        let id = version.id.expect("verified since");
        let call = Call::new("DELETE", &path).query(format!("versionId={id}"));
        if !version.held {
            versions.remove(place);
        }
        self.doubt = Some((path, versions));
        let reply = answered(session.call(&call)?)?;
        assert_eq!(reply.status, if version.held { 403 } else { 204 }, "{}", reply.text());
        Ok(())
    }

    /// Holds the node to what it has acknowledged, and settles what was in doubt.
    pub(crate) fn verify(&mut self, s3: &S3) {
        let mut session = s3.session().expect("the node listens");
        for (path, versions) in &mut self.keys {
            let seen = seen(&mut session, path);
            let is = |versions: &[Version]| {
                versions.len() == seen.len()
                    && versions.iter().zip(&seen).all(|(version, seen)| version.is(seen))
            };
            if !is(versions) {
                let after = self.doubt.take_if(|(of, after)| of == path && is(after));
                let told: Vec<_> = seen.iter().map(|seen| (&seen.id, seen.held)).collect();
                let Some((_, after)) = after else {
                    panic!("{path}: {told:?}, acknowledged {versions:?}, in doubt {:?}", self.doubt)
                };
                *versions = after;
            }
            for (version, seen) in versions.iter_mut().zip(seen) {
                version.id = Some(seen.id);
            }
        }
        self.doubt = None;
    }
}

/// The versions of a key, newest first, with their bytes and holds.
fn seen(session: &mut Session<'_>, path: &str) -> Vec<Seen> {
    let key = path.rsplit('/').next().expect("a key");
    let list = Call::new("GET", format!("/{BUCKET}")).query(format!("prefix={key}&versions="));
    let listed = session.call(&list).expect("the node answers");
    assert_eq!(listed.status, 200, "{}", listed.text());
    let ids = listed.elements("VersionId").into_iter();
    ids.map(|id| {
        let get = Call::new("GET", path).query(format!("versionId={id}"));
        let reply = session.call(&get).expect("the node answers");
        let marker = reply.header("x-amz-delete-marker") == Some("true");
        assert_eq!(reply.status, if marker { 405 } else { 200 }, "{path} {id}: {}", reply.text());
        let held = reply.header("x-amz-object-lock-legal-hold") == Some("ON");
        Seen { id, bytes: (!marker).then_some(reply.body), held }
    })
    .collect()
}
