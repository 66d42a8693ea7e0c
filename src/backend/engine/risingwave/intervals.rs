//! How does an interval look under another `IntervalStyle` than the one that RisingWave writes?
//!
//! It always writes PostgreSQL's default, `postgres`. Rails, for one, sets `iso_8601` on each connection and reads nothing else. The forms
//! are those of the manual: <https://www.postgresql.org/docs/15/datatype-datetime.html#DATATYPE-INTERVAL-OUTPUT>.

use std::fmt::Write as _;

use super::arrays;
use crate::backend::engine::values::{Change, IntervalStyle};

const SECOND: i64 = 1_000_000;

/// What changes a text of RisingWave's; `None` where it is in that style already.
pub(super) fn change(style: IntervalStyle) -> Option<Change> {
    match style {
        IntervalStyle::Postgres => None,
        IntervalStyle::PostgresVerbose => Some(|text, out| put(text, out, verbose)),
        IntervalStyle::SqlStandard => Some(|text, out| put(text, out, sql_standard)),
        IntervalStyle::Iso8601 => Some(|text, out| put(text, out, iso_8601)),
    }
}

/// The same for a text of an array of them.
pub(super) fn change_each(style: IntervalStyle) -> Option<Change> {
    match style {
        IntervalStyle::Postgres => None,
        IntervalStyle::PostgresVerbose => Some(|text, out| put_each(text, out, verbose)),
        IntervalStyle::SqlStandard => Some(|text, out| put_each(text, out, sql_standard)),
        IntervalStyle::Iso8601 => Some(|text, out| put_each(text, out, iso_8601)),
    }
}

fn put_each(text: &[u8], out: &mut Vec<u8>, write: fn(&Parts, &mut String)) -> Option<()> {
    arrays::put_mapped(text, out, |text, out| put(text, out, write))
}

/// Writes what was read.
fn put(text: &[u8], out: &mut Vec<u8>, write: fn(&Parts, &mut String)) -> Option<()> {
    let parts = Parts::read(std::str::from_utf8(text).ok()?)?;
    let mut written = String::new();
    write(&parts, &mut written);
    out.extend_from_slice(written.as_bytes());
    Some(())
}

/// An interval, each part with its own sign.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    years: i64,
    months: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    micros: i64,
}

impl Parts {
    /// `None` where a text is no interval in the style `postgres`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = Self::default();
        let mut words = text.split(' ');
        while let Some(word) = words.next() {
            if word.contains(':') {
                parts.read_clock(word)?;
                return words.next().is_none().then_some(parts);
            }
            // As wide as PostgreSQL keeps them; no server can make these overflow below.
            let number = i64::from(word.parse::<i32>().ok()?);
            match words.next()? {
                "year" | "years" => parts.years = number,
                "mon" | "mons" => parts.months = number,
                "day" | "days" => parts.days = number,
                _ => return None,
            }
        }
        Some(parts)
    }

    /// The microseconds, days and months that PostgreSQL keeps.
    pub(super) fn binary(&self) -> Option<(i64, i32, i32)> {
        let micros = (self.hours.checked_mul(60)?.checked_add(self.minutes)?)
            .checked_mul(60 * SECOND)?
            .checked_add(self.micros)?;
        let months = i32::try_from(self.years * 12 + self.months).ok()?;
        Some((micros, i32::try_from(self.days).ok()?, months))
    }

    fn read_clock(&mut self, word: &str) -> Option<()> {
        let sign = if word.starts_with('-') { -1 } else { 1 };
        let mut fields = word.trim_start_matches(['-', '+']).split(':');
        let mut next = || fields.next();
        let (hours, minutes, seconds) = (next()?, next()?, next()?);
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
        let mut micros = whole.parse::<i64>().ok()?.checked_mul(SECOND)?;
        let mut unit = SECOND / 10;
        for digit in fraction.chars() {
            micros = micros.checked_add(i64::from(digit.to_digit(10)?) * unit)?;
            unit /= 10;
        }
        let (hours, minutes) = (hours.parse().ok()?, minutes.parse().ok()?);
        let is_count = |part: &i64| *part >= 0;
        if ![hours, minutes, micros].iter().all(is_count) {
            return None;
        }
        self.hours = sign * hours;
        self.minutes = sign * minutes;
        self.micros = sign * micros;
        fields.next().is_none().then_some(())
    }

    fn all(&self) -> [i64; 6] {
        let Self {
            years,
            months,
            days,
            hours,
            minutes,
            micros,
        } = *self;
        [years, months, days, hours, minutes, micros]
    }
}

/// Seconds without their sign, with what is not zero of their fraction.
fn put_seconds(out: &mut String, micros: i64, width: usize) {
    let micros = micros.unsigned_abs();
    let (whole, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let _ = write!(out, "{whole:0width$}");
    if fraction != 0 {
        let digits = format!("{fraction:06}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

fn iso_8601(parts: &Parts, out: &mut String) {
    if parts.all() == [0; 6] {
        return out.push_str("PT0S");
    }
    let put = |out: &mut String, count: i64, unit: char| {
        if count != 0 {
            let _ = write!(out, "{count}{unit}");
        }
    };
    out.push('P');
    put(out, parts.years, 'Y');
    put(out, parts.months, 'M');
    put(out, parts.days, 'D');
    if (parts.hours, parts.minutes, parts.micros) == (0, 0, 0) {
        return;
    }
    out.push('T');
    put(out, parts.hours, 'H');
    put(out, parts.minutes, 'M');
    if parts.micros != 0 {
        if parts.micros < 0 {
            out.push('-');
        }
        put_seconds(out, parts.micros, 1);
        out.push('S');
    }
}

fn sql_standard(parts: &Parts, out: &mut String) {
    let all = parts.all();
    let negative = all.iter().any(|part| *part < 0);
    let positive = all.iter().any(|part| *part > 0);
    let of_months = (parts.years, parts.months) != (0, 0);
    let of_time = (parts.hours, parts.minutes, parts.micros) != (0, 0, 0);
    let mixed = (negative && positive) || (of_months && (parts.days != 0 || of_time));
    let [years, months, days, hours, minutes, _] = all.map(i64::unsigned_abs);
    let clock = |out: &mut String| {
        let _ = write!(out, "{hours}:{minutes:02}:");
        put_seconds(out, parts.micros, 2);
    };
    let sign = |negative: bool| if negative { '-' } else { '+' };
    if !negative && !positive {
        out.push('0');
    } else if mixed {
        let of_months = sign(parts.years < 0 || parts.months < 0);
        let of_days = sign(parts.days < 0);
        let of_time = sign(parts.hours < 0 || parts.minutes < 0 || parts.micros < 0);
        let _ = write!(out, "{of_months}{years}-{months} {of_days}{days} {of_time}");
        clock(out);
    } else {
        if negative {
            out.push('-');
        }
        if of_months {
            let _ = write!(out, "{years}-{months}");
        } else {
            if parts.days != 0 {
                let _ = write!(out, "{days} ");
            }
            clock(out);
        }
    }
}

fn verbose(parts: &Parts, out: &mut String) {
    out.push('@');
    let (mut empty, mut before) = (true, false);
    let [years, months, days, hours, minutes, micros] = parts.all();
    for (count, unit) in [
        (years, "year"),
        (months, "mon"),
        (days, "day"),
        (hours, "hour"),
        (minutes, "min"),
    ] {
        if count == 0 {
            continue;
        }
        // The first part says for all which way they count.
        if std::mem::take(&mut empty) {
            before = count < 0;
        }
        let count = if before { -count } else { count };
        let plural = if count == 1 { "" } else { "s" };
        let _ = write!(out, " {count} {unit}{plural}");
    }
    if micros != 0 {
        if std::mem::take(&mut empty) {
            before = micros < 0;
        }
        out.push_str(if (micros < 0) == before { " " } else { " -" });
        put_seconds(out, micros, 1);
        let plural = if micros.abs() == SECOND { "" } else { "s" };
        let _ = write!(out, " sec{plural}");
    }
    if empty {
        out.push_str(" 0");
    }
    if before {
        out.push_str(" ago");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As PostgreSQL 15 writes them: postgres, then iso_8601, sql_standard and postgres_verbose.
    const SAME: [[&str; 4]; 9] = [
        ["00:00:00", "PT0S", "0", "@ 0"],
        ["1 year 2 mons", "P1Y2M", "1-2", "@ 1 year 2 mons"],
        [
            "3 days 04:05:06",
            "P3DT4H5M6S",
            "3 4:05:06",
            "@ 3 days 4 hours 5 mins 6 secs",
        ],
        [
            "1 year 2 mons 3 days 04:05:06.78",
            "P1Y2M3DT4H5M6.78S",
            "+1-2 +3 +4:05:06.78",
            "@ 1 year 2 mons 3 days 4 hours 5 mins 6.78 secs",
        ],
        [
            "-1 days +00:00:01",
            "P-1DT1S",
            "+0-0 -1 +0:00:01",
            "@ 1 day -1 sec ago",
        ],
        ["-00:00:01", "PT-1S", "-0:00:01", "@ 1 sec ago"],
        [
            "-1 years -2 mons +3 days -04:05:06",
            "P-1Y-2M3DT-4H-5M-6S",
            "-1-2 +3 -4:05:06",
            "@ 1 year 2 mons -3 days 4 hours 5 mins 6 secs ago",
        ],
        [
            "100:00:00.000001",
            "PT100H0.000001S",
            "100:00:00.000001",
            "@ 100 hours 0.000001 secs",
        ],
        [
            "1 mon -00:30:00",
            "P1MT-30M",
            "+0-1 +0 -0:30:00",
            "@ 1 mon -30 mins",
        ],
    ];

    fn in_style(style: IntervalStyle, text: &str) -> String {
        let mut out = Vec::new();
        change(style).expect("another style")(text.as_bytes(), &mut out).expect("an interval");
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_interval_is_written_as_postgresql_does() {
        for [text, iso, sql, verbose] in SAME {
            assert_eq!(in_style(IntervalStyle::Iso8601, text), iso);
            assert_eq!(in_style(IntervalStyle::SqlStandard, text), sql);
            assert_eq!(in_style(IntervalStyle::PostgresVerbose, text), verbose);
        }
        assert!(change(IntervalStyle::Postgres).is_none());
    }

    #[test]
    fn what_is_no_interval_is_not_read() {
        for text in [
            "",
            "1",
            "1 dai",
            "x:y:z",
            "1:2",
            "00:00:00 1 day",
            "99999999999999999999 days",
            "-9223372036854775808 years",
            "00:00:9223372036854775807",
            "00:00:9223372036854.9999999",
            "00:-9223372036854775808:00",
        ] {
            assert_eq!(Parts::read(text), None, "{text}");
        }
    }
}
