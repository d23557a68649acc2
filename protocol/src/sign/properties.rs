//! Room: what holds for every request there could be: as it was signed it is let in, however it is spelt; with one
//! thing changed it is not; and the object that is served is the one that was signed.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sha2::{Digest, Sha256};

use super::sign::{Framer, Signer, Unsigned};
use super::{Authenticated, Credential, PayloadMode, authenticate, unhoist, vectors};
use crate::body::Intake;
use crate::checksum::{ChecksumAlgorithm, Hasher};
use crate::error::{ErrorCode, S3Error};
use crate::percent;
use crate::request::{AddressStyle, Head, Headers, Method};
use crate::time::Timestamp;

const REGION: &str = "us-east-1";
const LIFE_S: u64 = 60;
const METHODS: [&str; 6] = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"];

fn now() -> Timestamp {
    Timestamp::parse_amz_date(vectors::DATE).unwrap()
}

fn keyring() -> Credential {
    Credential {
        access_key: vectors::ACCESS_KEY.to_string(),
        secret_key: vectors::SECRET_KEY.to_string(),
    }
}

/// How a request is signed.
#[derive(Clone, Copy, Debug)]
enum How {
    Header,
    Query,
}

/// What a request means: nothing is encoded.
#[derive(Clone, PartialEq, Debug)]
struct Meaning {
    method: &'static str,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl Meaning {
    fn any() -> impl Strategy<Value = Self> {
        (
            select(&METHODS[..]),
            "[^\u{0}]{0,20}",
            // Names that mean nothing, each once.
            proptest::collection::btree_map("q[a-z &=+/é%-]{0,8}", "[ -~ü]{0,8}", 0..5),
            proptest::collection::btree_map(
                "(x-amz-meta-|x-)h[a-z]{1,4}",
                "[!-~]([ -~]{0,8}[!-~])?",
                0..5,
            ),
        )
            .prop_map(|(method, key, query, headers)| Self {
                method,
                path: format!("/bucket/k{key}"),
                query: query.into_iter().collect(),
                headers: headers.into_iter().collect(),
            })
    }

    fn lines(&self) -> Headers {
        let mut headers = Headers::new();
        headers.insert("host", "node.test:9000");
        self.headers.iter().for_each(|(name, value)| headers.insert(name.as_str(), value.as_str()));
        headers
    }

    fn raw_query(&self) -> String {
        let words = self.query.iter();
        let words = words.map(|(n, v)| format!("{}={}", percent::encode(n), percent::encode(v)));
        words.collect::<Vec<_>>().join("&")
    }

    fn sign(&self, how: How) -> Sent {
        let (credential, headers) = (keyring(), self.lines());
        let (path, query) = (percent::encode_path(&self.path), self.raw_query());
        let signer = Signer { credential: &credential, region: REGION, now: now() };
        let payload = PayloadMode::Unsigned;
        let unsigned = Unsigned {
            method: self.method,
            path: &path,
            query: &query,
            headers: &headers,
            payload,
        };
        match how {
            How::Header => {
                Sent { added: signer.sign(&unsigned).headers.into(), query: String::new() }
            }
            How::Query => {
                let whole = signer.presign(&unsigned, LIFE_S);
                let added = whole.strip_prefix(&query).unwrap().trim_start_matches('&');
                Sent { added: Vec::new(), query: added.to_string() }
            }
        }
    }
}

/// What signing added to a request.
struct Sent {
    added: Vec<(&'static str, String)>,
    query: String,
}

impl Sent {
    /// The signature put on a request that may be another one.
    fn on(&self, meaning: &Meaning) -> Result<Head, S3Error> {
        let spelt = (percent::encode_path(&meaning.path), meaning.raw_query());
        self.spelt(meaning, &spelt.0, &spelt.1)
    }

    fn spelt(&self, meaning: &Meaning, path: &str, query: &str) -> Result<Head, S3Error> {
        let mut headers = meaning.lines();
        self.added.iter().for_each(|(name, value)| headers.insert(*name, value.as_str()));
        let and = if query.is_empty() || self.query.is_empty() { "" } else { "&" };
        let query = format!("{query}{and}{}", self.query);
        Head::new(Method::parse(meaning.method), path, Some(&query), headers, &[])
    }
}

fn enter(head: &Head) -> Result<Authenticated, S3Error> {
    authenticate(head, REGION, &keyring(), now())
}

/// One thing about a request that is changed.
#[derive(Clone, Debug)]
enum Change {
    Method(Index),
    Path(Index, char),
    Longer(char),
    ParameterName(Index, char),
    ParameterValue(Index, char),
    NewParameter(String),
    NoParameter(Index),
    HeaderValue(Index, char),
    NoHeader(Index),
    NewHeader(String),
}

impl Change {
    fn any() -> impl Strategy<Value = Self> {
        let index = any::<Index>;
        let sign = || proptest::char::range('!', '~');
        prop_oneof![
            index().prop_map(Self::Method),
            (index(), sign()).prop_map(|(at, with)| Self::Path(at, with)),
            sign().prop_map(Self::Longer),
            (index(), sign()).prop_map(|(at, with)| Self::ParameterName(at, with)),
            (index(), sign()).prop_map(|(at, with)| Self::ParameterValue(at, with)),
            "[a-z]{1,4}".prop_map(Self::NewParameter),
            index().prop_map(Self::NoParameter),
            (index(), sign()).prop_map(|(at, with)| Self::HeaderValue(at, with)),
            index().prop_map(Self::NoHeader),
            "[a-z]{1,4}".prop_map(Self::NewHeader),
        ]
    }

    /// `None` where there is nothing of the kind to change.
    fn on(&self, meaning: &Meaning) -> Option<Meaning> {
        let mut other = meaning.clone();
        let (parameters, headers) = (other.query.len(), other.headers.len());
        let changed = |text: &mut String, with: char| text.insert(0, with);
        match self {
            Self::Method(at) => other.method = METHODS[at.index(METHODS.len())],
            Self::Path(at, with) => {
                // Behind the bucket's name, so that it stays a request for an object.
                let places: Vec<usize> =
                    other.path.char_indices().map(|(at, _)| at).filter(|at| *at >= 8).collect();
                let start = *at.get(&places);
                let end = start + other.path[start..].chars().next()?.len_utf8();
                other.path.replace_range(start..end, with.encode_utf8(&mut [0; 4]));
            }
            Self::Longer(with) => other.path.push(*with),
            Self::ParameterName(..) | Self::ParameterValue(..) | Self::NoParameter(_)
                if parameters == 0 =>
            {
                return None;
            }
            Self::ParameterName(at, with) => {
                changed(&mut other.query[at.index(parameters)].0, *with);
            }
            Self::ParameterValue(at, with) => {
                changed(&mut other.query[at.index(parameters)].1, *with);
            }
            Self::NewParameter(name) => other.query.push((name.clone(), String::new())),
            Self::NoParameter(at) => drop(other.query.remove(at.index(parameters))),
            Self::HeaderValue(..) | Self::NoHeader(_) if headers == 0 => return None,
            Self::HeaderValue(at, with) => changed(&mut other.headers[at.index(headers)].1, *with),
            Self::NoHeader(at) => drop(other.headers.remove(at.index(headers))),
            Self::NewHeader(name) => {
                other.headers.push((format!("x-amz-meta-new-{name}"), "1".to_string()));
            }
        }
        (other != *meaning).then_some(other)
    }
}

/// Each byte as it is, or escaped in either case, as `choices` say. A plus in a query is always escaped.
fn respell(text: &str, choices: &[u8], stays: impl Fn(u8) -> bool) -> String {
    let bytes = text.bytes().zip(choices.iter().cycle());
    bytes.fold(String::new(), |mut out, (byte, choice)| {
        match choice % 3 {
            0 if stays(byte) => out.push(char::from(byte)),
            1 => out.push_str(&format!("%{byte:02x}")),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

proptest! {
    #[test]
    fn one_change_is_one_too_many(
        meaning in Meaning::any(),
        change in Change::any(),
        how in select(&[How::Header, How::Query][..]),
    ) {
        let signature = meaning.sign(how);
        prop_assert!(enter(&signature.on(&meaning).unwrap()).is_ok());
        if let Some(other) = change.on(&meaning) {
            // Some are no requests at all, such as one to a bucket with a strange name.
            if let Ok(head) = signature.on(&other) {
                let code = enter(&head).unwrap_err().code;
                let not_signed = matches!(change, Change::NewHeader(_));
                let expect =
                    if not_signed { ErrorCode::AccessDenied } else { ErrorCode::SignatureDoesNotMatch };
                prop_assert_eq!(code, expect);
            }
        }
    }

    #[test]
    fn another_spelling_is_the_same_request(
        meaning in Meaning::any(),
        choices in proptest::collection::vec(any::<u8>(), 1..16),
        how in select(&[How::Header, How::Query][..]),
    ) {
        let signature = meaning.sign(how);
        let path = respell(&meaning.path, &choices, |byte| byte.is_ascii_graphic() && !b"%?#".contains(&byte));
        let path = path.replacen("%2f", "/", 1).replacen("%2F", "/", 1);
        let path = if path.starts_with('/') { path } else { percent::encode_path(&meaning.path) };
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"%&=+#".contains(&byte);
        let mut words: Vec<String> = meaning
            .query
            .iter()
            .map(|(n, v)| format!("{}={}", respell(n, &choices, plain), respell(v, &choices, plain)))
            .collect();
        let turn = usize::from(choices[0]) % words.len().max(1);
        words.rotate_left(turn);
        let as_signed = signature.on(&meaning).unwrap();
        let head = signature.spelt(&meaning, &path, &words.join("&")).unwrap();
        prop_assert!(enter(&head).is_ok(), "{} {}", path, words.join("&"));
        prop_assert_eq!(&head.target, &as_signed.target);
        for (name, value) in &meaning.query {
            prop_assert_eq!(head.query.get(name), Some(value.as_str()));
        }
    }

    /// Lines that are split at their commas, which their signature does not tell.
    #[test]
    fn split_lines_mean_what_was_signed(
        values in proptest::collection::vec("[!-+.-~]{1,6}", 1..5),
        how in select(&[How::Header, How::Query][..]),
    ) {
        let name = "x-amz-copy-source";
        let whole = values.join(",");
        let meaning = Meaning {
            method: "PUT",
            path: "/bucket/k".into(),
            query: Vec::new(),
            headers: Vec::from([(name.to_string(), whole.clone())]),
        };
        let signature = meaning.sign(how);
        let lines = values.iter().map(|value| (name.to_string(), value.clone())).collect();
        let mut head = signature.on(&Meaning { headers: lines, ..meaning }).unwrap();
        prop_assert!(enter(&head).is_ok());
        unhoist(&mut head).unwrap();
        prop_assert_eq!(head.headers.get(name), Some(whole.as_str()));
        prop_assert_eq!(head.headers.all(name).count(), 1);
    }

    /// Whatever is done to one byte of a body that is signed: the bytes that were signed, or none.
    #[test]
    fn no_other_body_is_taken(
        body in proptest::collection::vec(any::<u8>(), 1..9000),
        mode in select(&[0, 1, 2][..]),
        at in any::<Index>(),
        flip in 1..=255_u8,
    ) {
        let body = Bytes::from(body);
        let mut headers = Headers::new();
        headers.insert("host", "node.test");
        headers.insert("x-amz-decoded-content-length", body.len().to_string());
        let payload = match mode {
            0 => PayloadMode::Hash(Sha256::digest(&body).into()),
            1 => PayloadMode::StreamingSigned,
            _ => PayloadMode::StreamingSignedTrailer,
        };
        if mode == 2 {
            headers.insert("x-amz-trailer", "x-amz-checksum-crc32");
        }
        let credential = keyring();
        let signer = Signer { credential: &credential, region: REGION, now: now() };
        let (method, path, query) = ("PUT", "/bucket/k", "");
        let signed = signer.sign(&Unsigned { method, path, query, headers: &headers, payload });
        let mut framer = Framer::signed(signed.chain.clone());
        body.chunks(8192).for_each(|chunk| framer.chunk(chunk));
        let wire = match mode {
            0 => body.to_vec(),
            1 => framer.end(),
            _ => {
                let mut hasher = Hasher::new(ChecksumAlgorithm::Crc32);
                hasher.update(&body);
                framer.end_with(&[("x-amz-checksum-crc32", &hasher.finish().to_base64())])
            }
        };
        headers.insert("content-length", wire.len().to_string());
        signed.headers.iter().for_each(|(name, value)| headers.insert(*name, value.as_str()));
        let head = Head::new(Method::Put, path, None, headers, &[]).unwrap();
        let auth = enter(&head).unwrap();
        let take = |wire: Vec<u8>| {
            let mut taken = Vec::new();
            let mut intake = Intake::new(&head, &auth, None, 1 << 20)?;
            intake.push(Bytes::from(wire), &mut |piece| taken.extend_from_slice(&piece))?;
            let mut hasher = Hasher::new(ChecksumAlgorithm::Crc32);
            hasher.update(&taken);
            intake.finish(None, |_| Some(hasher.finish()))?;
            Ok::<_, S3Error>(taken)
        };
        prop_assert_eq!(take(wire.clone()).unwrap(), body.to_vec());
        let mut spoilt = wire.clone();
        spoilt[at.index(wire.len())] ^= flip;
        if let Ok(taken) = take(spoilt) {
            prop_assert_eq!(taken, body.to_vec());
            prop_assert!(mode != 0);
        }
        prop_assert!(take(wire[..at.index(wire.len())].to_vec()).is_err());
    }

    /// Against a second way of finding the bucket: label by label.
    #[test]
    fn what_is_served_is_what_the_host_and_path_that_were_signed_say(
        labels in proptest::collection::vec("[a-z][a-z0-9]{2,4}", 1..5),
        ends in proptest::collection::vec(any::<Index>(), 0..4),
        key in "[^\u{0}]{1,12}",
        dressing in select(&["", ":9000", ".", ".:80"][..]),
        upper in any::<bool>(),
        other in any::<Index>(),
    ) {
        let host = labels.join(".");
        let domains: Vec<String> =
            ends.iter().map(|end| labels[end.index(labels.len())..].join(".")).collect();
        let sent = if upper { host.to_ascii_uppercase() } else { host.clone() };
        let sent = format!("{sent}{dressing}");
        let path = format!("/{}", percent::encode_path(&format!("own-bucket/{key}")));
        let mut headers = Headers::new();
        headers.insert("host", sent);
        let credential = keyring();
        let signer = Signer { credential: &credential, region: REGION, now: now() };
        let payload = PayloadMode::Unsigned;
        let unsigned = Unsigned { method: "GET", path: &path, query: "", headers: &headers, payload };
        let query = signer.presign(&unsigned, LIFE_S);
        let asked = |headers: &Headers| {
            Head::new(Method::Get, &path, Some(&query), headers.clone(), &domains)
        };
        let head = asked(&headers).unwrap();
        prop_assert!(enter(&head).is_ok());
        let longest = (0..labels.len()).find(|cut| domains.contains(&labels[*cut..].join(".")));
        let (style, bucket, rest) = match longest {
            None | Some(0) => (AddressStyle::Path, "own-bucket".to_string(), key),
            Some(cut) => {
                (AddressStyle::VirtualHost, labels[..cut].join("."), format!("own-bucket/{key}"))
            }
        };
        prop_assert_eq!(head.style, style);
        prop_assert_eq!(head.target.bucket().unwrap().as_str(), bucket);
        prop_assert_eq!(head.target.key().unwrap().as_str(), rest);

        // The signature is good for this host alone, even for one that names the same bucket.
        let hosts = [
            format!("{host}:1"),
            format!("other.{host}"),
            labels[labels.len() - 1].clone() + ".x",
            "127.0.0.1".to_string(),
        ];
        let mut headers = Headers::new();
        headers.insert("host", other.get(&hosts).as_str());
        if let Ok(head) = asked(&headers) {
            prop_assert_eq!(enter(&head).unwrap_err().code, ErrorCode::SignatureDoesNotMatch);
        }
    }
}
