//! Where does each statement of a Query string begin and end?
//!
//! PostgreSQL's grammar splits at semicolons, and only two constructs hold semicolons inside one
//! statement: the body of an SQL function (`BEGIN ATOMIC … END`) and the actions of a rule
//! (`DO (a; b)`). psql follows the same rules when it splits its input
//! (<https://github.com/postgres/postgres/blob/REL_15_STABLE/src/fe_utils/psqlscan.l>).

use std::ops::Range;

use smallvec::{SmallVec, smallvec};

use super::lexer::{Dialect, Kind, SPACE, WORD_START, is, lex};

/// Where statements stand in a text; nearly always there is one.
pub type Ranges = SmallVec<[Range<usize>; 1]>;

/// What has been seen of the statement under way.
#[derive(Default)]
struct Statement {
    /// First byte that is not white space; comments count, as they may hold a hint.
    start: Option<usize>,
    end: usize,
    significant: bool,
    parens: usize,
    /// How many `END`s are missing in an SQL function's body.
    blocks: usize,
    routine: Routine,
    begin_seen: bool,
}

/// How far the statement looks like `CREATE [OR REPLACE] {FUNCTION|PROCEDURE}`.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Routine {
    #[default]
    Start,
    Create,
    Or,
    Yes,
    No,
}

impl Statement {
    fn word(&mut self, word: &[u8]) {
        let is = |wanted: &str| word.eq_ignore_ascii_case(wanted.as_bytes());
        self.routine = match self.routine {
            Routine::Start if is("create") => Routine::Create,
            Routine::Create if is("or") => Routine::Or,
            Routine::Or if is("replace") => Routine::Create,
            Routine::Create if is("function") || is("procedure") => Routine::Yes,
            Routine::Yes => Routine::Yes,
            _ => Routine::No,
        };
        if self.routine != Routine::Yes || self.parens > 0 {
            return;
        }
        if self.blocks == 0 {
            self.blocks = usize::from(self.begin_seen && is("atomic"));
        } else if is("case") {
            self.blocks += 1;
        } else if is("end") {
            self.blocks -= 1;
        }
        self.begin_seen = is("begin");
    }
}

/// Byte ranges of the statements in `text`, each without its semicolon, in order. Comments before a
/// statement belong to it. Those with nothing but white space and comments are left out.
#[must_use]
pub fn split_with(text: &[u8], dialect: &Dialect) -> Ranges {
    match single(text) {
        Some(range) => smallvec![range],
        None => split_by_tokens(text, dialect),
    }
}

/// The only statement of a text in which that can be seen without reading its tokens, as in almost all that clients send.
fn single(text: &[u8]) -> Option<Range<usize>> {
    let start = text.iter().position(|byte| !is(*byte, SPACE))?;
    // A word or a parenthesis: no comment, so there is something to it.
    let significant = text
        .get(start)
        .is_some_and(|byte| is(*byte, WORD_START) || *byte == b'(');
    let last = *text.last()?;
    if !significant || is(last, SPACE) {
        return None;
    }
    match memchr::memchr(b';', text) {
        // Whatever the last token is, it ends with the text.
        None => Some(start..text.len()),
        // With nothing quoted, commented or left open before it, a semicolon at the end is code.
        Some(at) if at + 1 == text.len() && is_plain(text.get(start..at)?) => {
            let end = text.get(..at)?.iter().rposition(|byte| !is(*byte, SPACE))?;
            Some(start..end + 1)
        }
        Some(_) => None,
    }
}

/// Whether a text has nothing in it that can hold a semicolon.
fn is_plain(text: &[u8]) -> bool {
    let mut open = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        // Nearly all bytes are passed by this look alone.
        if !MAY_HOLD[usize::from(*byte)] {
            continue;
        }
        let next = text.get(at + 1);
        match *byte {
            b'(' => open += 1,
            b')' => open = open.saturating_sub(1),
            b'-' if next != Some(&b'-') => {}
            b'/' if next != Some(&b'*') => {}
            // `$1` is no quote; `$$` and `$a$` may be one.
            b'$' if next.is_none_or(u8::is_ascii_digit) => {}
            _ => return false,
        }
    }
    // The body of a function in SQL.
    let creates = text
        .first_chunk::<6>()
        .is_some_and(|word| word.eq_ignore_ascii_case(b"create"));
    open == 0 && !creates
}

/// The bytes that may begin something which holds a semicolon.
const MAY_HOLD: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b"'\"()-/$";
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

fn split_by_tokens(text: &[u8], dialect: &Dialect) -> Ranges {
    let mut ranges = Ranges::new();
    let mut now = Statement::default();
    for token in lex(text, *dialect) {
        let bytes = token.bytes(text);
        if token.kind == Kind::Space {
            continue;
        }
        if bytes == b";" && now.parens == 0 && now.blocks == 0 {
            close(&mut now, &mut ranges);
            continue;
        }
        now.start.get_or_insert(token.start);
        now.end = token.end;
        if !token.is_significant() {
            continue;
        }
        now.significant = true;
        match (token.kind, bytes) {
            (Kind::Word, word) => now.word(word),
            (Kind::Punct, b"(") => now.parens += 1,
            (Kind::Punct, b")") => now.parens = now.parens.saturating_sub(1),
            _ => now.begin_seen = false,
        }
    }
    close(&mut now, &mut ranges);
    ranges
}

fn close(now: &mut Statement, ranges: &mut Ranges) {
    let done = std::mem::take(now);
    if let Some(start) = done.start
        && done.significant
    {
        ranges.push(start..done.end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        split_with(text.as_bytes(), &Dialect::default())
            .into_iter()
            .map(|range| &text[range])
            .collect()
    }

    #[test]
    fn splits_at_semicolons_that_are_code() {
        assert_eq!(parts("select 1; select 2"), ["select 1", "select 2"]);
        assert_eq!(parts(" ; ;-- x\n;/* y */; "), [""; 0]);
        assert_eq!(
            parts("select ';' ; select \";\" ; select $$;$$"),
            ["select ';'", "select \";\"", "select $$;$$"]
        );
        assert_eq!(
            parts("/* tidegate: to=x */ select 1;"),
            ["/* tidegate: to=x */ select 1"]
        );
        assert_eq!(
            parts("select 1 /* ; */; select 2 -- ;"),
            ["select 1 /* ; */", "select 2 -- ;"]
        );
        assert_eq!(parts(r"select E'\';'; select 2").len(), 2);
    }

    #[test]
    fn keeps_bodies_whole() {
        let body = "create or replace function f() returns int begin atomic \
                    select case when true then 1 end; select 2; end";
        assert_eq!(parts(&format!("{body}; select 1")), [body, "select 1"]);
        let rule = "create rule r as on insert to t do (insert into a values (1); delete from b)";
        assert_eq!(parts(&format!("{rule}; select 1")), [rule, "select 1"]);
        assert_eq!(parts("begin; select 1; end; select 2").len(), 4);
    }

    #[test]
    fn backslashes_escape_when_standard_conforming_strings_is_off() {
        let off = Dialect {
            standard_conforming_strings: false,
        };
        assert_eq!(split_with(br"select 'a\'; select ' 1", &off).len(), 1);
        assert_eq!(
            split_with(br"select 'a\'; select ' 1", &Dialect::default()).len(),
            2
        );
    }

    proptest! {
        #[test]
        fn a_single_statement_is_where_its_tokens_say(
            pieces in prop::collection::vec("[a-z_]{1,5}|create|begin atomic|case|end|[0-9]|;|[.,()\\[\\]]|[-+*/<>=:$]{1,2}|\"|'|\\$\\$| |\n|--|/\\*|\\*/|E'|é", 0..16),
            end in "|;|; | ;|;;",
            off in any::<bool>()
        ) {
            let dialect = Dialect { standard_conforming_strings: off };
            let text = format!("{}{end}", pieces.concat());
            prop_assert_eq!(split_with(text.as_bytes(), &dialect), split_by_tokens(text.as_bytes(), &dialect), "{}", text);
        }

        #[test]
        fn ranges_are_ordered_and_inside(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut at = 0;
            for range in split_with(&text, &Dialect::default()) {
                prop_assert!(range.start >= at && range.start < range.end);
                prop_assert!(range.end <= text.len());
                at = range.end;
            }
        }
    }
}
