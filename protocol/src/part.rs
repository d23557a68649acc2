//! Room: the number of a part.

use core::fmt;

use crate::error::S3Error;
use crate::limits::PART_NUMBER_MAX;

/// The number of a part, 1 to 10,000. S3: "UploadPart", partNumber.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PartNumber(u16);

impl PartNumber {
    /// The lowest number.
    pub const MIN: Self = Self(1);
    /// The highest number.
    pub const MAX: Self = Self(PART_NUMBER_MAX);

    /// The number, when it is one of a part.
    pub const fn new(number: u16) -> Option<Self> {
        if number >= 1 && number <= PART_NUMBER_MAX { Some(Self(number)) } else { None }
    }

    /// Reads the query parameter partNumber: decimal digits. Fails with InvalidArgument.
    pub fn parse(text: &str) -> Result<Self, S3Error> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = if digits { text.parse().ok().and_then(Self::new) } else { None };
        number.ok_or_else(|| {
            S3Error::invalid_argument(
                "partNumber",
                Some(text),
                "Part number must be an integer between 1 and 10000, inclusive",
            )
        })
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for PartNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn takes_one_to_ten_thousand() {
        for (text, number) in [("1", 1), ("42", 42), ("10000", 10_000), ("007", 7)] {
            assert_eq!(PartNumber::parse(text).unwrap().get(), number);
        }
    }

    #[test]
    fn refuses_everything_else_and_says_what_came() {
        for text in ["", "0", "10001", "-1", "+1", " 1", "1 ", "1.0", "0x1", "abc", "65537", "٣"] {
            let error = PartNumber::parse(text).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument);
            assert_eq!(
                error.message,
                "Part number must be an integer between 1 and 10000, inclusive"
            );
            assert_eq!(error.detail("ArgumentName"), Some("partNumber"));
            assert_eq!(error.detail("ArgumentValue"), Some(text));
        }
    }
}
