//! Room: the operations of S3, one file each: what a request says (`…Input::parse`), the decisions
//! that need nothing but values, and the answer.
//!
//! Must not: look anything up. What exists comes in as arguments; the node holds the order of the
//! checks.
//! Invariants: a header or query that asks for something not built is refused by [`unbuilt`], in
//! `parse`.
//! Source: S3 API Reference, the page of each operation's name.

pub mod abort_upload;
pub mod absent;
pub mod acl;
pub mod bucket_lifecycle;
pub mod bucket_versioning;
pub mod common;
pub mod complete_upload;
pub mod configuration;
pub mod copy_object;
pub mod create_bucket;
pub mod create_upload;
pub mod delete_bucket;
pub mod delete_condition;
pub mod delete_object;
pub mod delete_objects;
pub mod get_bucket_location;
pub mod get_object;
pub mod get_object_attributes;
pub mod head_bucket;
pub mod head_object;
pub mod list_buckets;
pub mod list_objects;
pub mod list_parts;
pub mod list_uploads;
pub mod list_versions;
pub mod listing;
pub mod object_legal_hold;
pub mod object_retention;
pub mod object_tagging;
pub mod overrides;
pub mod post_object;
pub mod preflight;
pub mod put_object;
pub mod request_payment;
pub mod unbuilt;
pub mod upload_part;
pub mod upload_part_copy;
pub mod version;
pub mod write_condition;

#[cfg(test)]
mod clients;
#[cfg(test)]
pub(crate) mod testing;
