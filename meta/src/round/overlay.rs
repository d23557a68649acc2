//! Room: changes that are not committed yet, by space and key.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;

use crate::store::{Batch, Space, Store, StoreError, Visit};

/// The last change of each key; `None` takes the key away.
#[derive(Default)]
pub(super) struct Overlay {
    spaces: BTreeMap<Space, BTreeMap<Vec<u8>, Option<Bytes>>>,
    bytes: usize,
}

impl Overlay {
    pub(super) fn get(&self, space: Space, key: &[u8]) -> Option<&Option<Bytes>> {
        self.spaces.get(&space)?.get(key)
    }

    pub(super) fn set(&mut self, space: Space, key: Vec<u8>, value: Option<Bytes>) {
        let key_len = key.len();
        self.bytes += value_len(&value);
        match self.spaces.entry(space).or_default().insert(key, value) {
            None => self.bytes += key_len,
            Some(before) => self.bytes -= value_len(&before),
        }
    }

    /// Takes all changes of `later`, which win.
    pub(super) fn absorb(&mut self, later: &mut Self) {
        for (space, changes) in std::mem::take(later).spaces {
            for (key, value) in changes {
                self.set(space, key, value);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spaces.is_empty()
    }

    /// Length of all keys and values together.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn into_batch(self) -> Batch {
        let mut batch = Batch::new();
        for (space, changes) in self.spaces {
            for (key, value) in changes {
                match value {
                    Some(value) => batch.put(space, key, value),
                    None => batch.delete(space, key),
                }
            }
        }
        batch
    }

    fn under<'a>(
        &'a self,
        space: Space,
        (prefix, from): (&'a [u8], &'a [u8]),
    ) -> impl Iterator<Item = (&'a Vec<u8>, &'a Option<Bytes>)> {
        let from = (Bound::Included(from), Bound::Unbounded);
        let changes = self.spaces.get(&space).map(|changes| changes.range::<[u8], _>(from));
        changes.into_iter().flatten().take_while(move |(key, _)| key.starts_with(prefix))
    }
}

fn value_len(value: &Option<Bytes>) -> usize {
    value.as_ref().map_or(0, Bytes::len)
}

/// At most `max` entries at or behind `from` whose keys begin with `prefix`, in order, as `store` shows them under
/// `overlays`, of which later ones win.
pub(super) fn under(
    store: &dyn Store,
    overlays: &[&Overlay],
    space: Space,
    (prefix, from): (&[u8], &[u8]),
    max: usize,
) -> Result<Vec<(Vec<u8>, Bytes)>, StoreError> {
    let mut changed: BTreeMap<&[u8], &Option<Bytes>> = BTreeMap::new();
    for overlay in overlays {
        changed.extend(
            overlay.under(space, (prefix, from)).map(|(key, value)| (key.as_slice(), value)),
        );
    }
    let mut found: BTreeMap<Vec<u8>, Bytes> = BTreeMap::new();
    let touched: BTreeSet<&[u8]> = changed.keys().copied().collect();
    store.scan(space, from, &mut |key, value| {
        if !key.starts_with(prefix) {
            return Visit::Stop;
        }
        if !touched.contains(key) {
            found.insert(key.to_vec(), Bytes::copy_from_slice(value));
        }
        if found.len() < max { Visit::Next } else { Visit::Stop }
    })?;
    let added = changed.into_iter().filter_map(|(key, value)| Some((key.to_vec(), value.clone()?)));
    found.extend(added);
    Ok(found.into_iter().take(max).collect())
}
