//! Room: PutBucketRequestPayment: who pays for requests and downloads. Here it is the owner.
//!
//! Source: S3 API Reference, PutBucketRequestPayment.

use crate::error::S3Error;
use crate::xml::read::Body;

/// Reads the body of PutBucketRequestPayment, which may say what is so anyway.
///
/// # Errors
/// `MalformedXML` for another payer than S3's two; `NotImplemented` for the requester.
pub fn parse_body(bytes: &[u8]) -> Result<(), S3Error> {
    let mut body = Body::open(bytes, "RequestPaymentConfiguration")?;
    let mut payer = None;
    while let Some(name) = body.child()? {
        match name.as_str() {
            "Payer" if payer.is_none() => payer = Some(body.text()?),
            _ => return Err(S3Error::malformed_xml()),
        }
    }
    body.end()?;
    match payer.as_deref() {
        Some("BucketOwner") => Ok(()),
        Some("Requester") => {
            let additional = "RequestPaymentConfiguration.Payer Requester is not implemented";
            Err(S3Error::not_implemented(None, Some(additional)))
        }
        Some(_) | None => Err(S3Error::malformed_xml()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn the_owner_pays() {
        // rule: request-payment/owner-pays, request-payment/requester, request-payment/malformed
        let parse = |inside: &str| {
            let body = alloc::format!(
                "<RequestPaymentConfiguration>{inside}</RequestPaymentConfiguration>"
            );
            parse_body(body.as_bytes()).map_err(|error| error.code)
        };
        assert_eq!(parse("<Payer>BucketOwner</Payer>"), Ok(()));
        assert_eq!(parse("<Payer>Requester</Payer>"), Err(ErrorCode::NotImplemented));
        for wrong in ["", "<Payer/>", "<Payer>Nobody</Payer>", "<Other/>"] {
            assert_eq!(parse(wrong), Err(ErrorCode::MalformedXml), "{wrong}");
        }
    }
}
