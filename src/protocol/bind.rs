//! What does a Bind give, and in which formats?
//!
//! Most go on unread. This is for engines that take parameters in fewer forms than PostgreSQL. Formats are none, one for all, or one for each
//! (<https://www.postgresql.org/docs/15/protocol-message-formats.html>).

use bytes::BufMut;

use super::frame::Body;

/// What follows the names in a `Bind`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind<'a> {
    /// The parameters' formats.
    pub formats: Vec<i16>,
    /// Their values.
    pub values: Vec<Option<&'a [u8]>>,
    /// The columns' formats.
    pub results: Vec<i16>,
}

impl<'a> Bind<'a> {
    /// Decodes what follows the names, which must be all there.
    #[must_use]
    pub fn read(rest: &'a [u8]) -> Option<Self> {
        let mut body = Body(rest);
        let formats = numbers(&mut body)?;
        let count = unsigned(&mut body)?;
        let mut values = Vec::with_capacity(count.min(body.0.len() / 4));
        for _ in 0..count {
            let length = body.i32()?;
            values.push(match usize::try_from(length) {
                Ok(length) => Some(body.bytes(length)?),
                Err(_) if length == -1 => None,
                Err(_) => return None,
            });
        }
        let results = numbers(&mut body)?;
        body.is_empty().then_some(Self {
            formats,
            values,
            results,
        })
    }

    /// The format of a parameter.
    #[must_use]
    pub fn format(&self, at: usize) -> i16 {
        format_of(&self.formats, at)
    }

    /// Appends it, as it follows the names.
    pub fn put(&self, out: &mut impl BufMut) {
        put_numbers(out, &self.formats);
        put_count(out, self.values.len());
        for value in &self.values {
            match value {
                Some(value) => {
                    out.put_i32(i32::try_from(value.len()).unwrap_or(i32::MAX));
                    out.put_slice(value);
                }
                None => out.put_i32(-1),
            }
        }
        put_numbers(out, &self.results);
    }
}

/// The format of a value among many.
#[must_use]
pub fn format_of(formats: &[i16], at: usize) -> i16 {
    match formats {
        [] => 0,
        [all] => *all,
        each => each.get(at).copied().unwrap_or(0),
    }
}

/// A count, which has no sign: there may be 65535 parameters.
fn unsigned(body: &mut Body<'_>) -> Option<usize> {
    let bytes = body.bytes(2)?;
    Some(usize::from(u16::from_be_bytes(bytes.try_into().ok()?)))
}

fn numbers(body: &mut Body<'_>) -> Option<Vec<i16>> {
    let count = unsigned(body)?;
    (0..count).map(|_| body.i16()).collect()
}

fn put_count(out: &mut impl BufMut, count: usize) {
    out.put_u16(u16::try_from(count).unwrap_or(u16::MAX));
}

fn put_numbers(out: &mut impl BufMut, numbers: &[i16]) {
    put_count(out, numbers.len());
    for number in numbers {
        out.put_i16(*number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_reads_again() {
        let bind = Bind {
            formats: vec![0, 1],
            values: vec![Some(&b"a"[..]), None],
            results: vec![1],
        };
        let mut out = Vec::new();
        bind.put(&mut out);
        assert_eq!(Bind::read(&out), Some(bind));
    }

    #[test]
    fn what_is_too_short_or_too_long_is_none() {
        assert_eq!(Bind::read(b"\0\0\0\x01\0\0\0\x02a"), None);
        assert_eq!(Bind::read(b"\0\0\0\0\0\0x"), None);
        assert_eq!(Bind::read(b"\0\x02\0\0"), None);
        assert_eq!(Bind::read(b"\0\0\0\x01\xff\xff\xff\xfe\0\0"), None);
    }

    #[test]
    fn one_format_is_for_all() {
        assert_eq!((format_of(&[], 3), format_of(&[1], 3)), (0, 1));
        assert_eq!(format_of(&[1, 0], 1), 0);
    }
}
