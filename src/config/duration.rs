//! How long is `1h30m`, and how much is `64MiB`?
//!
//! A number without a unit is refused rather than guessed: PostgreSQL means milliseconds by it, most
//! other programs seconds. For memory, `kB`, `MB` and `GB` are steps of 1024 as in postgresql.conf.

use std::time::Duration;

/// Longest duration that may be written: ten years, far from any clock's overflow.
pub(super) const DURATION_MAX: Duration = Duration::from_secs(3650 * 24 * 3600);

const TIMES: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

const SIZES: [(&str, u64); 7] = [
    ("B", 1),
    ("kB", 1 << 10),
    ("KiB", 1 << 10),
    ("MB", 1 << 20),
    ("MiB", 1 << 20),
    ("GB", 1 << 30),
    ("GiB", 1 << 30),
];

/// What a duration looks like, for messages.
pub(super) const DURATION_ALLOWED: &str =
    "a duration with its unit, such as 500ms, 5s, 10m, 1h30m or 1d";

/// What a size looks like, for messages.
pub(super) const SIZE_ALLOWED: &str = "a size with its unit, such as 64kB, 16MB or 1GB";

/// Reads `5s`, `500ms`, `1h30m`. Units must fall from left to right, each once.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let (number, unit, after) = quantity(rest)?;
        let millis = scale(unit, &TIMES)?;
        if millis >= last {
            return None;
        }
        last = millis;
        total = total.checked_add(Duration::from_millis(number.checked_mul(millis)?))?;
        rest = after;
    }
    (!text.is_empty() && total <= DURATION_MAX).then_some(total)
}

/// Writes a duration as [`duration`] reads it.
pub(super) fn show(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut text = String::new();
    for (unit, millis) in TIMES.iter().rev() {
        let millis = u128::from(*millis);
        if rest >= millis {
            text += &format!("{}{unit}", rest / millis);
            rest %= millis;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// Reads `16MB` as a number of bytes.
pub(super) fn bytes(text: &str) -> Option<usize> {
    let (number, unit, rest) = quantity(text)?;
    let bytes = number.checked_mul(scale(unit, &SIZES)?)?;
    if rest.is_empty() {
        usize::try_from(bytes).ok()
    } else {
        None
    }
}

fn scale(unit: &str, units: &[(&str, u64)]) -> Option<u64> {
    units
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, scale)| *scale)
}

/// A number, the letters after it, and the rest.
fn quantity(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = text.split_at(digits);
    let letters = rest
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    Some((number.parse().ok()?, unit, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations() {
        let read = |text| duration(text).map(|d| d.as_millis());
        assert_eq!(read("5s"), Some(5000));
        assert_eq!(read("500ms"), Some(500));
        assert_eq!(read("1h30m"), Some(5_400_000));
        assert_eq!(read("1m5ms"), Some(60_005));
        for bad in [
            "", "5", "s", "5 s", "-5s", "1.5s", "5S", "30m1h", "5s5s", "5sec", "9999999d",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read("99999999999999999999s"), None);
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes("16MB"), Some(16 << 20));
        assert_eq!(bytes("16MiB"), Some(16 << 20));
        assert_eq!(bytes("1B"), Some(1));
        for bad in ["", "16", "16mb", "16M", "16MB1kB", "99999999999999GB"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_read(millis in 0u64..1_000_000_000) {
            let given = Duration::from_millis(millis);
            prop_assert_eq!(duration(&show(given)), Some(given));
        }
    }
}
