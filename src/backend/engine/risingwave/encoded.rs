//! What is a text of RisingWave's as a binary value of PostgreSQL's?
//!
//! The way back from [`super::binary`], for what RisingWave has no binary form of and a client has asked for in binary: the elements of arrays,
//! which may be nested. The layouts are those of PostgreSQL's `…send` functions; `texts::every_array_…` compares them with a server's.

use super::intervals::Parts;
use super::times;

/// How many decimal digits stand in one group of a numeric.
const GROUP: usize = 4;

/// Appends the value of this type that a text stands for. `None` where it stands for none, or the type is not one of RisingWave's.
pub(super) fn put(oid: u32, text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let text = std::str::from_utf8(text).ok()?;
    match oid {
        16 => match text {
            "t" | "true" => out.push(1),
            "f" | "false" => out.push(0),
            _ => return None,
        },
        17 => bytea(text, out)?,
        20 => out.extend_from_slice(&text.parse::<i64>().ok()?.to_be_bytes()),
        21 => out.extend_from_slice(&text.parse::<i16>().ok()?.to_be_bytes()),
        23 => out.extend_from_slice(&text.parse::<i32>().ok()?.to_be_bytes()),
        25 | 1043 => out.extend_from_slice(text.as_bytes()),
        700 => out.extend_from_slice(&text.parse::<f32>().ok()?.to_be_bytes()),
        701 => out.extend_from_slice(&text.parse::<f64>().ok()?.to_be_bytes()),
        1082 => out.extend_from_slice(&times::read_date(text)?.to_be_bytes()),
        1083 => out.extend_from_slice(&times::read_time(text)?.to_be_bytes()),
        1114 | 1184 => out.extend_from_slice(&times::read_timestamp(text)?.to_be_bytes()),
        1186 => {
            let (micros, days, months) = Parts::read(text)?.binary()?;
            out.extend_from_slice(&micros.to_be_bytes());
            out.extend_from_slice(&days.to_be_bytes());
            out.extend_from_slice(&months.to_be_bytes());
        }
        1700 => numeric(text, out)?,
        3802 => {
            out.push(1);
            out.extend_from_slice(text.as_bytes());
        }
        _ => return None,
    }
    Some(())
}

/// `\x00ff`
fn bytea(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    for pair in digits.chunks(2) {
        let [high, low] = pair else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let byte = digit(*high)? << 4 | digit(*low)?;
        out.push(u8::try_from(byte).ok()?);
    }
    Some(())
}

/// Groups of four digits on both sides of the point, without those at either end that are zero.
fn numeric(text: &str, out: &mut Vec<u8>) -> Option<()> {
    const NEGATIVE: u16 = 0x4000;
    let special = match text {
        "NaN" => Some(0xc000_u16),
        "Infinity" => Some(0xd000),
        "-Infinity" => Some(0xf000),
        _ => None,
    };
    if let Some(sign) = special {
        head(out, &[], 0, sign, 0);
        return Some(());
    }
    let (sign, plain) = match text.strip_prefix('-') {
        Some(rest) => (NEGATIVE, rest),
        None => (0, text),
    };
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let whole_width = whole.len().next_multiple_of(GROUP);
    let fraction_width = fraction.len().next_multiple_of(GROUP);
    let digits = format!("{whole:0>whole_width$}{fraction:0<fraction_width$}");
    let groups: Vec<u16> = digits
        .as_bytes()
        .chunks(GROUP)
        .map(|group| {
            let value = |sum: u16, digit: &u8| sum * 10 + u16::from(digit - b'0');
            group.iter().fold(0, value)
        })
        .collect();
    let first = groups.iter().position(|group| *group != 0);
    let Some(first) = first else {
        head(out, &[], 0, 0, fraction.len());
        return Some(());
    };
    let last = groups.iter().rposition(|group| *group != 0)?;
    let weight = i16::try_from(whole_width / GROUP).ok()? - 1 - i16::try_from(first).ok()?;
    head(out, &groups[first..=last], weight, sign, fraction.len());
    Some(())
}

fn head(out: &mut Vec<u8>, groups: &[u16], weight: i16, sign: u16, scale: usize) {
    let count = u16::try_from(groups.len()).unwrap_or(u16::MAX);
    let scale = u16::try_from(scale).unwrap_or(u16::MAX);
    for field in [count, weight.cast_unsigned(), sign, scale] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    for group in groups {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::binary;
    use super::*;
    use crate::backend::engine::values::Sent;

    const TYPES: &[u32] = &[
        16, 17, 20, 21, 23, 25, 700, 701, 1043, 1082, 1083, 1114, 1186, 1700, 3802,
    ];

    proptest! {
        #[test]
        fn no_text_is_too_odd(at in 0..TYPES.len(), text in "[-+0-9:. xyearsmondBCNI]{0,40}|.{0,20}") {
            let _ = put(TYPES[at], text.as_bytes(), &mut Vec::new());
        }
    }

    /// What a text is as a value, and that as text again.
    fn there_and_back(oid: u32, text: &str) -> Option<String> {
        let mut value = Vec::new();
        put(oid, text.as_bytes(), &mut value)?;
        match binary::text(oid, &value) {
            Sent::Text(text) => String::from_utf8(text).ok(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_value_is_the_text_that_it_was_made_of() {
        for (oid, text) in [
            (16, "t"),
            (17, "\\x00ff10"),
            (17, "\\x"),
            (20, "-9223372036854775808"),
            (21, "-1"),
            (23, "2147483647"),
            (25, "a \"b\""),
            (700, "1e-05"),
            (701, "-Infinity"),
            (701, "NaN"),
            (701, "1e+100"),
            (1082, "2024-02-29"),
            (1082, "0001-12-31 BC"),
            (1082, "12024-01-01"),
            (1082, "infinity"),
            (1083, "23:59:59.000001"),
            (1114, "1999-12-31 23:59:59.5"),
            (1114, "-infinity"),
            (1184, "2024-01-02 03:04:05+00"),
            (1186, "-1 years -2 mons +3 days -00:00:01.5"),
            (1186, "00:00:00"),
            (1700, "0"),
            (1700, "0.00"),
            (1700, "-12345.6789"),
            (1700, "700000000"),
            (1700, "0.0010"),
            (1700, "100000000.00000001"),
            (1700, "NaN"),
            (1700, "-Infinity"),
            (3802, "{\"a\": 1}"),
        ] {
            assert_eq!(there_and_back(oid, text).as_deref(), Some(text), "{oid}");
        }
    }

    #[test]
    fn an_offset_is_taken_off() {
        let utc = |text| there_and_back(1184, text);
        let noon = Some("2024-01-02 12:00:00+00".to_owned());
        assert_eq!(utc("2024-01-02 12:00:00+00:00"), noon);
        assert_eq!(utc("2024-01-02 07:00:00-05"), noon);
        assert_eq!(utc("2024-01-02 17:30:00+05:30"), noon);
    }

    #[test]
    fn what_stands_for_no_value_is_none() {
        for (oid, text) in [
            (16, "yes"),
            (17, "\\x0"),
            (17, "00"),
            (23, "2147483648"),
            (1082, "2024-13-01"),
            (1082, "2024-02-30"),
            (1082, "today"),
            (1083, "1:2"),
            (1114, "2024-01-02"),
            (1186, "1 fortnight"),
            (1700, ""),
            (1700, "."),
            (1700, "1e5"),
            (2950, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ] {
            assert_eq!(put(oid, text.as_bytes(), &mut Vec::new()), None, "{text}");
        }
    }
}
