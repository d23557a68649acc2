//! Room: the versions of one key as far as anybody can know them: a state of the story of a key.
//!
//! Holds: the versions that some answer has named, in their order; of those that came of requests without an answer,
//! what they are. Numbered versions are in the order of their numbers. Where an unnamed one stands among the others
//! is left open, but for the latest: each place would be a state of its own, and there are many.
//! Invariant: what is allowed is never refused; what is refused cannot have been.

use protocol::name::VersionId;
use protocol::versioning::Versioning;

use crate::oracle::Value;

/// What a version is: a value, or a delete marker.
pub(crate) type What = Option<Value>;

/// The versions of a key, oldest first, as a listing or the store shows them.
pub(crate) type Shown = Vec<(VersionId, What)>;

/// Which version an answer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// There was no answer, or one that names none.
    Untold,
    /// This one, or by its silence that the bucket has no versions.
    Told(Option<VersionId>),
}

impl Said {
    /// The same of an answer whose head may have been sent before there was a version.
    pub(crate) fn if_told(self) -> Self {
        if self == Self::Told(None) { Self::Untold } else { self }
    }
}

/// The versions of a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Chain {
    /// Those that were named, oldest first.
    told: Shown,
    /// The latest one, if nobody was told its name.
    top: Option<What>,
    /// Those that nobody was told the names of and that are not the latest, in no order.
    hidden: Vec<What>,
}

impl Chain {
    /// What the key names.
    pub(crate) fn latest(&self) -> What {
        self.top.or_else(|| self.told.last().map(|(_, what)| *what)).flatten()
    }

    /// Whether this version, which was named, is the latest.
    pub(crate) fn is_latest(&self, id: VersionId) -> bool {
        self.top.is_none() && self.told.last().is_some_and(|(last, _)| *last == id)
    }

    /// Whether this version, which was named, is the only one.
    pub(crate) fn is_only(&self, id: VersionId) -> bool {
        self.is_latest(id) && self.told.len() == 1 && self.hidden.is_empty()
    }

    /// Whether there is no version at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.top.is_none() && self.told.is_empty() && self.hidden.is_empty()
    }

    /// Whether some version is this value.
    pub(crate) fn has(&self, value: Value) -> bool {
        let whats = self.told.iter().map(|(_, what)| what).chain(&self.top).chain(&self.hidden);
        whats.into_iter().any(|what| *what == Some(value))
    }

    /// After a write, or a delete of the key.
    pub(crate) fn written(&self, versioning: Versioning, what: What, said: Said) -> Option<Self> {
        let mut after = self.clone();
        match (versioning, said) {
            (Versioning::Unversioned, Said::Untold | Said::Told(None)) => {
                let told = what.map(|value| (VersionId::Null, Some(value)));
                return Some(Self { told: told.into_iter().collect(), ..Self::default() });
            }
            (Versioning::Suspended, Said::Untold | Said::Told(Some(VersionId::Null))) => {
                after.hide_top();
                after.told.retain(|(id, _)| *id != VersionId::Null);
                after.told.push((VersionId::Null, what));
            }
            (Versioning::Enabled, Said::Untold) => {
                after.hide_top();
                after.top = Some(what);
            }
            (Versioning::Enabled, Said::Told(Some(id @ VersionId::Number(number)))) => {
                if self.newest_number() >= Some(number) {
                    return None;
                }
                after.hide_top();
                after.told.push((id, what));
            }
            (
                Versioning::Unversioned | Versioning::Suspended | Versioning::Enabled,
                Said::Told(_),
            ) => {
                return None;
            }
        }
        Some(after)
    }

    /// The latest version was seen to be this one.
    pub(crate) fn read(&self, value: What, id: Option<VersionId>) -> Option<Self> {
        if self.latest() != value {
            return None;
        }
        match (self.top, id) {
            (_, None) => Some(self.clone()),
            (None, Some(id)) => self.told.last().filter(|last| last.0 == id).map(|_| self.clone()),
            (Some(top), Some(VersionId::Number(number))) => (self.newest_number() < Some(number))
                .then(|| {
                    let mut after = self.clone();
                    after.top = None;
                    after.told.push((VersionId::Number(number), top));
                    after
                }),
            (Some(_), Some(VersionId::Null)) => None,
        }
    }

    /// The version of this name was seen to be this.
    pub(crate) fn named(&self, id: VersionId, what: What) -> Vec<Self> {
        if let Some((_, known)) = self.told.iter().find(|(told, _)| *told == id) {
            return if *known == what { vec![self.clone()] } else { Vec::new() };
        }
        let VersionId::Number(number) = id else { return Vec::new() };
        let mut all = Vec::new();
        if self.top == Some(what) && self.newest_number() < Some(number) {
            let mut after = self.clone();
            after.top = None;
            after.told.push((id, what));
            all.push(after);
        }
        let Some(at) = self.hidden.iter().position(|hidden| *hidden == what) else { return all };
        let is = |known: &VersionId, than: fn(&u64, &u64) -> bool| matches!(known, VersionId::Number(known) if than(known, &number));
        let older = self.told.iter().rposition(|(known, _)| is(known, |known, new| known < new));
        let newer = self.told.iter().position(|(known, _)| is(known, |known, new| known > new));
        let last = if self.top.is_some() { self.told.len() } else { self.told.len() - 1 };
        let places = older.map_or(0, |older| older + 1)..=newer.unwrap_or(last).min(last);
        all.extend(places.map(|place| {
            let mut after = self.clone();
            after.hidden.remove(at);
            after.told.insert(place, (id, what));
            after
        }));
        all
    }

    /// The version of this name was seen not to exist.
    pub(crate) fn lacks(&self, id: VersionId) -> bool {
        self.told.iter().all(|(told, _)| *told != id)
    }

    /// After the version of this name was taken away for good, if there was one; `marker` says whether the answer
    /// called it a delete marker.
    pub(crate) fn purged(&self, id: VersionId, marker: Option<bool>) -> Vec<Self> {
        let fits = |what: &What| marker.is_none_or(|marker| marker == what.is_none());
        let mut all = Vec::new();
        let mut whats: Vec<What> = self.hidden.clone();
        whats.extend(self.top);
        whats.extend(self.told.iter().filter(|(told, _)| *told == id).map(|(_, what)| *what));
        whats.sort_unstable();
        whats.dedup();
        for what in whats.into_iter().filter(fits) {
            for named in self.named(id, what) {
                all.extend(named.without(id));
            }
        }
        if self.lacks(id) && marker != Some(true) {
            all.push(self.clone());
        }
        all
    }

    /// All versions were seen: these and no others.
    pub(crate) fn shown(&self, shown: &Shown) -> Option<Self> {
        let mut told = self.told.iter().peekable();
        let mut others = Vec::new();
        for one in shown {
            if told.next_if(|told| *told == one).is_none() {
                others.push(one.1);
            }
        }
        let latest_is_told = self.top.is_none() && shown.last() == self.told.last();
        let latest_is_top = self.top.is_some()
            && others.last().copied() == self.top
            && self.told.last() != shown.last();
        let mut unknown = self.hidden.clone();
        unknown.extend(self.top);
        unknown.sort_unstable();
        others.sort_unstable();
        let is_it = told.next().is_none() && unknown == others && (latest_is_told || latest_is_top);
        is_it.then(|| Self { told: shown.clone(), ..Self::default() })
    }

    /// A version that was named is taken away; the one before the latest becomes the latest.
    fn without(mut self, id: VersionId) -> Vec<Self> {
        let Some(at) = self.told.iter().position(|(told, _)| *told == id) else {
            return Vec::new();
        };
        let was_latest = self.top.is_none() && at + 1 == self.told.len();
        self.told.remove(at);
        if !was_latest || self.hidden.is_empty() {
            return vec![self];
        }
        let mut all = Vec::new();
        for at in 0..self.hidden.len() {
            let mut after = self.clone();
            after.top = Some(after.hidden.remove(at));
            all.push(after);
        }
        if !self.told.is_empty() {
            all.push(self);
        }
        all
    }

    fn hide_top(&mut self) {
        self.hidden.extend(self.top.take());
        self.hidden.sort_unstable();
    }

    fn newest_number(&self) -> Option<u64> {
        let number = |(id, _): &(VersionId, What)| match id {
            VersionId::Number(number) => Some(*number),
            VersionId::Null => None,
        };
        self.told.iter().filter_map(number).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: VersionId = VersionId::Number(1);
    const TWO: VersionId = VersionId::Number(2);
    const THREE: VersionId = VersionId::Number(3);

    fn chain(writes: &[(Versioning, What, Said)]) -> Chain {
        writes.iter().fold(Chain::default(), |chain, (versioning, what, said)| {
            chain.written(*versioning, *what, *said).expect("it fits")
        })
    }

    fn told(id: VersionId) -> Said {
        Said::Told(Some(id))
    }

    #[test]
    fn the_version_before_the_latest_becomes_the_latest() {
        use Versioning::Enabled;
        let two = chain(&[(Enabled, Some(7), told(ONE)), (Enabled, None, told(TWO))]);
        assert_eq!(two.latest(), None);
        let [one] = &two.purged(TWO, Some(true))[..] else { panic!("one story") };
        assert_eq!(one.latest(), Some(7));
        assert!(two.purged(TWO, Some(false)).is_empty(), "it is a marker");
        assert!(two.read(Some(7), None).is_none(), "it is not the latest");
        assert!(two.shown(&vec![(ONE, Some(7))]).is_none(), "none of them vanishes");
        assert!(two.shown(&vec![(TWO, None), (ONE, Some(7))]).is_none(), "in this order only");
        assert!(two.written(Enabled, Some(8), told(TWO)).is_none(), "each has its own number");
    }

    #[test]
    fn there_is_one_null_version() {
        use Versioning::{Enabled, Suspended, Unversioned};
        let null = (Unversioned, Some(1), Said::Told(None));
        let three = chain(&[
            null,
            (Enabled, Some(2), told(ONE)),
            (Suspended, Some(3), told(VersionId::Null)),
        ]);
        assert!(three.shown(&vec![(ONE, Some(2)), (VersionId::Null, Some(3))]).is_some());
        let both = vec![(VersionId::Null, Some(1)), (ONE, Some(2)), (VersionId::Null, Some(3))];
        assert!(three.shown(&both).is_none(), "the old one is gone");
        assert!(three.named(VersionId::Null, Some(1)).is_empty());
        assert!(three.written(Suspended, None, told(TWO)).is_none());
    }

    #[test]
    fn what_nobody_was_told_of_may_be_anywhere_behind_the_latest() {
        use Versioning::Enabled;
        let some = chain(&[
            (Enabled, Some(1), told(ONE)),
            (Enabled, Some(2), Said::Untold),
            (Enabled, Some(3), told(THREE)),
        ]);
        let [named] = &some.named(TWO, Some(2))[..] else { panic!("one story") };
        assert!(named.shown(&vec![(ONE, Some(1)), (TWO, Some(2)), (THREE, Some(3))]).is_some());
        assert!(some.named(VersionId::Number(4), Some(2)).is_empty(), "it is not the latest");
        let latest: Vec<What> = some.purged(THREE, None).iter().map(Chain::latest).collect();
        assert_eq!(latest, [Some(2), Some(1)]);
    }
}
