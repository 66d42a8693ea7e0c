//! Which values do many sessions have alike?
//!
//! What they log in with and what they are told then is the same for most clients of a program, and a thousand idle ones need not keep a
//! thousand copies.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::limits::SHELF_VALUES_MAX;

/// Values that are kept once for all who have them, for as long as anybody has.
#[derive(Debug)]
pub struct Shelf<T>(Mutex<Vec<Weak<T>>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Shelf<T> {
    /// The value that is `same` as this one, where somebody has it; else this one. Beyond the bound everybody has their own.
    pub fn keep(&self, value: T, same: impl Fn(&T, &T) -> bool) -> Arc<T> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut live = values.iter().filter_map(Weak::upgrade);
        if let Some(known) = live.find(|known| same(known, &value)) {
            return known;
        }
        let value = Arc::new(value);
        values.retain(|known| known.strong_count() > 0);
        if values.len() < SHELF_VALUES_MAX {
            values.push(Arc::downgrade(&value));
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_as_long_as_somebody_has_it() {
        let shelf = Shelf::default();
        let same = |one: &String, two: &String| one == two;
        let one = shelf.keep("a".to_owned(), same);
        let two = shelf.keep("a".to_owned(), same);
        let other = shelf.keep("b".to_owned(), same);
        assert!(Arc::ptr_eq(&one, &two) && !Arc::ptr_eq(&one, &other));
        drop((one, two));
        let again = shelf.keep("a".to_owned(), same);
        assert_eq!(Arc::strong_count(&again), 1);
    }

    #[test]
    fn no_more_than_the_bound_are_looked_through() {
        let shelf = Shelf::default();
        let same = |one: &usize, two: &usize| one == two;
        let kept: Vec<_> = (0..2 * SHELF_VALUES_MAX)
            .map(|value| shelf.keep(value, same))
            .collect();
        assert_eq!(shelf.0.lock().unwrap().len(), SHELF_VALUES_MAX);
        assert!(kept.iter().enumerate().all(|(at, value)| **value == at));
    }
}
