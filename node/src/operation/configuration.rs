//! Room: the configurations of a bucket that are documents to be put, read back and taken away; what they mean is asked
//! elsewhere. Durable step: one command.
//!
//! What is kept is the document as this node writes it after reading the client's: it is read back as it is kept.

use meta::command::{Refusal, SetConfig};
use meta::query;
use meta::record::ConfigKind;
use protocol::answer::Answer;
use protocol::cors::Cors;
use protocol::error::{ErrorCode, S3Error};
use protocol::limits::{CORS_LEN_MAX, XML_BODY_MAX};
use protocol::name::BucketName;
use protocol::operation::configuration::{self, ConfigurationInput};
use protocol::ownership::ObjectOwnership;
use protocol::public_access::PublicAccessBlock;
use protocol::route::Operation;
use protocol::tagging::{TagSet, Tagged};

use super::{Call, Outcome, failure, ingest, subject};
use crate::catalog::CatalogError;
use crate::machine::Machine;

/// Reads what a client sends, and writes what is kept; nothing, if that comes to having none.
type Rewritten = fn(&[u8]) -> Result<Option<String>, S3Error>;

/// What differs between configurations.
struct Kept {
    kind: ConfigKind,
    rewritten: Rewritten,
    /// What is answered where there is none.
    absent: (ErrorCode, &'static str),
    put: fn() -> Answer,
    /// The longest document, in bytes.
    len_max: u64,
}

const TAGS: Kept = Kept {
    kind: ConfigKind::Tagging,
    rewritten: |sent| {
        let tags = TagSet::parse(Tagged::Bucket, sent)?;
        Ok((!tags.is_empty()).then(|| tags.document().into_text()))
    },
    absent: (ErrorCode::NoSuchTagSet, "The TagSet does not exist"),
    put: configuration::done,
    len_max: XML_BODY_MAX,
};

const OWNERSHIP: Kept = Kept {
    kind: ConfigKind::Ownership,
    rewritten: |sent| Ok(Some(ObjectOwnership::parse(sent)?.document().into_text())),
    absent: (
        ErrorCode::OwnershipControlsNotFoundError,
        "The bucket ownership controls were not found",
    ),
    put: configuration::put,
    len_max: XML_BODY_MAX,
};

const PUBLIC_ACCESS: Kept = Kept {
    kind: ConfigKind::PublicAccess,
    rewritten: |sent| Ok(Some(PublicAccessBlock::parse(sent)?.document().into_text())),
    absent: (
        ErrorCode::NoSuchPublicAccessBlockConfiguration,
        "The public access block configuration was not found",
    ),
    put: configuration::put,
    len_max: XML_BODY_MAX,
};

const CORS: Kept = Kept {
    kind: ConfigKind::Cors,
    rewritten: |sent| Ok(Some(Cors::parse(sent)?.document().into_text())),
    absent: (ErrorCode::NoSuchCorsConfiguration, "The CORS configuration does not exist"),
    put: configuration::put,
    len_max: CORS_LEN_MAX,
};

fn kept(operation: Operation) -> Kept {
    use Operation as O;
    match operation {
        O::GetBucketTagging | O::PutBucketTagging | O::DeleteBucketTagging => TAGS,
        O::GetBucketOwnershipControls
        | O::PutBucketOwnershipControls
        | O::DeleteBucketOwnershipControls => OWNERSHIP,
        O::GetBucketCors | O::PutBucketCors | O::DeleteBucketCors => CORS,
        O::GetPublicAccessBlock | O::PutPublicAccessBlock | O::DeletePublicAccessBlock => {
            PUBLIC_ACCESS
        }
        other => unreachable!("{} is about no document", other.name()),
    }
}

pub(super) async fn get(call: Call<'_>, operation: Operation) -> Result<Outcome, S3Error> {
    let Kept { kind, absent: (code, message), .. } = kept(operation);
    let name = subject::bucket_name(call.head)?;
    let input = ConfigurationInput::parse(call.head, operation)?;
    let bucket = subject::bucket(call.machine, name, &input.common).await?;
    let none = || S3Error::new(code, message).with("BucketName", name.as_ref());
    if bucket.config(kind).is_none() {
        return Err(none());
    }
    let wanted = name.clone();
    let found =
        call.machine.catalog.look(move |store| query::config_of(store, &wanted, &bucket, kind));
    let found = found.await;
    let found = found.map_err(failure::catalog)?.ok_or_else(none)?;
    Ok(configuration::got(found.document).into())
}

pub(super) async fn put(mut call: Call<'_>, operation: Operation) -> Result<Outcome, S3Error> {
    let Kept { kind, rewritten, put, len_max, .. } = kept(operation);
    let name = subject::bucket_name(call.head)?;
    let input = ConfigurationInput::parse(call.head, operation)?;
    subject::bucket(call.machine, name, &input.common).await?;
    let document = receive(&mut call, rewritten, len_max).await?;
    set(call.machine, name, kind, document).await?;
    Ok(put().into())
}

pub(super) async fn delete(call: Call<'_>, operation: Operation) -> Result<Outcome, S3Error> {
    let Kept { kind, .. } = kept(operation);
    let name = subject::bucket_name(call.head)?;
    let input = ConfigurationInput::parse(call.head, operation)?;
    subject::bucket(call.machine, name, &input.common).await?;
    set(call.machine, name, kind, None).await?;
    Ok(configuration::done().into())
}

/// Receives a document, and has it rewritten by a reader thread: a long one takes longer than a shard has.
pub(super) async fn receive(
    call: &mut Call<'_>,
    rewritten: Rewritten,
    len_max: u64,
) -> Result<Option<String>, S3Error> {
    ingest::admit(call.machine, 0)?;
    let mut sent = ingest::document(call, configuration::INTEGRITY, len_max).await?;
    let bytes = std::mem::take(&mut sent.bytes);
    let document = call.machine.catalog.ask(move |_| Ok(rewritten(&bytes))).await;
    document.map_err(failure::catalog)?
}

/// Gives the bucket a document in place of the one of this kind that it has, or takes that away.
pub(super) async fn set(
    machine: &Machine,
    name: &BucketName,
    kind: ConfigKind,
    document: Option<String>,
) -> Result<(), S3Error> {
    let command = SetConfig { name: name.clone(), kind, document };
    match machine.catalog.commit(command.into()).await {
        Ok(_) => Ok(()),
        Err(CatalogError::Refused(Refusal::NoSuchBucket)) => Err(S3Error::no_such_bucket(name)),
        Err(CatalogError::Refused(Refusal::VersioningNeeded)) => {
            Err(S3Error::lock_needs_versioning())
        }
        Err(other) => Err(failure::catalog(other)),
    }
}
