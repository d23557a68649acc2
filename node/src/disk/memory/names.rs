//! Room: names. Which folders and files there are, in the cache and after a power cut.
//!
//! Every change of a folder (a file created, removed, renamed; a folder made or removed) is volatile until a
//! folder that it touches is synced. Until then each change survives a power cut or does not, whatever becomes of
//! the others; but a renaming is one change: its two names are old or new together.
//! Invariant: the cached names are the durable ones with all pending changes made in their order.

use std::collections::{BTreeMap, BTreeSet};

use super::dice::Dice;

/// A file or a folder, whatever its names are. Never used twice.
pub(super) type Node = u64;

/// Where a name lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The folder of folders.
    Blobs,
    /// The folder of what nobody named.
    Lost,
    /// The folder of a lease.
    Folder(Node),
}

/// A name in its place: a folder's number, a blob's slot, or in the lost folder a blob's whole number.
pub(super) type Name = (Place, u64);

/// What a name is to stand for; nothing if it is to go.
type Change = (Name, Option<Node>);

/// All names.
#[derive(Debug, Default)]
pub(super) struct Names {
    cached: BTreeMap<Name, Node>,
    durable: BTreeMap<Name, Node>,
    pending: Vec<Vec<Change>>,
}

impl Names {
    pub(super) fn get(&self, name: Name) -> Option<Node> {
        self.cached.get(&name).copied()
    }

    /// The names of one place, ascending.
    pub(super) fn list(&self, place: Place) -> impl Iterator<Item = (u64, Node)> {
        self.cached.range((place, 0)..=(place, u64::MAX)).map(|((_, name), node)| (*name, *node))
    }

    /// What a name is sure to stand for after a power cut now.
    pub(super) fn sure(&self, name: Name) -> Option<Node> {
        let changing = self.pending.iter().flatten().any(|(changed, _)| *changed == name);
        self.durable.get(&name).copied().filter(|_| !changing)
    }

    /// Makes these changes as one.
    pub(super) fn change(&mut self, changes: Vec<Change>) {
        make(&mut self.cached, &changes);
        self.pending.push(changes);
    }

    /// Makes all changes durable that touch a place, and before them whatever they build upon.
    pub(super) fn sync(&mut self, place: Place) {
        let mut built_upon = BTreeSet::new();
        let mut durable = vec![false; self.pending.len()];
        for (at, changes) in self.pending.iter().enumerate().rev() {
            let touches = |(name, _): &Change| name.0 == place || built_upon.contains(name);
            if changes.iter().any(touches) {
                durable[at] = true;
                built_upon.extend(changes.iter().map(|(name, _)| *name));
            }
        }
        for (changes, durable) in std::mem::take(&mut self.pending).into_iter().zip(durable) {
            if durable {
                make(&mut self.durable, &changes);
            } else {
                self.pending.push(changes);
            }
        }
    }

    /// Plays a power cut: of the pending changes all, none or any survive, and nothing of a folder whose own name
    /// did not.
    pub(super) fn lose(&mut self, dice: &mut Dice) {
        let mood = dice.roll(4);
        for changes in std::mem::take(&mut self.pending) {
            let survives = match mood {
                0 => false,
                1 => true,
                _ => dice.flip(),
            };
            if survives {
                make(&mut self.durable, &changes);
            }
        }
        let folders = self.durable.range((Place::Blobs, 0)..=(Place::Blobs, u64::MAX));
        let folders: BTreeSet<Node> = folders.map(|(_, node)| *node).collect();
        self.durable.retain(|(place, _), _| match place {
            Place::Folder(node) => folders.contains(node),
            Place::Blobs | Place::Lost => true,
        });
        self.cached = self.durable.clone();
    }

    /// Everything that has a name, or may have one after a power cut.
    pub(super) fn nodes(&self) -> BTreeSet<Node> {
        let pending = self.pending.iter().flatten().filter_map(|(_, node)| *node);
        self.cached.values().chain(self.durable.values()).copied().chain(pending).collect()
    }
}

fn make(names: &mut BTreeMap<Name, Node>, changes: &[Change]) {
    for (name, node) in changes {
        match node {
            Some(node) => names.insert(*name, *node),
            None => names.remove(name),
        };
    }
}
