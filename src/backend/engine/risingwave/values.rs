//! Which of PostgreSQL's types does RisingWave take and give, and in which form?
//!
//! Declared types outside of a closed list fail at Parse (`Unsupported oid`); arrays and structs are no parameters in binary. Results have
//! no binary form for what PostgreSQL has no type for. Facts 23 to 25 of what was observed.

use super::{arrays, binary, encoded, intervals};
use crate::backend::engine::values::{Change, Recode, Sent, Styles, Values};

const UUID: u32 = 2950;
const UUID_ARRAY: u32 = 2951;
const JSONB: u32 = 3802;
const TEXT: u32 = 25;
const VARCHAR: u32 = 1043;
const TEXT_ARRAY: u32 = 1009;
const VARCHAR_ARRAY: u32 = 1015;
const TIME: u32 = 1083;
const TIMESTAMP: u32 = 1114;
const TIMESTAMPTZ: u32 = 1184;
const INTERVAL: u32 = 1186;
const NUMERIC: u32 = 1700;
const TIME_ARRAY: u32 = 1183;
const TIMESTAMP_ARRAY: u32 = 1115;
const TIMESTAMPTZ_ARRAY: u32 = 1185;
const INTERVAL_ARRAY: u32 = 1187;

/// Types that Parse takes, which are also those with a binary form.
const SCALARS: &[u32] = &[
    16,
    17,
    20,
    21,
    23,
    TEXT,
    700,
    701,
    VARCHAR,
    1082,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    INTERVAL,
    NUMERIC,
    JSONB,
];
/// Their arrays, each with what makes a binary array of its text: those that are nested have no binary form there, and say so in nothing but their
/// text.
const ARRAYS: &[(u32, Change)] = &[
    (1000, in_binary::<16>),
    (1001, in_binary::<17>),
    (1016, in_binary::<20>),
    (1005, in_binary::<21>),
    (1007, in_binary::<23>),
    (TEXT_ARRAY, in_binary::<TEXT>),
    (1021, in_binary::<700>),
    (1022, in_binary::<701>),
    (VARCHAR_ARRAY, in_binary::<VARCHAR>),
    (1182, in_binary::<1082>),
    (TIME_ARRAY, in_binary::<TIME>),
    (TIMESTAMP_ARRAY, in_binary::<TIMESTAMP>),
    (TIMESTAMPTZ_ARRAY, in_binary::<TIMESTAMPTZ>),
    (INTERVAL_ARRAY, in_binary::<INTERVAL>),
    (1231, in_binary::<NUMERIC>),
    (3807, in_binary::<JSONB>),
];
/// Other results that have a binary form: a record, and RisingWave's 256 bits.
const RESULTS: &[u32] = &[2249, 1301];

/// Names of types that it has not, the oids of such a type and of its array, and what is written in their place.
const CASTS: &[(&str, u32, u32, &str)] = &[
    ("uuid", UUID, UUID_ARRAY, "varchar"),
    ("json", 114, 199, "jsonb"),
    ("inet", 869, 1041, "varchar"),
    ("cidr", 650, 651, "varchar"),
    ("macaddr", 829, 1040, "varchar"),
    ("name", 19, 1003, "varchar"),
    ("bpchar", 1042, 1014, "varchar"),
];

pub(super) struct RisingWaveValues;

impl Values for RisingWaveValues {
    fn declared(&self, oid: u32) -> u32 {
        if SCALARS.contains(&oid) || of_array(oid).is_some() {
            oid
        } else {
            0
        }
    }

    fn told(&self, oid: u32) -> u32 {
        match oid {
            VARCHAR => TEXT,
            VARCHAR_ARRAY => TEXT_ARRAY,
            other => other,
        }
    }

    fn cast(&self, name: &str) -> Option<(&'static str, u32, u32)> {
        CASTS
            .iter()
            .find(|(known, ..)| known.eq_ignore_ascii_case(name))
            .map(|(_, oid, array, instead)| (*instead, *oid, *array))
    }

    fn sized(&self, name: &str, sizes: &[u32]) -> Option<(&'static str, String)> {
        let is = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        match sizes {
            [_] if is(&["numeric", "decimal", "dec"]) => Some(("round(", ", 0)".to_owned())),
            [_, scale] if is(&["numeric", "decimal", "dec"]) => {
                Some(("round(", format!(", {scale})")))
            }
            [length] if is(&["varchar"]) => Some(("substr(", format!(", 1, {length})"))),
            _ => None,
        }
    }

    fn send(&self, oid: u32, value: &[u8]) -> Sent {
        if SCALARS.contains(&oid) {
            Sent::AsItIs
        } else {
            binary::text(oid, value)
        }
    }

    fn send_text(&self, oid: u32, value: &[u8]) -> Sent {
        // A text in its column, of which PostgreSQL takes several forms and keeps one.
        match oid {
            UUID => uuid(value).map_or(Sent::WrongText("uuid"), Sent::Text),
            UUID_ARRAY => arrays::map_plain(value, uuid).map_or(Sent::AsItIs, Sent::Text),
            _ => Sent::AsItIs,
        }
    }

    fn is_text(&self, oid: u32) -> bool {
        matches!(oid, TEXT | VARCHAR)
    }

    fn recode(&self, oid: u32, binary: bool, styles: Styles) -> Option<Recode> {
        let known = SCALARS.contains(&oid) || RESULTS.contains(&oid);
        let change = match (oid, binary) {
            (TIME | TIMESTAMP | TIMESTAMPTZ, false) => short_times,
            (TIME_ARRAY | TIMESTAMP_ARRAY | TIMESTAMPTZ_ARRAY, false) => short_times,
            (INTERVAL, false) => intervals::change(styles.interval)?,
            (INTERVAL_ARRAY, false) => intervals::change_each(styles.interval)?,
            (JSONB, true) => versioned,
            (NUMERIC, true) => number,
            (_, true) if of_array(oid).is_some() => of_array(oid)?,
            _ if known || of_array(oid).is_some() => return None,
            // Maps, vectors and what else may come: a text is the same in both formats.
            _ => {
                return Some(Recode {
                    oid: TEXT,
                    change: unchanged,
                });
            }
        };
        Some(Recode { oid, change })
    }
}

fn of_array(oid: u32) -> Option<Change> {
    let found = ARRAYS.iter().find(|(array, _)| *array == oid);
    found.map(|(_, change)| *change)
}

fn in_binary<const ELEMENT: u32>(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    arrays::put_binary(ELEMENT, text, out)
}

/// A UUID as PostgreSQL writes it, from any form that it reads: in upper case, without hyphens or with others, in braces.
fn uuid(value: &[u8]) -> Option<Vec<u8>> {
    let inner = match value {
        [b'{', inner @ .., b'}'] => inner,
        _ => value,
    };
    let (mut out, mut digits) = (Vec::with_capacity(36), 0);
    let mut hyphen = false;
    for byte in inner {
        if byte.is_ascii_hexdigit() {
            if matches!(digits, 8 | 12 | 16 | 20) {
                out.push(b'-');
            }
            (digits, hyphen) = (digits + 1, false);
            out.push(byte.to_ascii_lowercase());
        } else if *byte == b'-' && !hyphen && digits % 4 == 0 && matches!(digits, 4..=28) {
            hyphen = true;
        } else {
            return None;
        }
    }
    (digits == 32).then_some(out)
}

fn unchanged(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(text);
    Some(())
}

/// jsonb in binary is its text behind a version; RisingWave's own has no spaces in it.
fn versioned(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.push(1);
    out.extend_from_slice(text);
    Some(())
}

/// A number in binary is made of its text: RisingWave's own zero has no digits behind the point.
fn number(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    encoded::put(NUMERIC, text, out)
}

/// `+00` for `+00:00` and `.5` for `.500`, alone or in an array: PostgreSQL shows the minutes of an offset where there are any, and of a
/// fraction of a second, at most six digits, none that says nothing.
fn short_times(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    const DIGITS_MAX: usize = 6;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let behind_hours = at >= 3 && matches!(text[at - 3], b'+' | b'-');
        let ends = matches!(rest.get(3), None | Some(b'"' | b',' | b'}' | b' '));
        if behind_hours && ends && rest.starts_with(b":00") {
            at += 3;
            continue;
        }
        if let Some(fraction) = rest.strip_prefix(b".") {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit());
            let digits = digits.count();
            let shown = &fraction[..digits.min(DIGITS_MAX)];
            if let Some(last) = shown.iter().rposition(|byte| *byte != b'0') {
                out.push(b'.');
                out.extend_from_slice(&shown[..=last]);
            }
            at += 1 + digits;
            continue;
        }
        out.push(rest[0]);
        at += 1;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_parse_refuses_are_left_to_it() {
        for oid in [705, 114, 2950, 1042, 19, 26, 869, 2951, 16_500] {
            assert_eq!(RisingWaveValues.declared(oid), 0, "{oid}");
        }
        for oid in [0, 23, 25, 1007, 1009, 3802] {
            assert_eq!(RisingWaveValues.declared(oid), oid);
        }
    }

    #[test]
    fn only_scalars_that_it_knows_are_sent_in_binary() {
        assert_eq!(RisingWaveValues.send(23, b"\0\0\0\x01"), Sent::AsItIs);
        let sent = RisingWaveValues.send(26, b"\0\0\0\x01");
        assert_eq!(sent, Sent::Text(b"1".to_vec()));
    }

    #[test]
    fn a_uuid_is_sent_in_the_form_that_postgres_keeps() {
        let kept = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
        for form in [
            kept,
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
        ] {
            let sent = RisingWaveValues.send_text(UUID, form.as_bytes());
            assert_eq!(sent, Sent::Text(kept.into()), "{form}");
        }
        for form in [
            "",
            "a0eebc99",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1x",
            "-a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11-",
            "a0ee--bc999c0b4ef8bb6d6bb9bd380a11",
            "{a0eebc999c0b4ef8bb6d6bb9bd380a11",
        ] {
            let sent = RisingWaveValues.send_text(UUID, form.as_bytes());
            assert_eq!(sent, Sent::WrongText("uuid"), "{form}");
        }
        let both = "{a0eebc999c0b4ef8bb6d6bb9bd380a11, NULL,\"A0EEBC999C0B4EF8BB6D6BB9BD380A11\"}";
        assert_eq!(
            RisingWaveValues.send_text(UUID_ARRAY, both.as_bytes()),
            Sent::Text(format!("{{{kept},NULL,{kept}}}").into_bytes())
        );
        for odd in ["{}", "{x}", "{{a},{b}}", "not one"] {
            let sent = RisingWaveValues.send_text(UUID_ARRAY, odd.as_bytes());
            let unchanged = matches!(&sent, Sent::Text(text) if text == odd.as_bytes());
            assert!(sent == Sent::AsItIs || unchanged, "{odd}");
        }
    }

    #[test]
    fn a_time_shows_no_zeros_that_postgres_does_not() {
        for (theirs, ours) in [
            ("2024-01-02 03:04:05+00:00", "2024-01-02 03:04:05+00"),
            ("2024-01-02 03:04:05.5-05:00", "2024-01-02 03:04:05.5-05"),
            ("2024-01-02 03:04:05+05:30", "2024-01-02 03:04:05+05:30"),
            ("2024-01-02 03:04:05+00", "2024-01-02 03:04:05+00"),
            ("2024-01-02 03:04:00", "2024-01-02 03:04:00"),
            (
                "{\"2024-01-02 03:04:00+00:00\",NULL,\"2024-01-02 03:04:05-03:30\"}",
                "{\"2024-01-02 03:04:00+00\",NULL,\"2024-01-02 03:04:05-03:30\"}",
            ),
            ("infinity", "infinity"),
            ("0044-03-15 01:02:03+00:00 BC", "0044-03-15 01:02:03+00 BC"),
            ("2024-01-02 03:04:05.500", "2024-01-02 03:04:05.5"),
            (
                "2024-01-02 03:04:05.284230+00:00",
                "2024-01-02 03:04:05.28423+00",
            ),
            ("03:04:05.678", "03:04:05.678"),
            ("03:04:05.123456700", "03:04:05.123456"),
            ("03:04:05.000000100", "03:04:05"),
            ("03:04:50", "03:04:50"),
            (
                "{03:04:05.100,NULL,03:04:00.010000}",
                "{03:04:05.1,NULL,03:04:00.01}",
            ),
        ] {
            let mut out = Vec::new();
            short_times(theirs.as_bytes(), &mut out).expect("a text");
            assert_eq!(out, ours.as_bytes());
        }
    }

    #[test]
    fn results_without_a_binary_form_are_asked_for_as_text() {
        assert!(
            RisingWaveValues
                .recode(23, true, Styles::default())
                .is_none()
        );
        assert!(
            RisingWaveValues
                .recode(JSONB, false, Styles::default())
                .is_none()
        );
        let unknown = RisingWaveValues.recode(20_001, true, Styles::default());
        assert_eq!(unknown.map(|recode| recode.oid), Some(TEXT));
    }
}
