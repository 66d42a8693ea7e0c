//! What does a client call by a name, or by none?
//!
//! A map whose unnamed entry has a place of its own: it is the one that most drivers use for most statements, and it takes neither a hash
//! nor memory that would stay with an idle client.

use std::collections::HashMap;

use foldhash::quality::RandomState;

/// Values by a client's names. Seeded at random, so that no client can choose names that meet.
#[derive(Debug)]
pub struct Names<V> {
    unnamed: Option<V>,
    named: HashMap<Box<[u8]>, V, RandomState>,
}

impl<V> Default for Names<V> {
    fn default() -> Self {
        Self {
            unnamed: None,
            named: HashMap::default(),
        }
    }
}

impl<V> Names<V> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.named.len() + usize::from(self.unnamed.is_some())
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unnamed.is_none() && self.named.is_empty()
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&V> {
        match name {
            [] => self.unnamed.as_ref(),
            name => self.named.get(name),
        }
    }

    /// The value of a name.
    pub fn get_mut(&mut self, name: &[u8]) -> Option<&mut V> {
        match name {
            [] => self.unnamed.as_mut(),
            name => self.named.get_mut(name),
        }
    }

    /// Whether a name has a value.
    #[must_use]
    pub fn contains_key(&self, name: &[u8]) -> bool {
        self.get(name).is_some()
    }

    /// Gives a name a value, and returns the one that it had.
    pub fn insert(&mut self, name: &[u8], value: V) -> Option<V> {
        match name {
            [] => self.unnamed.replace(value),
            name => self.named.insert(name.into(), value),
        }
    }

    /// Takes a name's value away.
    pub fn remove(&mut self, name: &[u8]) -> Option<V> {
        match name {
            [] => self.unnamed.take(),
            name => self.named.remove(name),
        }
    }

    /// Takes away those of names that `keeps` does not say. The unnamed one stays.
    pub fn retain_named(&mut self, mut keeps: impl FnMut(&V) -> bool) {
        self.named.retain(|_, value| keeps(value));
    }

    /// All names with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        let unnamed = self.unnamed.as_ref().map(|value| (&[][..], value));
        let named = self.named.iter().map(|(name, value)| (&**name, value));
        unnamed.into_iter().chain(named)
    }

    /// All values.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.unnamed.iter_mut().chain(self.named.values_mut())
    }

    /// Takes all away.
    pub fn clear(&mut self) {
        self.unnamed = None;
        self.named.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_a_name_like_any_other() {
        let mut names = Names::default();
        assert!(names.is_empty() && names.insert(b"", 1).is_none());
        assert_eq!(names.insert(b"", 2), Some(1));
        assert!(names.insert(b"a", 3).is_none());
        assert_eq!(
            (names.get(b""), names.get(b"a"), names.len()),
            (Some(&2), Some(&3), 2)
        );
        names.values_mut().for_each(|value| *value += 10);
        let mut all: Vec<_> = names
            .iter()
            .map(|(name, value)| (name.to_vec(), *value))
            .collect();
        all.sort();
        assert_eq!(all, [(b"".to_vec(), 12), (b"a".to_vec(), 13)]);
        names.retain_named(|_| false);
        assert!(names.contains_key(b"") && !names.contains_key(b"a"));
        assert_eq!(names.remove(b""), Some(12));
        assert!(names.is_empty());
    }
}
