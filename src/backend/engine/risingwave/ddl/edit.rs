//! How is a text changed where it must be, and nowhere else?
//!
//! Pieces are cut out of it or put in place of others by their bytes; what is between them stays as the client wrote it.

use std::ops::Range;

use crate::error::ClientError;
use crate::protocol::sqlstate::FEATURE_NOT_SUPPORTED;
use crate::sql::tokens::Cursor;

/// Changes of one text, and what the client is told of them.
#[derive(Debug, Default)]
pub(super) struct Edits {
    list: Vec<(Range<usize>, String)>,
    pub(super) notices: Vec<String>,
}

impl Edits {
    /// Puts `new` in the place of these bytes.
    pub(super) fn replace(&mut self, range: Range<usize>, new: impl Into<String>) {
        self.list.push((range, new.into()));
    }

    /// Takes out the tokens from `from` to where `to` stands, with the white space before them.
    pub(super) fn cut(&mut self, from: &Cursor<'_>, to: &Cursor<'_>) {
        if let Some(range) = passed(from, to) {
            let start = from.behind().map_or(range.start, |before| before.end);
            self.list.push((start..range.end, String::new()));
        }
    }

    /// Tells the client.
    pub(super) fn tell(&mut self, notice: impl Into<String>) {
        self.notices.push(notice.into());
    }

    /// Takes over the changes of another list, without what its client would be told.
    pub(super) fn take_silently(&mut self, other: Self) {
        self.list.extend(other.list);
    }

    /// The bytes `within` of the text, changed.
    pub(super) fn apply(&self, text: &str, within: Range<usize>) -> String {
        let mut list: Vec<_> = self
            .list
            .iter()
            .filter(|(range, _)| range.start >= within.start && range.end <= within.end)
            .collect();
        list.sort_by_key(|(range, _)| (range.start, range.end));
        let (mut out, mut at) = (String::with_capacity(within.len()), within.start);
        for (range, new) in list {
            out.push_str(text.get(at..range.start.max(at)).unwrap_or_default());
            out.push_str(new);
            at = at.max(range.end);
        }
        out.push_str(text.get(at..within.end).unwrap_or_default());
        out
    }
}

/// The bytes of the tokens between two places of one run.
pub(super) fn passed(from: &Cursor<'_>, to: &Cursor<'_>) -> Option<Range<usize>> {
    let first = from.peek(0)?;
    let last = to.behind()?;
    (first.start < last.end).then_some(first.start..last.end)
}

/// The text of the tokens between two places, with single blanks where there is white space.
pub(super) fn shown(from: &Cursor<'_>, to: &Cursor<'_>) -> String {
    let range = passed(from, to).unwrap_or_default();
    let text = from.text.get(range).unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What has no counterpart in RisingWave.
pub(super) fn refused(what: impl std::fmt::Display) -> ClientError {
    let message = format!("{what} has no counterpart in RisingWave");
    ClientError::refused(FEATURE_NOT_SUPPORTED, message).hint(
        "Leave it out for relations of the analytic side, or keep the relation in PostgreSQL.",
    )
}

/// What the words say, but not in a way that is understood.
pub(super) fn unreadable(at: &Cursor<'_>) -> ClientError {
    let near = at.peek(0).map_or_else(
        || "its end".to_owned(),
        |token| format!("\"{}\"", String::from_utf8_lossy(token.bytes(at.text))),
    );
    let message =
        format!("this definition cannot be adapted to RisingWave: it is not understood at {near}");
    ClientError::refused(FEATURE_NOT_SUPPORTED, message)
        .hint("Write it as RisingWave takes it, or set ddl: forward.")
}
