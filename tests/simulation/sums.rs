//! Room: the checksums that requests ask for, and whether those that answers tell are true.

use bytes::Bytes;
use protocol::checksum::{ChecksumAlgorithm, ChecksumType, ChecksumValue, Hasher};
use tenon_tests::content::Content;
use tenon_tests::random::Random;

use crate::client::Answered;

/// What an upload was created with.
pub(crate) type Sum = (ChecksumAlgorithm, ChecksumType);

/// An algorithm; the CRCs, which are known without reading, as often as the others.
pub(crate) fn draw(random: &mut Random) -> ChecksumAlgorithm {
    let crc = random.chance(50);
    let algorithms: Vec<_> =
        ChecksumAlgorithm::ALL.into_iter().filter(|a| a.combines() == crc).collect();
    *random.pick(&algorithms)
}

/// An algorithm for an upload, with one of the types that it has.
pub(crate) fn draw_for_upload(random: &mut Random) -> Sum {
    let algorithm = draw(random);
    let mut kinds = vec![ChecksumType::FullObject, ChecksumType::Composite];
    kinds.retain(|kind| algorithm.allows(*kind));
    (algorithm, *random.pick(&kinds))
}

/// The checksum of bytes.
pub(crate) fn of_bytes(bytes: &Bytes, algorithm: ChecksumAlgorithm) -> ChecksumValue {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}

/// The checksum of a content.
pub(crate) fn of(content: &Content, algorithm: ChecksumAlgorithm) -> ChecksumValue {
    of_bytes(&content.bytes().into(), algorithm)
}

/// Whether the answer's document tells the checksum that was asked for, and no other than true ones.
///
/// # Errors
/// What is missing or wrong.
pub(crate) fn document_is_true(
    answer: &Answered,
    asked: Option<ChecksumAlgorithm>,
    content: &Content,
) -> Result<(), String> {
    for algorithm in ChecksumAlgorithm::ALL {
        match answer.elements(algorithm.element()).pop() {
            Some(told) => equal(&told, algorithm, content)?,
            None if asked == Some(algorithm) => return Err(format!("no {}", algorithm.name())),
            None => {}
        }
    }
    Ok(())
}

/// Whether the checksum of the whole that the answer's head tells, if it does, is true.
///
/// # Errors
/// What is wrong.
pub(crate) fn head_is_true(answer: &Answered, content: &Content) -> Result<(), String> {
    if answer.header("x-amz-checksum-type") != Some(ChecksumType::FullObject.as_str()) {
        return Ok(());
    }
    for algorithm in ChecksumAlgorithm::ALL {
        if let Some(told) = answer.header(algorithm.header()) {
            equal(told, algorithm, content)?;
        }
    }
    Ok(())
}

fn equal(told: &str, algorithm: ChecksumAlgorithm, content: &Content) -> Result<(), String> {
    let is = of(content, algorithm).to_base64();
    let name = algorithm.name();
    (told == is).then_some(()).ok_or_else(|| format!("{name} {told} for bytes that have {is}"))
}
