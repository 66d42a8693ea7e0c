//! How is a file of any size read line by line?
//!
//! A query log may have gigabytes and a line in it may have any length, so a line is only kept up to a bound.

use std::io::{self, BufRead, Read};

/// Bytes of one line, and of one record of several lines.
pub(super) const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its number, from 1.
    pub(super) number: u64,
    /// Its bytes; `None` where there are more than [`RECORD_BYTES_MAX`].
    pub(super) text: Option<Vec<u8>>,
}

/// The lines of a reader.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, number: 0 }
    }

    /// The next line, `None` at the end.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut text = Vec::new();
        let bound = RECORD_BYTES_MAX as u64 + 1;
        if self
            .reader
            .by_ref()
            .take(bound)
            .read_until(b'\n', &mut text)?
            == 0
        {
            return Ok(None);
        }
        self.number += 1;
        let number = self.number;
        if text.last() != Some(&b'\n') && text.len() > RECORD_BYTES_MAX {
            self.skip_rest()?;
            return Ok(Some(Line { number, text: None }));
        }
        for end in [b'\n', b'\r'] {
            if text.last() == Some(&end) {
                text.pop();
            }
        }
        let text = Some(text);
        Ok(Some(Line { number, text }))
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(());
            }
            let end = memchr::memchr(b'\n', buffer);
            let used = end.map_or(buffer.len(), |at| at + 1);
            self.reader.consume(used);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_any_way_and_a_huge_one_is_passed_over() {
        let mut text = b"one\r\n\ntwo\n".to_vec();
        text.extend(std::iter::repeat_n(b'x', RECORD_BYTES_MAX + 2));
        text.extend_from_slice(b"\nlast");
        let mut lines = Lines::new(text.as_slice());
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.number, line.text));
        }
        let line = |number, text: &str| (number, Some(text.as_bytes().to_vec()));
        let wanted = [
            line(1, "one"),
            line(2, ""),
            line(3, "two"),
            (4, None),
            line(5, "last"),
        ];
        assert_eq!(found, wanted);
    }
}
