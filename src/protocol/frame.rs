//! Where does one message end and the next begin?
//!
//! Every message after the startup packet is a tag byte and a length that counts itself
//! (<https://www.postgresql.org/docs/15/protocol-overview.html>). The router isolates a frame by this
//! header before anything looks inside, so that no decoder ever reads into the following message.

/// Bytes of a tag and a length.
pub const HEADER_BYTES: usize = 5;

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The message's type.
    pub tag: u8,
    /// Bytes of the whole frame, tag and length included.
    pub total: usize,
}

/// A header that no peer may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid message length {length} of message type {tag:#04x}")]
pub struct BadLength {
    /// The message's type.
    pub tag: u8,
    /// The length as sent.
    pub length: u32,
}

/// The header at the start of `bytes`, or `None` when fewer than five bytes are there.
///
/// # Errors
/// When the length is smaller than itself.
pub fn head(bytes: &[u8]) -> Result<Option<Head>, BadLength> {
    let [tag, a, b, c, d, ..] = *bytes else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([a, b, c, d]);
    if length < 4 {
        return Err(BadLength { tag, length });
    }
    Ok(Some(Head {
        tag,
        total: length as usize + 1,
    }))
}

/// A cursor over one frame's body that can never leave it.
#[derive(Debug, Clone, Copy)]
pub struct Body<'a>(pub &'a [u8]);

impl<'a> Body<'a> {
    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next two bytes as a number.
    pub fn i16(&mut self) -> Option<i16> {
        let (bytes, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(i16::from_be_bytes(*bytes))
    }

    /// The next four bytes as a number.
    pub fn i32(&mut self) -> Option<i32> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(i32::from_be_bytes(*bytes))
    }

    /// The bytes up to the next zero, which is skipped.
    pub fn cstr(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(0, self.0)?;
        let (text, rest) = self.0.split_at(end);
        self.0 = rest.get(1..)?;
        Some(text)
    }

    /// The next `n` bytes.
    pub fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_needs_five_bytes_and_a_length_that_counts_itself() {
        assert_eq!(head(b"Q\0\0\0"), Ok(None));
        assert_eq!(
            head(b"Q\0\0\0\x05\0"),
            Ok(Some(Head {
                tag: b'Q',
                total: 6
            }))
        );
        assert_eq!(
            head(b"Q\0\0\0\x03"),
            Err(BadLength {
                tag: b'Q',
                length: 3
            })
        );
        assert_eq!(
            head(b"Q\xff\xff\xff\xff"),
            Ok(Some(Head {
                tag: b'Q',
                total: 0x1_0000_0000
            }))
        );
    }

    #[test]
    fn a_body_is_never_left() {
        let mut body = Body(b"ab\0\x01");
        assert_eq!(body.cstr(), Some(&b"ab"[..]));
        assert_eq!(body.i16(), None);
        assert_eq!(body.byte(), Some(1));
        assert!(body.is_empty());
        assert_eq!(body.cstr(), None);
        assert_eq!(body.bytes(1), None);
    }
}
