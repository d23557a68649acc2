//! Room: whether a bucket keeps the versions of its objects.
//!
//! Source: S3 User Guide, "Using versioning in S3 buckets".

use crate::name::VersionId;

/// The three states of a bucket. It begins without versions, and never comes back to that once it
/// had them. S3: PutBucketVersioning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Versioning {
    /// Never had versions: each key has its null version at most, and answers name none.
    #[default]
    Unversioned,
    /// Each write makes a new version, each delete a delete marker.
    Enabled,
    /// Writes and delete markers take the place of the null version; all others stay.
    Suspended,
}

impl Versioning {
    /// As the element `Status` spells it; `None` for a bucket that never had versions.
    pub fn status(self) -> Option<&'static str> {
        match self {
            Self::Unversioned => None,
            Self::Enabled => Some("Enabled"),
            Self::Suspended => Some("Suspended"),
        }
    }

    /// Whether answers tell this version: not in a bucket that never had versions.
    pub fn tells(self, version: VersionId) -> Option<VersionId> {
        (self != Self::Unversioned).then_some(version)
    }

    /// Reads the element `Status`; `None` for any other value, also in another case.
    pub fn from_status(status: &str) -> Option<Self> {
        [Self::Enabled, Self::Suspended].into_iter().find(|state| state.status() == Some(status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_without_versions_tells_none() {
        // rule: versions/never-told
        for id in [VersionId::Null, VersionId::Number(1)] {
            assert_eq!(Versioning::Unversioned.tells(id), None);
            assert_eq!(Versioning::Enabled.tells(id), Some(id));
            assert_eq!(Versioning::Suspended.tells(id), Some(id));
        }
    }

    #[test]
    fn states_are_spelled_exactly() {
        // rule: versions/status-spelling
        for state in [Versioning::Enabled, Versioning::Suspended] {
            assert_eq!(state.status().and_then(Versioning::from_status), Some(state));
        }
        assert_eq!(Versioning::Unversioned.status(), None);
        for other in ["", "enabled", "ENABLED", "Suspended ", "Disabled"] {
            assert_eq!(Versioning::from_status(other), None, "{other}");
        }
    }
}
