//! Room: the XML of S3: a pull reader for request bodies and a writer for answers.
//!
//! Source: S3 API Reference, "Common errors" and the response syntax of each operation.

pub mod read;
pub mod write;

/// The namespace of every answer's root element.
pub const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
