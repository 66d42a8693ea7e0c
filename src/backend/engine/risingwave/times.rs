//! How are PostgreSQL's binary dates, times and intervals written as text, and read from it?
//!
//! As PostgreSQL writes them with `DateStyle = ISO`, `IntervalStyle = postgres` and `TimeZone = UTC`: the forms that RisingWave reads, and writes
//! itself. A value that is shorter or longer than its type is none.

use std::fmt::Write as _;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// The day from which PostgreSQL counts, as a Julian day.
const EPOCH: i64 = 2_451_545;

pub(super) fn date(value: &[u8]) -> Option<String> {
    let days = i32::from_be_bytes(value.try_into().ok()?);
    match days {
        i32::MIN => Some("-infinity".to_owned()),
        i32::MAX => Some("infinity".to_owned()),
        _ => {
            let mut out = String::new();
            let before = put_day(&mut out, i64::from(days));
            out.push_str(before);
            Some(out)
        }
    }
}

pub(super) fn time(value: &[u8]) -> Option<String> {
    let mut out = String::new();
    put_time(&mut out, i64::from_be_bytes(value.try_into().ok()?));
    Some(out)
}

pub(super) fn timetz(value: &[u8]) -> Option<String> {
    let (at, zone) = value.split_first_chunk::<8>()?;
    let mut out = String::new();
    put_time(&mut out, i64::from_be_bytes(*at));
    // Seconds west of Greenwich.
    let west = i64::from(i32::from_be_bytes(zone.try_into().ok()?));
    let seconds = west.abs();
    let _ = write!(
        out,
        "{}{:02}",
        if west > 0 { '-' } else { '+' },
        seconds / 3600
    );
    if seconds % 3600 != 0 {
        let _ = write!(out, ":{:02}", seconds / 60 % 60);
    }
    if seconds % 60 != 0 {
        let _ = write!(out, ":{:02}", seconds % 60);
    }
    Some(out)
}

/// A timestamp, or with `zone` one with a time zone.
pub(super) fn timestamp(value: &[u8], zone: &str) -> Option<String> {
    let at = i64::from_be_bytes(value.try_into().ok()?);
    match at {
        i64::MIN => return Some("-infinity".to_owned()),
        i64::MAX => return Some("infinity".to_owned()),
        _ => {}
    }
    let mut out = String::new();
    let before = put_day(&mut out, at.div_euclid(DAY));
    out.push(' ');
    put_time(&mut out, at.rem_euclid(DAY));
    out.push_str(zone);
    out.push_str(before);
    Some(out)
}

pub(super) fn interval(value: &[u8]) -> Option<String> {
    let (micros, rest) = value.split_first_chunk::<8>()?;
    let (days, months) = rest.split_first_chunk::<4>()?;
    let micros = i64::from_be_bytes(*micros);
    let days = i32::from_be_bytes(*days);
    let months = i32::from_be_bytes(months.try_into().ok()?);
    let mut out = String::new();
    let mut negative = false;
    let parts = [(months / 12, "year"), (months % 12, "mon"), (days, "day")];
    for (count, unit) in parts.into_iter().filter(|(count, _)| *count != 0) {
        let space = if out.is_empty() { "" } else { " " };
        let sign = if negative && count > 0 { "+" } else { "" };
        let plural = if count == 1 { "" } else { "s" };
        let _ = write!(out, "{space}{sign}{count} {unit}{plural}");
        negative = count < 0;
    }
    if micros != 0 || out.is_empty() {
        let space = if out.is_empty() { "" } else { " " };
        let sign = match (micros < 0, negative) {
            (true, _) => "-",
            (false, true) => "+",
            _ => "",
        };
        let _ = write!(out, "{space}{sign}");
        put_clock(&mut out, micros.unsigned_abs());
    }
    Some(out)
}

/// The days since 2000-01-01 of a date.
pub(super) fn read_date(text: &str) -> Option<i32> {
    match text {
        "infinity" => return Some(i32::MAX),
        "-infinity" => return Some(i32::MIN),
        _ => {}
    }
    let (text, is_before) = strip_era(text);
    i32::try_from(read_day(text, is_before)?).ok()
}

/// The microseconds of a time of the day.
pub(super) fn read_time(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut fields = whole.split(':');
    let mut field = |max: i64| count(fields.next()?).filter(|value| *value <= max);
    let (hours, minutes, seconds) = (field(24)?, field(59)?, field(60)?);
    if fields.next().is_some() {
        return None;
    }
    // RisingWave reads nanoseconds too.
    let micros = match fraction {
        "" => 0,
        digits => count(digits).and_then(|_| count(format!("{digits:0<6}").get(..6)?))?,
    };
    Some((hours * 3600 + minutes * 60 + seconds) * SECOND + micros)
}

/// The microseconds since 2000-01-01 of a timestamp; of one with an offset, in UTC.
pub(super) fn read_timestamp(text: &str) -> Option<i64> {
    match text {
        "infinity" => return Some(i64::MAX),
        "-infinity" => return Some(i64::MIN),
        _ => {}
    }
    let (text, is_before) = strip_era(text);
    let (day, time) = text.split_once(' ')?;
    let (time, east) = match time.find(['+', '-']) {
        Some(at) => (&time[..at], read_offset(&time[at..])?),
        None => (time, 0),
    };
    let at = read_day(day, is_before)?.checked_mul(DAY)?;
    at.checked_add(read_time(time)? - east * SECOND)
}

/// The seconds east of Greenwich of `+05:30`.
fn read_offset(text: &str) -> Option<i64> {
    let (sign, text) = match text.split_at_checked(1)? {
        ("-", rest) => (-1, rest),
        (_, rest) => (1, rest),
    };
    let mut seconds = 0;
    let mut unit = 3600;
    for field in text.split(':') {
        seconds += count(field).filter(|field| *field < 60)? * unit;
        unit /= 60;
    }
    Some(sign * seconds)
}

fn strip_era(text: &str) -> (&str, bool) {
    match text.strip_suffix(" BC") {
        Some(rest) => (rest, true),
        None => (text, false),
    }
}

/// A date as days since 2000-01-01; the way back from [`put_day`].
fn read_day(text: &str, is_before: bool) -> Option<i64> {
    let mut fields = text.splitn(3, '-').map(count);
    let mut field = || fields.next()?;
    let (shown, month, day) = (field()?, field()?, field()?);
    let year = if is_before { 1 - shown } else { shown };
    let from_march = if month > 2 { year } else { year - 1 };
    let of_era = from_march.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = from_march.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100
        + of_year
        + 1_721_120
        - EPOCH;
    // There is no such day where it is shown otherwise.
    let mut again = String::new();
    let era = put_day(&mut again, days);
    (again == text && era.is_empty() != is_before).then_some(days)
}

/// Digits without a sign, few enough for every sum above.
fn count(text: &str) -> Option<i64> {
    let is_count = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_count.then(|| text.parse().ok()).flatten()
}

/// The date of a day since 2000-01-01, and what follows it and its time when it is before our era.
fn put_day(out: &mut String, days: i64) -> &'static str {
    // Days to years, months and days in the proleptic Gregorian calendar, counted from a March.
    let shifted = days + EPOCH - 1_721_120;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400 + i64::from(month >= 10);
    let month = if month < 10 { month + 3 } else { month - 9 };
    let (shown, before) = if year > 0 {
        (year, "")
    } else {
        (1 - year, " BC")
    };
    let _ = write!(out, "{shown:04}-{month:02}-{day:02}");
    before
}

fn put_time(out: &mut String, micros: i64) {
    put_clock(out, micros.unsigned_abs());
}

fn put_clock(out: &mut String, micros: u64) {
    let seconds = micros / 1_000_000;
    let _ = write!(
        out,
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    let fraction = micros % 1_000_000;
    if fraction != 0 {
        let digits = format!("{fraction:06}");
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_gregorian_calendar() {
        let day = |days: i32| date(&days.to_be_bytes()).unwrap();
        assert_eq!(day(0), "2000-01-01");
        assert_eq!(day(59), "2000-02-29");
        assert_eq!(day(-1), "1999-12-31");
        assert_eq!(day(8767), "2024-01-02");
        assert_eq!(day(-730_119), "0001-01-01");
        assert_eq!(day(-730_120), "0001-12-31 BC");
        assert_eq!(
            (day(i32::MAX), day(i32::MIN)),
            ("infinity".into(), "-infinity".into())
        );
        assert_eq!(date(b"\0\0\0"), None);
    }

    #[test]
    fn an_interval_shows_the_sign_of_each_part() {
        let made = |micros: i64, days: i32, months: i32| {
            let bytes = [
                &micros.to_be_bytes()[..],
                &days.to_be_bytes(),
                &months.to_be_bytes(),
            ]
            .concat();
            interval(&bytes).unwrap()
        };
        assert_eq!(made(0, 0, 0), "00:00:00");
        assert_eq!(made(7_200 * SECOND, 1, 0), "1 day 02:00:00");
        assert_eq!(
            made(-1_500_000, 3, -14),
            "-1 years -2 mons +3 days -00:00:01.5"
        );
        assert_eq!(made(SECOND, -1, 0), "-1 days +00:00:01");
    }
}
