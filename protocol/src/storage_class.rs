//! Room: the storage classes of objects.
//!
//! Every class that is accepted is kept alike and answers at once; the class is a label that clients
//! choose and read back. Classes whose objects must be restored first, or that belong to other kinds
//! of buckets, are not built.
//! Source: S3 User Guide, "Understanding and managing Amazon S3 storage classes"; S3 API Reference,
//! x-amz-storage-class.

use crate::error::S3Error;
use crate::request::Head;

/// The header that names a class.
const HEADER: &str = "x-amz-storage-class";

/// Those that S3 knows and this server does not have.
const UNBUILT: &[&str] =
    &["GLACIER", "DEEP_ARCHIVE", "SNOW", "EXPRESS_ONEZONE", "FSX_OPENZFS", "FSX_ONTAP"];

/// The class of an object, as the client asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum StorageClass {
    /// What an object has that asks for none.
    #[default]
    Standard,
    /// `REDUCED_REDUNDANCY`.
    ReducedRedundancy,
    /// `STANDARD_IA`.
    StandardIa,
    /// `ONEZONE_IA`.
    OnezoneIa,
    /// `INTELLIGENT_TIERING`.
    IntelligentTiering,
    /// `GLACIER_IR`: of the Glacier classes the one that answers at once.
    GlacierIr,
}

impl StorageClass {
    /// All classes.
    pub const ALL: [Self; 6] = [
        Self::Standard,
        Self::ReducedRedundancy,
        Self::StandardIa,
        Self::OnezoneIa,
        Self::IntelligentTiering,
        Self::GlacierIr,
    ];

    /// As S3 spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::ReducedRedundancy => "REDUCED_REDUNDANCY",
            Self::StandardIa => "STANDARD_IA",
            Self::OnezoneIa => "ONEZONE_IA",
            Self::IntelligentTiering => "INTELLIGENT_TIERING",
            Self::GlacierIr => "GLACIER_IR",
        }
    }

    /// What GET and HEAD tell in their header: nothing of the class that all have who ask for none.
    /// S3: GetObject, x-amz-storage-class.
    #[must_use]
    pub fn told(self) -> Option<&'static str> {
        (self != Self::Standard).then(|| self.as_str())
    }

    /// Reads S3's spelling, which is exact.
    ///
    /// # Errors
    /// `InvalidStorageClass` for a class that S3 does not know (OUTPOSTS is none outside Outposts);
    /// `NotImplemented` for one that it knows and that is not built.
    pub fn parse(text: &str) -> Result<Self, S3Error> {
        if let Some(class) = Self::ALL.into_iter().find(|class| class.as_str() == text) {
            return Ok(class);
        }
        if UNBUILT.contains(&text) {
            return Err(S3Error::not_implemented(Some(HEADER), None));
        }
        Err(S3Error::invalid_storage_class(text))
    }

    /// The class that a request gives to what it writes: `Standard` if it names none. A copy, too,
    /// does not take over the class of its source. S3: CopyObject, x-amz-storage-class.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn of_head(head: &Head) -> Result<Self, S3Error> {
        head.headers.get_non_empty(HEADER).map_or(Ok(Self::Standard), Self::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use crate::operation::testing::head;

    #[test]
    fn a_class_is_spelled_exactly() {
        // rule: storage-class/accepted
        for class in StorageClass::ALL {
            assert_eq!(StorageClass::parse(class.as_str()), Ok(class));
        }
        // rule: storage-class/unknown
        for text in ["standard", "OUTPOSTS", "COLD", "STANDARD "] {
            let error = StorageClass::parse(text).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidStorageClass);
            assert_eq!(error.detail("StorageClassRequested"), Some(text));
        }
        // rule: storage-class/not-built
        for text in UNBUILT {
            let error = StorageClass::parse(text).unwrap_err();
            assert_eq!(error.code, ErrorCode::NotImplemented, "{text}");
            assert_eq!(error.detail("Header"), Some(HEADER));
        }
    }

    #[test]
    fn no_class_named_is_the_standard_one() {
        // rule: storage-class/default
        let of = |headers: &[(&str, &str)]| StorageClass::of_head(&head("PUT", "/b12/k", headers));
        assert_eq!(of(&[]), Ok(StorageClass::Standard));
        assert_eq!(of(&[(HEADER, "")]), Ok(StorageClass::Standard));
        assert_eq!(of(&[(HEADER, "GLACIER_IR")]), Ok(StorageClass::GlacierIr));
    }

    #[test]
    fn the_standard_class_is_not_told() {
        // rule: storage-class/told
        assert_eq!(StorageClass::Standard.told(), None);
        assert_eq!(StorageClass::OnezoneIa.told(), Some("ONEZONE_IA"));
    }
}
