//! Room: from a plain [`Response`] to what hyper sends: the headers that every answer has, lengths, HEAD.
//!
//! Invariants: `x-amz-request-id` and `x-amz-id-2` are on every answer; an answer to HEAD has no body, errors
//! included (S3 "Error responses").

use std::fmt::Write as _;
use std::rc::Rc;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use protocol::error::{ErrorCode, S3Error};

use super::adapter::Refusal;
use super::body;
use super::exchange_record::Exchange;
use crate::exchange::{Response, ResponseBody, Trace};
use crate::log;
use crate::seam::Spawn;

/// The error document as a response.
pub(super) fn error(error: &S3Error, id: &str, host_id: &str) -> Response {
    let mut headers: Vec<(String, String)> =
        error.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    headers.push(("content-type".into(), "application/xml".into()));
    Response {
        status: error.status(),
        headers,
        body: ResponseBody::Bytes(error.to_xml(id, host_id).into()),
        trace: Trace { error: Some(error.code.as_str()), ..Trace::default() },
    }
}

/// The error for what never becomes a request.
pub(super) fn refusal(refusal: Refusal) -> S3Error {
    match refusal {
        Refusal::NoTls => {
            S3Error::new(ErrorCode::BadRequest, "This port speaks HTTPS; the request came without.")
        }
        Refusal::Head(414 | 431) => S3Error::header_section_too_large(),
        Refusal::Head(501) => S3Error::not_implemented(Some("Transfer-Encoding"), None),
        Refusal::LateHead => S3Error::request_timeout(),
        Refusal::Head(_) => {
            S3Error::new(ErrorCode::BadRequest, "An error occurred when parsing the HTTP request.")
        }
    }
}

/// What hyper sends. A header that an operation made and HTTP cannot carry is our mistake: a 500.
pub(super) fn build(
    response: Response,
    is_head: bool,
    exchange: &Rc<Exchange>,
    host_id: &str,
    bulk: &dyn Spawn,
) -> hyper::Response<body::ResponseBody> {
    let Response { status, headers, body, trace } = response;
    let (status, headers) = match head(status, headers, exchange.id(), host_id) {
        Ok(head) => head,
        Err(problem) => {
            log::error("answer_unsendable", &[("id", &exchange.id()), ("problem", &problem)]);
            let internal = error(&S3Error::internal(), exchange.id(), host_id);
            return build(internal, is_head, exchange, host_id, bulk);
        }
    };
    exchange.answer(status.as_u16(), trace);
    let exchange = Rc::clone(exchange);
    let body = match body {
        ResponseBody::Empty => body::ResponseBody::whole(Bytes::new(), exchange),
        ResponseBody::Bytes(_) | ResponseBody::Stream { .. } | ResponseBody::Late(_) if is_head => {
            body::ResponseBody::whole(Bytes::new(), exchange)
        }
        ResponseBody::Bytes(bytes) => body::ResponseBody::whole(bytes, exchange),
        ResponseBody::Stream { len, source } => {
            body::ResponseBody::stream(len, source, bulk, exchange)
        }
        ResponseBody::Late(rest) => body::ResponseBody::late(rest, exchange),
    };
    let mut answer = hyper::Response::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

fn head(
    status: u16,
    headers: Vec<(String, String)>,
    id: &str,
    host_id: &str,
) -> Result<(StatusCode, HeaderMap), String> {
    let status = StatusCode::from_u16(status).map_err(|error| error.to_string())?;
    let mut map = HeaderMap::with_capacity(headers.len() + 4);
    let value = |name: &str, value: &str| {
        HeaderValue::from_bytes(value.as_bytes()).map_err(|error| format!("{name}: {error}"))
    };
    map.insert("x-amz-request-id", value("x-amz-request-id", id)?);
    map.insert("x-amz-id-2", value("x-amz-id-2", host_id)?);
    map.insert("server", HeaderValue::from_static("Tenon"));
    for (name, text) in headers {
        let value = value(&name, &text)?;
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|error| format!("{name}: {error}"))?;
        map.append(name, value);
    }
    Ok((status, map))
}

/// A whole answer as bytes, for sockets that no request will come from any more.
pub(super) fn raw(response: &Response, id: &str, host_id: &str) -> Bytes {
    let body = match &response.body {
        ResponseBody::Bytes(bytes) => bytes.as_ref(),
        ResponseBody::Empty | ResponseBody::Stream { .. } | ResponseBody::Late(_) => &[],
    };
    let reason = StatusCode::from_u16(response.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error");
    let mut text = format!("HTTP/1.1 {} {reason}\r\n", response.status);
    let fixed = [("x-amz-request-id", id), ("x-amz-id-2", host_id), ("server", "Tenon")];
    let given = response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in fixed.into_iter().chain(given) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let _ = write!(text, "connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes.into()
}
