//! Room: the versions of a key behind its latest one, delete markers, and what is counted of them.

use protocol::name::VersionId;
use protocol::time::Timestamp;

use super::object::{ObjectFacts, ObjectRecord, version_id};
use crate::codec::{DecodeError, Reader, Record, Writer};
use crate::id::Generation;

/// A version that lies apart from the objects: one that is not the latest of its key, or a delete marker.
#[expect(clippy::large_enum_variant, reason = "few are held at a time, and most are data")]
#[derive(Clone, PartialEq, Debug)]
pub enum VersionRecord {
    /// Data. A newer version stands in front of it.
    Object(ObjectRecord),
    /// A delete marker, perhaps the latest version.
    Marker(MarkerRecord),
}

/// A delete marker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MarkerRecord {
    /// Which writing of its key it is.
    pub generation: Generation,
    /// When it was made, to the second.
    pub modified: Timestamp,
    /// Whether it is the null version of its key.
    pub null: bool,
}

impl MarkerRecord {
    /// What clients call this version of its key.
    pub fn version(&self) -> VersionId {
        version_id(self.generation, self.null)
    }

    fn write(&self, to: &mut Writer) {
        to.u64(self.generation.get());
        to.bool(self.null);
        to.time(self.modified);
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            generation: Generation::new(from.u64("generation")?),
            null: from.bool("null version")?,
            modified: from.time("modified")?,
        })
    }
}

impl VersionRecord {
    /// Which writing of its key it is.
    pub fn generation(&self) -> Generation {
        match self {
            Self::Object(object) => object.generation,
            Self::Marker(marker) => marker.generation,
        }
    }

    /// Whether it is the null version of its key.
    pub fn is_null(&self) -> bool {
        match self {
            Self::Object(object) => object.null,
            Self::Marker(marker) => marker.null,
        }
    }

    /// What clients call this version of its key.
    pub fn version(&self) -> VersionId {
        version_id(self.generation(), self.is_null())
    }
}

impl Record for VersionRecord {
    const NAME: &'static str = "version record";

    fn write(&self, to: &mut Writer) {
        match self {
            Self::Object(object) => {
                to.u8(0);
                object.write(to);
            }
            Self::Marker(marker) => {
                to.u8(1);
                marker.write(to);
            }
        }
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        match from.u8("kind")? {
            0 => ObjectRecord::read(from).map(Self::Object),
            1 => MarkerRecord::read(from).map(Self::Marker),
            _ => Err(from.malformed("kind")),
        }
    }
}

/// What a listing says of a version: the front of its record.
#[derive(Clone, PartialEq, Debug)]
pub enum VersionFacts {
    /// Data.
    Object(ObjectFacts),
    /// A delete marker.
    Marker(MarkerRecord),
}

impl VersionFacts {
    /// Reads the front of a stored [`VersionRecord`] and leaves the rest alone.
    pub fn decode(stored: &[u8]) -> Result<Self, DecodeError> {
        let mut from =
            Reader::open_front(stored, VersionRecord::NAME, <VersionRecord as Record>::VERSION)?;
        match from.u8("kind")? {
            0 => ObjectFacts::read(&mut from).map(Self::Object),
            1 => MarkerRecord::read(&mut from).map(Self::Marker),
            _ => Err(from.malformed("kind")),
        }
    }
}

/// What is counted of a key's versions that lie apart from the objects. It exists exactly while there are any.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct VersionHead {
    /// How many there are, delete markers included.
    pub versions: u64,
    /// The latest version of the key, if that is a delete marker.
    pub marker: Option<Generation>,
    /// The null version, if it is among them.
    pub null: Option<Generation>,
}

impl Record for VersionHead {
    const NAME: &'static str = "head of a key's versions";

    fn write(&self, to: &mut Writer) {
        to.u64(self.versions);
        for one in [self.marker, self.null] {
            to.option(one, |to, generation| to.u64(generation.get()));
        }
    }

    fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        let generation = |from: &mut Reader, field| {
            from.option(field, |from| from.u64(field).map(Generation::new))
        };
        Ok(Self {
            versions: from.u64("versions")?,
            marker: generation(from, "marker")?,
            null: generation(from, "null version")?,
        })
    }
}
