//! Room: the operations on buckets.
//!
//! Source: S3 "CreateBucket", "HeadBucket", "DeleteBucket", "ListBuckets", "PutBucketVersioning", "GetBucketVersioning".

use std::collections::BTreeMap;

use super::list::{self, End};
use super::{Answered, Bucket, Fault, Reference, Versioning};
use crate::names::ANY;
use crate::wire::{Answer, Ask, Body};
use crate::xml::Node;

/// The account of the node, as owners are shown.
pub(super) fn account(name: &str) -> Node {
    Node::new(name).with("ID", ANY).with("DisplayName", "000000000000")
}

impl Reference {
    pub(super) fn create_bucket(&mut self, ask: &Ask) -> Answered {
        let name = ask.bucket.clone().unwrap_or_default();
        let answer = Answer::empty(200).header("location", format!("/{name}"));
        if self.buckets.contains_key(&name) {
            let message = "Your previous request to create the named bucket succeeded and you already own it.";
            let fault = Fault::new(409, "BucketAlreadyOwnedByYou", message);
            return Err(fault.with("BucketName", name));
        }
        let bucket = Bucket {
            created: self.now,
            versioning: Versioning::Never,
            keys: BTreeMap::new(),
            uploads: Vec::new(),
            touched: BTreeMap::new(),
            over: Vec::new(),
            ids: Vec::new(),
        };
        self.buckets.insert(name, bucket);
        Ok(answer.header("x-amz-bucket-arn", ANY))
    }

    pub(super) fn head_bucket(&mut self, ask: &Ask) -> Answered {
        self.bucket(ask)?;
        let name = ask.bucket.as_deref().unwrap_or_default();
        Ok(Answer::empty(200)
            .header("content-type", "application/xml")
            .header("x-amz-access-point-alias", false)
            .header("x-amz-bucket-arn", format!("arn:aws:s3:::{name}"))
            .header("x-amz-bucket-region", "us-east-1"))
    }

    pub(super) fn delete_bucket(&mut self, ask: &Ask) -> Answered {
        let name = ask.bucket.clone().unwrap_or_default();
        if !self.bucket(ask)?.keys.is_empty() {
            let message = "The bucket you tried to delete is not empty";
            return Err(Fault::new(409, "BucketNotEmpty", message).with("BucketName", name));
        }
        self.buckets.remove(&name);
        Ok(Answer::empty(204))
    }

    pub(super) fn list_buckets(&mut self, ask: &Ask) -> Answered {
        let max = ask.get_param("max-buckets").map_or(10_000, |max| max.parse().expect("a number"));
        let prefix = ask.get_param("prefix").unwrap_or_default();
        let after = ask.get_param("continuation-token").map(|token| self.behind(token));
        let after = after.map(|end| match end {
            End::Name(name) | End::Prefix(name) => name,
        });
        let names = self.buckets.keys().filter(|name| name.starts_with(prefix));
        let names = names.filter(|name| after.as_ref().is_none_or(|after| *name > after));
        let names: Vec<String> = names.cloned().collect();
        let more = names.len() > max;
        let mut buckets = Node::new("Buckets");
        for name in names.iter().take(max) {
            let bucket = Node::new("Bucket")
                .with("Name", name)
                .with("CreationDate", list::date(self.buckets[name].created))
                .with("BucketRegion", "us-east-1")
                .with("BucketArn", format!("arn:aws:s3:::{name}"));
            buckets = buckets.and(bucket);
        }
        let token = more.then(|| self.token(End::Name(names[max - 1].clone())));
        let root = Node::new("ListAllMyBucketsResult").and(buckets).and(account("Owner"));
        let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
        Ok(Answer::document(root.with_if("ContinuationToken", token).with_if("Prefix", prefix)))
    }

    pub(super) fn put_versioning(&mut self, ask: &Ask) -> Answered {
        self.bucket(ask)?;
        let Body::Document(root) = &ask.body else { return Err(Fault::malformed()) };
        let versioning = match root.get("Status") {
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            Some(_) => return Err(Fault::malformed()),
            None => {
                let message = "The Versioning element must be specified";
                let code = "IllegalVersioningConfigurationException";
                return Err(Fault::new(400, code, message));
            }
        };
        self.bucket_mut(ask)?.versioning = versioning;
        Ok(Answer::empty(200))
    }

    pub(super) fn get_versioning(&mut self, ask: &Ask) -> Answered {
        let status = match self.bucket(ask)?.versioning {
            Versioning::Never => None,
            Versioning::Enabled => Some("Enabled"),
            Versioning::Suspended => Some("Suspended"),
        };
        Ok(Answer::document(Node::new("VersioningConfiguration").with_if("Status", status)))
    }
}
