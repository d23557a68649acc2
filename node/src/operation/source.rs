//! Room: the source of a copy: looked up, carried over, and what the copy is called.
//!
//! The source is the object that the key names once, when it is looked up: an overwrite or delete from then on
//! changes nothing. The epoch keeps what was read resolvable until the command has made the copy its co-owner, also
//! if the client goes away meanwhile.

use std::rc::Rc;

use futures_util::future::try_join;
use meta::fingerprint::Fingerprint;
use meta::query;
use meta::record::{BucketRecord, ObjectRecord};
use protocol::checksum::{ChecksumAlgorithm, ChecksumType, ChecksumValue};
use protocol::copy_source::CopySource;
use protocol::error::S3Error;
use protocol::operation::version::Asked;
use protocol::precondition::{CopyConditions, Facts};
use protocol::range::ByteRange;

use super::{failure, subject};
use crate::copy::plan::SourceSlice;
use crate::copy::{self, Copied, Digested};
use crate::epoch::EpochGuard;
use crate::machine::Machine;

/// A header of our own: the ways that the copy took, e.g. `share` or `inline+reflink`; empty for no bytes. An answer
/// that was sent ahead of the copy cannot have it.
pub(super) const COPY_WAY_HEADER: &str = "x-tenon-copy-way";

/// The version that is copied, if the conditions hold for it.
pub(super) async fn find(
    machine: &Machine,
    bucket: &BucketRecord,
    source: &CopySource,
    conditions: &CopyConditions,
) -> Result<ObjectRecord, S3Error> {
    let asked = Asked::of_source(source, bucket.versioning)?;
    let object = subject::named(machine, bucket.id, &asked).await?.to_copy(&asked)?;
    let facts = Facts { etag: &object.etag, modified: object.modified };
    conditions.check(&facts, machine.clock.now())?;
    Ok(object)
}

/// What an answer tells of the source before the copy is made.
pub(super) fn told(bucket: &BucketRecord, object: &ObjectRecord) -> Vec<(String, String)> {
    let version = bucket.versioning.tells(object.version());
    version.map(|id| (SOURCE_VERSION_HEADER.to_owned(), id.to_string())).into_iter().collect()
}

/// S3: which version of the source was copied, where its bucket has versions.
const SOURCE_VERSION_HEADER: &str = "x-amz-copy-source-version-id";

/// A range of an object.
pub(super) struct Source {
    pub(super) object: ObjectRecord,
    pub(super) range: ByteRange,
}

/// What only the bytes of a range can tell.
struct Missing {
    md5: bool,
    checksum: Option<ChecksumAlgorithm>,
}

impl Missing {
    fn any(&self) -> bool {
        self.md5 || self.checksum.is_some()
    }

    /// Reads the range for it (S3: the ETag of a copy need not be an MD5; `etag.md5_up_to` says how far it is).
    async fn read(
        self,
        machine: &Rc<Machine>,
        slices: Vec<SourceSlice>,
    ) -> Result<Digested, S3Error> {
        let slices = slices.into_iter().map(|source| source.slice).collect();
        let read = Digested::of(machine, slices, self.md5, self.checksum).await;
        read.map_err(|error| failure::read(machine, &error))
    }
}

/// Its copy, not durable yet.
pub(super) struct Copy {
    pub(super) copied: Copied,
    /// The MD5 of the range, where it is known or short enough to be made.
    pub(super) md5: Option<[u8; 16]>,
    /// The checksum that was asked for.
    pub(super) checksum: Option<ChecksumValue>,
}

impl Source {
    /// Copies the range, with the checksum that the copy is to have. The copy holds the epoch.
    ///
    /// What has to be read for a digest is read while the copy is made: the two share nothing but the source.
    ///
    /// # Errors
    /// What cannot be read, or written; new files are given up then.
    pub(super) async fn copy(
        &self,
        machine: &Rc<Machine>,
        epoch: EpochGuard,
        wanted: Option<ChecksumAlgorithm>,
    ) -> Result<Copy, S3Error> {
        let (slices, part) = self.resolve(machine).await?;
        // Whether the fingerprint tells the checksum does not hang on which bytes they are.
        let known = self.known(Fingerprint::EMPTY, &part, wanted);
        let missing = self.missing(machine, &known, wanted);
        let to_read = missing.any().then(|| slices.clone());
        let copying = async {
            let copied = copy::copy(machine, slices).await;
            copied.map_err(|error| failure::copy(machine, error))
        };
        let reading = async {
            match to_read {
                Some(slices) => missing.read(machine, slices).await,
                None => Ok(Digested::default()),
            }
        };
        // Whichever fails first ends both; files that the other has made go with it.
        let (mut copied, read) = try_join(copying, reading).await?;
        copied.files.hold(epoch);
        let known = self.known(copied.fingerprint, &part, wanted);
        Ok(Copy { copied, md5: known.md5.or(read.md5), checksum: known.checksum.or(read.checksum) })
    }

    /// MD5 and checksum of the whole object, for a copy that has the very same content. Only what is not known is read.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) async fn digest_whole(
        &self,
        machine: &Rc<Machine>,
        wanted: ChecksumAlgorithm,
    ) -> Result<Digested, S3Error> {
        let fingerprint = self.object.fingerprint;
        let one_part = self.object.content.manifest().is_some_and(|manifest| manifest.parts == 1);
        let known = self.known(fingerprint, &Digested::default(), Some(wanted));
        let missing = self.missing(machine, &known, Some(wanted));
        // The digests of a lone part are those of the object.
        if !missing.any() && (known.md5.is_some() || !one_part) {
            return Ok(known);
        }
        let (slices, part) = self.resolve(machine).await?;
        let known = self.known(fingerprint, &part, Some(wanted));
        let missing = self.missing(machine, &known, Some(wanted));
        if !missing.any() {
            return Ok(known);
        }
        let read = missing.read(machine, slices).await?;
        Ok(Digested { md5: known.md5.or(read.md5), checksum: known.checksum.or(read.checksum) })
    }

    /// The pieces of the range, and its digests where the range is a whole part of the object.
    async fn resolve(&self, machine: &Machine) -> Result<(Vec<SourceSlice>, Digested), S3Error> {
        let (content, range) = (self.object.content.clone(), self.range);
        let found = machine.catalog.look(move |store| {
            let part = query::exact_part(store, &content, range)?;
            let slices = copy::source_slices(store, &content, range)?;
            let part = part.map(|part| Digested { md5: part.md5, checksum: part.checksum });
            Ok((slices, part.unwrap_or_default()))
        });
        found.await.map_err(failure::catalog)
    }

    /// What is known of the range without a read. `part` is what the part knows that the range is, if it is one.
    fn known(
        &self,
        fingerprint: Fingerprint,
        part: &Digested,
        wanted: Option<ChecksumAlgorithm>,
    ) -> Digested {
        let md5 = self.object.md5.filter(|_| self.is_whole()).or(part.md5);
        let checksum = wanted.and_then(|algorithm| {
            let told = match algorithm {
                ChecksumAlgorithm::Md5 => md5.map(ChecksumValue::from_md5),
                other => fingerprint.checksum(other),
            };
            let of_part = part.checksum.filter(|value| value.algorithm() == algorithm);
            told.or(of_part).or_else(|| self.own_checksum(algorithm))
        });
        Digested { md5, checksum }
    }

    /// What only a read can tell.
    fn missing(
        &self,
        machine: &Machine,
        known: &Digested,
        wanted: Option<ChecksumAlgorithm>,
    ) -> Missing {
        Missing {
            md5: known.md5.is_none() && self.range.len() <= machine.settings.etag_md5_up_to,
            checksum: wanted.filter(|_| known.checksum.is_none()),
        }
    }

    fn is_whole(&self) -> bool {
        self.range == ByteRange::whole(self.object.len)
    }

    /// The stored checksum, where it is one of exactly the range's bytes.
    fn own_checksum(&self, algorithm: ChecksumAlgorithm) -> Option<ChecksumValue> {
        let own = self.object.checksum.as_ref().filter(|_| self.is_whole())?;
        (own.kind == ChecksumType::FullObject && own.value.algorithm() == algorithm)
            .then_some(own.value)
    }
}
