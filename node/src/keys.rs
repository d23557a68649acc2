//! Room: whose signatures are known: the root credential, the only one until users come, and the keys that
//! were derived from it.
//!
//! Holds: one shard's derived keys. A key is good for a day; deriving it takes a quarter of the time that a
//! signature takes.
//! Must not: keep more than [`KEPT_MAX`] of them, whatever days clients write into their requests.

use std::cell::RefCell;

use protocol::sign::{Credential, Keyring, Scope, SigningKey};

/// The root credential as the only key.
#[derive(Debug)]
pub struct RootKey {
    credential: Credential,
    /// The one that was asked for last is the last one.
    kept: RefCell<Vec<(Scope, SigningKey)>>,
}

impl RootKey {
    /// Nothing is derived before it is needed.
    #[must_use]
    pub fn new(credential: Credential) -> Self {
        Self { credential, kept: RefCell::default() }
    }
}

impl Keyring for RootKey {
    fn secret(&self, access_key: &str) -> Option<&str> {
        (access_key == self.credential.access_key).then_some(self.credential.secret_key.as_str())
    }

    fn signing_key(&self, access_key: &str, scope: &Scope) -> Option<SigningKey> {
        let secret = self.secret(access_key)?;
        let mut kept = self.kept.borrow_mut();
        if let Some(index) = kept.iter().rposition(|(known, _)| known == scope) {
            kept[index..].rotate_left(1);
        } else {
            if kept.len() == KEPT_MAX {
                kept.remove(0);
            }
            kept.push((scope.clone(), SigningKey::derive(secret, scope)));
        }
        kept.last().map(|(_, key)| key.clone())
    }
}

/// Today's, and those of presigned requests: they live for a week.
const KEPT_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(day: usize) -> Scope {
        Scope { day: format!("{day:08}"), region: "us-east-1".into(), service: "s3".into() }
    }

    #[test]
    fn a_kept_key_signs_as_a_new_one_and_the_oldest_goes() {
        let credential = Credential { access_key: "root".into(), secret_key: "secret".into() };
        let keys = RootKey::new(credential.clone());
        let sign = |keys: &dyn Keyring, day| {
            let key = keys.signing_key("root", &scope(day)).expect("a known key");
            key.sign(b"text").to_string()
        };
        for day in (0..3 * KEPT_MAX).flat_map(|day| [day, 0, day]) {
            assert_eq!(sign(&keys, day), sign(&credential, day));
        }
        let kept = keys.kept.borrow();
        assert_eq!(kept.len(), KEPT_MAX);
        assert!(kept.iter().any(|(known, _)| *known == scope(0)), "asked for all the time");
        assert!(!kept.iter().any(|(known, _)| *known == scope(1)), "not for long");
        assert!(keys.signing_key("somebody", &scope(0)).is_none());
    }
}
