//! Room: CORS: preflight requests, and the headers of answers to pages of other origins. What the rules say stands in
//! `protocol::cors`.
//!
//! Must not: look anything up for a request without an `Origin`.

use std::rc::Rc;

use meta::query;
use protocol::cors::Cors;
use protocol::error::S3Error;
use protocol::name::BucketName;
use protocol::operation::preflight::{self, PreflightInput};
use protocol::request::{Head, Method, Target};

use super::{Outcome, failure, subject};
use crate::catalog::CatalogError;
use crate::exchange::{Response, ResponseBody};
use crate::machine::Machine;

/// S3: a preflight request is not signed.
pub(super) async fn preflight(machine: &Machine, head: &Head) -> Result<Outcome, S3Error> {
    let name = subject::bucket_name(head)?;
    let input = PreflightInput::parse(head)?;
    let (there, rules) = rules(machine, name).await.map_err(failure::catalog)?;
    if !there {
        return Err(S3Error::no_such_bucket(name));
    }
    Ok(input.answer(rules.as_deref(), head)?.into())
}

/// What the answer to an actual request carries besides.
pub(super) async fn headers(machine: &Machine, head: &Head) -> Vec<(String, String)> {
    if preflight::origin(head).is_none() || head.method == Method::Options {
        return Vec::new();
    }
    let (Target::Bucket(name) | Target::Object(name, _)) = &head.target else { return Vec::new() };
    // Whoever cannot be told the rules is told nothing: his browser keeps the answer from the page.
    match rules(machine, name).await {
        Ok((_, Some(rules))) => preflight::actual(&rules, head),
        Ok((_, None)) | Err(_) => Vec::new(),
    }
}

/// Whether the bucket is there, and its rules.
async fn rules(
    machine: &Machine,
    name: &BucketName,
) -> Result<(bool, Option<Rc<Cors>>), CatalogError> {
    let wanted = name.clone();
    let found = machine.catalog.look(move |store| query::bucket(store, &wanted)).await?;
    match found {
        Some(bucket) => Ok((true, machine.configs.cors(&bucket).await?)),
        None => Ok((false, None)),
    }
}

/// The same answer with more headers, also where it comes late.
pub(super) fn add(mut response: Response, headers: Vec<(String, String)>) -> Response {
    if headers.is_empty() {
        return response;
    }
    response.headers.extend(headers.iter().cloned());
    response.body = match response.body {
        ResponseBody::Late(rest) => {
            ResponseBody::Late(Box::pin(async move { add(rest.await, headers) }))
        }
        other => other,
    };
    response
}
