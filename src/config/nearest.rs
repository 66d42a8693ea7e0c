//! Which known word did the operator mean?
//!
//! The optimal string alignment distance (insert, delete, replace, swap two neighbours), for these
//! are the slips of people who type. A suggestion is only made when it is closer than a third of the
//! word: a wrong suggestion is worse than none.

/// Longest word that is compared; longer ones are nobody's slip.
const WORD_CHARS_MAX: usize = 64;

/// The closest of `known` to `word`, if any is close.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    if lower.chars().nth(WORD_CHARS_MAX).is_some() {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            let longer = lower.chars().count().max(candidate.chars().count());
            *distance <= (longer / 3).max(1) && *distance < longer
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// ` (did you mean X?)`, or nothing.
pub(super) fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known)
        .map(|near| format!(" (did you mean `{near}`?)"))
        .unwrap_or_default()
}

fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i);
        for j in 1..=b.len() {
            let same = a[i - 1] == b[j - 1];
            let mut best = (last[j] + 1)
                .min(row[j - 1] + 1)
                .min(last[j - 1] + usize::from(!same));
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("relatoins", "relations"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("größe", "große"), 1);
    }

    #[test]
    fn suggestions() {
        let keys = ["relations", "users", "databases", "to"];
        assert_eq!(nearest("relation", keys), Some("relations"));
        assert_eq!(nearest("Users", keys), Some("users"));
        assert_eq!(nearest("ot", keys), Some("to"));
        assert_eq!(nearest("xyzzy", keys), None);
        assert_eq!(nearest("", keys), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), keys), None);
    }
}
