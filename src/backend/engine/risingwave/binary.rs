//! What is a binary value of PostgreSQL's as text?
//!
//! RisingWave reads some types in text alone, and arrays of all types. The texts are those that PostgreSQL itself writes, which a test asks it for
//! (`texts::every_binary_value_…`). Money is missing, as its text is a matter of the server's locale, and so is what has no text of
//! its own: records and what extensions define.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{arrays, times};
use crate::backend::engine::values::Sent;

/// How PostgreSQL's digits of numeric are grouped.
const NUMERIC_BASE_DIGITS: usize = 4;
/// Types below this are PostgreSQL's own; of others, enums and texts are their own text in binary.
const FIRST_USER_TYPE: u32 = 16_384;
/// Bits that an address of each family has.
const V4_BITS: u8 = 32;
const V6_BITS: u8 = 128;

/// The text of a binary value of this type.
pub(super) fn text(oid: u32, value: &[u8]) -> Sent {
    let written = match oid {
        16 => match value {
            [0] => Some("f".to_owned()),
            [_] => Some("t".to_owned()),
            _ => None,
        },
        17 => Some(bytea(value)),
        // "char", name, text, json, xml, unknown, bpchar, varchar
        18 => return Sent::Text(value.iter().copied().filter(|byte| *byte != 0).collect()),
        19 | 25 | 114 | 142 | 705 | 1042 | 1043 => return Sent::Text(value.to_vec()),
        20 => whole(value, i64::from_be_bytes),
        21 => whole(value, i16::from_be_bytes),
        23 => whole(value, i32::from_be_bytes),
        // oid and its kin
        24 | 26 | 28 | 29 | 2202..=2206 | 3734 | 3769 | 4089 | 4096 | 4191 => {
            whole(value, u32::from_be_bytes)
        }
        650 => address(value, true),
        869 => address(value, false),
        700 => fixed(value).map(|bytes| float(&format!("{:e}", f32::from_be_bytes(bytes)), 6)),
        701 => fixed(value).map(|bytes| float(&format!("{:e}", f64::from_be_bytes(bytes)), 15)),
        774 | 829 => hardware(value, oid),
        1082 => times::date(value),
        1083 => times::time(value),
        1114 => times::timestamp(value, ""),
        1184 => times::timestamp(value, "+00"),
        1186 => times::interval(value),
        1266 => times::timetz(value),
        1560 | 1562 => bits(value),
        1700 => numeric(value),
        2950 => uuid(value),
        3220 => fixed(value).map(|bytes| {
            let at = u64::from_be_bytes(bytes);
            format!("{:X}/{:X}", at >> 32, at & 0xffff_ffff)
        }),
        // jsonb and jsonpath, with their version.
        3802 | 4072 => match value.split_first() {
            Some((1, text)) => return Sent::Text(text.to_vec()),
            _ => None,
        },
        _ if is_array(oid) => return arrays::text(value),
        _ if oid >= FIRST_USER_TYPE => {
            return match std::str::from_utf8(value) {
                Ok(text) if !text.contains('\0') => Sent::Text(value.to_vec()),
                _ => Sent::Unknown,
            };
        }
        _ => return Sent::Unknown,
    };
    written.map_or(Sent::Wrong, |text| Sent::Text(text.into_bytes()))
}

/// The arrays of PostgreSQL's own types.
pub(super) fn is_array(oid: u32) -> bool {
    matches!(
        oid,
        143 | 199 | 271 | 651 | 775 | 791
            | 1000..=1003
            | 1005..=1009
            | 1011..=1016
            | 1021 | 1022 | 1028 | 1040 | 1041
            | 1115 | 1182 | 1183 | 1185 | 1187 | 1231 | 1270
            | 1561 | 1563
            | 2207..=2211
            | 2951 | 3221 | 3807
    )
}

fn fixed<const N: usize>(value: &[u8]) -> Option<[u8; N]> {
    value.try_into().ok()
}

fn whole<const N: usize, T: ToString>(value: &[u8], read: fn([u8; N]) -> T) -> Option<String> {
    fixed(value).map(|bytes| read(bytes).to_string())
}

fn bytea(value: &[u8]) -> String {
    let mut out = String::with_capacity(2 + value.len() * 2);
    out.push_str("\\x");
    for byte in value {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

fn uuid(value: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = fixed(value)?;
    let mut out = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        let _ = write!(out, "{byte:02x}");
    }
    Some(out)
}

/// MAC addresses of six or of eight bytes.
fn hardware(value: &[u8], oid: u32) -> Option<String> {
    let wanted = if oid == 829 { 6 } else { 8 };
    let each: Vec<String> = value.iter().map(|byte| format!("{byte:02x}")).collect();
    (each.len() == wanted).then(|| each.join(":"))
}

/// A float from Rust's shortest digits, laid out as PostgreSQL does: with an exponent where it is below -4 or not below `digits`.
fn float(shortest: &str, digits: i32) -> String {
    let (negative, plain) = match shortest.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", shortest),
    };
    if plain == "inf" {
        return format!("{negative}Infinity");
    }
    let Some((mantissa, exponent)) = plain.split_once('e') else {
        return "NaN".to_owned();
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let bare: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let (first, rest) = bare.split_at(1);
    if exponent < -4 || exponent >= digits {
        let point = if rest.is_empty() { "" } else { "." };
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{negative}{first}{point}{rest}e{sign}{:02}", exponent.abs());
    }
    let Ok(whole) = usize::try_from(exponent + 1) else {
        let zeros = usize::try_from(-1 - exponent).unwrap_or_default();
        return format!("{negative}0.{}{bare}", "0".repeat(zeros));
    };
    if whole == 0 {
        return format!("{negative}0.{bare}");
    }
    match bare.split_at_checked(whole) {
        Some((before, after)) if !after.is_empty() => format!("{negative}{before}.{after}"),
        _ => format!("{negative}{bare:0<whole$}"),
    }
}

/// Groups of four digits, the first of which counts 10000 to the power of a weight, and how many digits to show behind the point.
fn numeric(value: &[u8]) -> Option<String> {
    let (head, rest) = value.split_first_chunk::<8>()?;
    let half = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (count, sign, scale) = (usize::from(half(0)), half(4), usize::from(half(6)));
    let weight = i64::from(half(2).cast_signed());
    let groups: Vec<u16> = rest
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    if rest.len() != count * 2 || groups.iter().any(|group| *group > 9999) || scale > 16_383 {
        return None;
    }
    let sign = match sign {
        0 => "",
        0x4000 => "-",
        0xc000 => return Some("NaN".to_owned()),
        0xd000 => return Some("Infinity".to_owned()),
        0xf000 => return Some("-Infinity".to_owned()),
        _ => return None,
    };
    let group = |place: i64| {
        let at = usize::try_from(weight - place).ok();
        at.and_then(|at| groups.get(at)).copied().unwrap_or(0)
    };
    let mut out = sign.to_owned();
    for place in (0..=weight.max(0)).rev() {
        let _ = match out.len() > sign.len() {
            true => write!(out, "{:04}", group(place)),
            false if place > 0 && group(place) == 0 => Ok(()),
            false => write!(out, "{}", group(place)),
        };
    }
    if scale > 0 {
        out.push('.');
        let end = out.len() + scale;
        let places = i64::try_from(scale.div_ceil(NUMERIC_BASE_DIGITS)).unwrap_or(0);
        for place in 1..=places {
            let _ = write!(out, "{:04}", group(-place));
        }
        out.truncate(end);
    }
    Some(out)
}

/// Family, bits of the network, whether it is a network, and the address.
fn address(value: &[u8], network: bool) -> Option<String> {
    let [family, bits, _, length, rest @ ..] = value else {
        return None;
    };
    if usize::from(*length) != rest.len() {
        return None;
    }
    let (shown, all) = match family {
        2 => (Ipv4Addr::from(fixed::<4>(rest)?).to_string(), V4_BITS),
        3 => (v6(fixed::<16>(rest)?), V6_BITS),
        _ => return None,
    };
    if bits > &all {
        return None;
    }
    Some(if network || *bits != all {
        format!("{shown}/{bits}")
    } else {
        shown
    })
}

/// As `inet_ntop` does: the end of what might be an old address is written as one.
fn v6(bytes: [u8; 16]) -> String {
    match bytes {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] if (a, b) != (0, 0) => {
            format!("::{}", Ipv4Addr::new(a, b, c, d))
        }
        _ => Ipv6Addr::from(bytes).to_string(),
    }
}

/// How many, and the bits.
fn bits(value: &[u8]) -> Option<String> {
    let (count, rest) = value.split_first_chunk::<4>()?;
    let count = usize::try_from(i32::from_be_bytes(*count)).ok()?;
    if rest.len() != count.div_ceil(8) {
        return None;
    }
    let bit = |at: usize| match rest
        .get(at / 8)
        .is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1)
    {
        true => '1',
        false => '0',
    };
    Some((0..count).map(bit).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(oid in 0_u32..5000, bytes in proptest::collection::vec(any::<u8>(), 0..48)) {
            let _ = text(oid, &bytes);
            let head = [&[0, 0, 0, 2, 0, 0, 0, 0][..], &oid.to_be_bytes(), &bytes].concat();
            let _ = arrays::text(&head);
        }
    }

    fn shown(oid: u32, value: &[u8]) -> String {
        match text(oid, value) {
            Sent::Text(text) => String::from_utf8(text).unwrap(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn floats_are_laid_out_as_postgres_does() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (100.0, "100"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e15, "1e+15"),
            (-1.25e300, "-1.25e+300"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(shown(701, &f64::to_be_bytes(value)), text);
        }
        assert_eq!(shown(700, &1e6_f32.to_be_bytes()), "1e+06");
        assert_eq!(shown(700, &123_456_f32.to_be_bytes()), "123456");
    }

    #[test]
    fn numerics_show_as_many_digits_as_their_scale() {
        for (bytes, text) in [
            (&b"\0\x02\0\0\0\0\0\x01\0\x01\x13\x88"[..], "1.5"),
            (
                b"\0\x03\0\x01\x40\0\0\x04\0\x01\x09\x29\x1a\x85",
                "-12345.6789",
            ),
            (b"\0\0\0\0\0\0\0\0", "0"),
            (b"\0\0\0\0\0\0\0\x02", "0.00"),
            (b"\0\x01\xff\xff\0\0\0\x03\0\x0a", "0.001"),
            (b"\0\x01\0\x02\0\0\0\0\0\x07", "700000000"),
            (b"\0\0\0\0\xc0\0\0\0", "NaN"),
        ] {
            assert_eq!(shown(1700, bytes), text);
        }
        assert_eq!(text(1700, b"\0\x02\0\0\0\0\0\x01\0\x01"), Sent::Wrong);
    }

    #[test]
    fn what_has_a_wrong_length_is_no_value() {
        for oid in [
            16, 20, 21, 23, 26, 700, 701, 1082, 1114, 1186, 2950, 869, 829, 1560,
        ] {
            assert_eq!(text(oid, b"\x01\x02\x03"), Sent::Wrong, "{oid}");
        }
        assert_eq!(text(3802, b"\x02{}"), Sent::Wrong);
    }

    #[test]
    fn what_extensions_define_is_sent_where_it_is_text() {
        assert_eq!(text(50_000, b"open"), Sent::Text(b"open".to_vec()));
        assert_eq!(text(50_000, b"\0\0\0\x01"), Sent::Unknown);
        assert_eq!(text(790, b"\0\0\0\0\0\0\0\x01"), Sent::Unknown);
    }

    #[test]
    fn addresses_show_their_network_where_they_are_not_whole() {
        assert_eq!(shown(869, b"\x02\x20\0\x04\x7f\0\0\x01"), "127.0.0.1");
        assert_eq!(shown(869, b"\x02\x08\0\x04\x0a\0\0\x01"), "10.0.0.1/8");
        assert_eq!(shown(650, b"\x02\x20\x01\x04\x7f\0\0\x01"), "127.0.0.1/32");
    }
}
