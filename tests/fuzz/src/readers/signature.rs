//! Room: Signature Version 4, in the header and in the query. The first line of an input says what is done with the
//! rest, a head without a signature: `header AT MASK` or `query AT MASK`, where one byte of the signed head changes.
//!
//! Promises: what our signer signs is accepted; what was changed on its way is refused, or says the same.

use protocol::request::{Head, Headers};
use protocol::sign::sign::{Signer, Unsigned};
use protocol::sign::{Authenticated, PayloadMode, authenticate};

use super::{NOW, REGION, check_error, credential, head};

pub(crate) fn run(bytes: &[u8]) {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let words: Vec<&str> = str::from_utf8(&bytes[..end]).unwrap_or("").split(' ').collect();
    let [kind @ ("header" | "query"), at, mask] = words[..] else { return };
    let (Ok(at), Ok(mask)) = (at.parse::<usize>(), mask.parse::<u8>()) else { return };
    let Some(mut wire) = sign(&bytes[end + 1..], kind == "query") else { return };
    let Some(Ok(sent)) = head::read(&wire) else { return };
    let signed_names = match accept(&sent) {
        Some(_) => signed_names(&sent),
        None => panic!("what was signed is refused: {}", wire.escape_ascii()),
    };

    let place = at % wire.len();
    wire[place] ^= mask;
    let Some(Ok(received)) = head::read(&wire) else { return };
    if accept(&received).is_some() {
        assert_eq!(
            meaning(&received, &signed_names),
            meaning(&sent, &signed_names),
            "byte {place} xor {mask}"
        );
    }
}

fn accept(head: &Head) -> Option<Authenticated> {
    authenticate(head, REGION, &credential(), NOW).inspect_err(check_error).ok()
}

/// The bytes of a head with a signature; `None` for one that cannot be signed, or has one.
fn sign(wire: &[u8], in_query: bool) -> Option<Vec<u8>> {
    let mut fields = [httparse::EMPTY_HEADER; 50];
    let mut request = httparse::Request::new(&mut fields);
    request.parse(wire).ok().filter(httparse::Status::is_complete)?;
    let (method, target) = (request.method?, request.path?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let lines = request.headers.iter().map(|field| (field.name.to_owned(), field.value.to_vec()));
    let mut headers: Headers = lines.collect();
    if !is_signable(path, query, &headers) {
        return None;
    }
    let credential = credential();
    let signer = Signer { credential: &credential, region: REGION, now: NOW };
    let request =
        Unsigned { method, path, query, headers: &headers, payload: PayloadMode::Unsigned };
    let query = if in_query {
        signer.presign(&request, 60)
    } else {
        let signed = signer.sign(&request).headers;
        signed.into_iter().for_each(|(name, value)| headers.insert(name, value));
        query.to_owned()
    };
    let mut signed = format!("{method} {path}?{query} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers.iter() {
        signed.extend_from_slice(name.as_bytes());
        signed.extend_from_slice(b": ");
        signed.extend_from_slice(value);
        signed.extend_from_slice(b"\r\n");
    }
    signed.extend_from_slice(b"\r\n");
    Some(signed)
}

/// Whether nothing of it speaks of signatures already, and there is a host.
fn is_signable(path: &str, query: &str, headers: &Headers) -> bool {
    let own =
        ["authorization", "date", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"];
    let lower = query.to_ascii_lowercase();
    headers.all("host").count() == 1
        && !own.iter().any(|name| headers.has(name))
        && path.starts_with('/')
        && !path.contains('#')
        && !["x-amz", "signature", "awsaccesskeyid", "%", "+", "#"]
            .iter()
            .any(|word| lower.contains(word))
}

/// The names that were signed: of all headers but the signature itself.
fn signed_names(head: &Head) -> Vec<String> {
    let names = head.headers.iter().map(|(name, _)| name.to_owned());
    names.filter(|name| name != "authorization").collect()
}

/// What a request says: method, bucket and key, query in any order, signed headers. An empty header is as good as none.
fn meaning(head: &Head, signed_names: &[String]) -> impl PartialEq + std::fmt::Debug {
    let mut query: Vec<_> =
        head.query.pairs().iter().filter(|(name, _)| name != "X-Amz-Signature").cloned().collect();
    query.sort_unstable();
    let headers =
        head.headers.iter().filter(|(name, _)| signed_names.iter().any(|signed| signed == name));
    let words = |value: &[u8]| {
        let words = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        words.map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let mut headers: Vec<_> = headers
        .map(|(name, value)| (name.to_owned(), words(value)))
        .filter(|(_, words)| !words.is_empty())
        .collect();
    headers.sort_unstable();
    (head.method.clone(), head.target.clone(), head.style, query, headers)
}
