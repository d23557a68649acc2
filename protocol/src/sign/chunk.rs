//! Room: the chain of signatures through an aws-chunked body, each over the one before.
//! Holds: the last signature; it begins with the one of the head.
//! Source: S3 "Signature Calculations for the Authorization Header: Transferring Payload in
//! Multiple Chunks" and "… Including Trailing Headers".

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use super::{Scope, Signature, SigningKey, mismatch, to_hex};
use crate::error::S3Error;
use crate::time::Timestamp;

/// The SHA-256 of a chunk's data or of the trailer lines.
pub type ChunkDigest = [u8; 32];

/// Where a chain of chunk signatures stands.
#[derive(Clone, Debug)]
pub struct Chain {
    access_key: String,
    key: SigningKey,
    /// Date and scope, the second and third line of each string to sign.
    context: String,
    last: Signature,
}

impl Chain {
    /// A chain that goes on from `seed`, the signature of the head.
    pub(super) fn new(
        access_key: &str,
        key: SigningKey,
        scope: &Scope,
        date: Timestamp,
        seed: Signature,
    ) -> Self {
        let context = format!("{}\n{scope}", date.amz_date());
        Self { access_key: access_key.to_owned(), key, context, last: seed }
    }

    /// Signs the next chunk.
    pub fn sign_chunk(&mut self, digest: &ChunkDigest) -> Signature {
        self.last = self.key.sign(self.chunk_to_sign(digest).as_bytes());
        self.last
    }

    /// Signs the trailers: each as `name:value` and a line feed.
    pub fn sign_trailer(&mut self, digest: &ChunkDigest) -> Signature {
        self.last = self.key.sign(self.trailer_to_sign(digest).as_bytes());
        self.last
    }

    /// Goes on if `provided` is the next chunk's signature.
    ///
    /// # Errors
    /// `SignatureDoesNotMatch`.
    pub fn verify_chunk(&mut self, digest: &ChunkDigest, provided: &str) -> Result<(), S3Error> {
        self.verify(&self.chunk_to_sign(digest), provided)
    }

    /// Goes on if `provided` is the signature of the trailers.
    ///
    /// # Errors
    /// `SignatureDoesNotMatch`.
    pub fn verify_trailer(&mut self, digest: &ChunkDigest, provided: &str) -> Result<(), S3Error> {
        self.verify(&self.trailer_to_sign(digest), provided)
    }

    fn verify(&mut self, to_sign: &str, provided: &str) -> Result<(), S3Error> {
        match Signature::parse(provided) {
            Some(signature) if self.key.verify(to_sign.as_bytes(), &signature) => {
                self.last = signature;
                Ok(())
            }
            _ => Err(mismatch(&self.access_key, provided, to_sign, None)),
        }
    }

    fn chunk_to_sign(&self, digest: &ChunkDigest) -> String {
        format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{EMPTY_SHA256}\n{}",
            self.context,
            self.last,
            to_hex(digest)
        )
    }

    fn trailer_to_sign(&self, digest: &ChunkDigest) -> String {
        format!("AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}", self.context, self.last, to_hex(digest))
    }
}

/// The digest of no bytes, in every chunk's string to sign.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
