//! Does a name fit what the operator wrote?
//!
//! Patterns are globs: `*` stands for any text, `?` for one character, all else for itself, and case
//! counts as it does in PostgreSQL's catalogs. No regular expressions: a glob is matched in time
//! bounded by the length of the name times that of the pattern (which is bounded), and it can be
//! decided whether one glob covers another, which finds rules that can never match.

use std::{fmt, sync::Arc};

/// Longest pattern, in characters. PostgreSQL's names have at most 63 bytes.
pub const PATTERN_CHARS_MAX: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Glyph {
    /// `*`
    Many,
    /// `?`
    One,
    /// A character that stands for itself.
    Exact(char),
}

/// Why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// Nothing is in it.
    #[error(
        "an empty pattern matches nothing; allowed: a name, with * for any text and ? for one character"
    )]
    Empty,
    /// It is longer than [`PATTERN_CHARS_MAX`].
    #[error("the pattern is too long; allowed: at most {PATTERN_CHARS_MAX} characters")]
    TooLong,
    /// A double quote is not closed.
    #[error("a double quote is not closed; allowed: name, schema.name, \"Quoted.Name\"")]
    OpenQuote,
    /// Text follows a quoted part, or precedes it.
    #[error(
        "a quoted part must stand alone between dots; allowed: name, schema.name, schema.\"Quoted.Name\""
    )]
    HalfQuoted,
    /// It has more than two parts.
    #[error(
        "more than two parts; allowed: name or schema.name (quote a part that has a dot in it)"
    )]
    TooManyParts,
}

/// A glob over names. Case counts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: Arc<str>,
    glyphs: Arc<[Glyph]>,
}

impl Pattern {
    /// Reads a glob.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        let glyphs = text.chars().map(|c| match c {
            '*' => Glyph::Many,
            '?' => Glyph::One,
            c => Glyph::Exact(c),
        });
        Self::from_glyphs(text, glyphs)
    }

    /// A pattern that matches `name` and nothing else, whatever characters it has.
    pub fn exact(name: &str) -> Result<Self, BadPattern> {
        Self::from_glyphs(name, name.chars().map(Glyph::Exact))
    }

    fn from_glyphs(text: &str, glyphs: impl Iterator<Item = Glyph>) -> Result<Self, BadPattern> {
        let mut glyphs: Vec<Glyph> = glyphs.take(PATTERN_CHARS_MAX + 1).collect();
        if glyphs.is_empty() {
            return Err(BadPattern::Empty);
        }
        if glyphs.len() > PATTERN_CHARS_MAX {
            return Err(BadPattern::TooLong);
        }
        glyphs.dedup_by(|a, b| *a == Glyph::Many && *b == Glyph::Many);
        Ok(Self {
            text: text.into(),
            glyphs: glyphs.into(),
        })
    }

    /// Whether `name` fits.
    pub fn matches(&self, name: &str) -> bool {
        fits(&self.glyphs, name.chars(), |glyph, c| match glyph {
            Glyph::Exact(own) => own == c,
            Glyph::One | Glyph::Many => true,
        })
    }

    /// Whether every name that fits `other` fits this one too. May say no where the answer is yes,
    /// never the other way round.
    pub fn covers(&self, other: &Pattern) -> bool {
        // The other pattern is read as text in which `*` and `?` are letters of their own: what this
        // pattern's `*` swallows may hold anything, its `?` takes any letter but `*`.
        fits(
            &self.glyphs,
            other.glyphs.iter().copied(),
            |glyph, letter| match glyph {
                Glyph::Many => true,
                Glyph::One => letter != Glyph::Many,
                Glyph::Exact(_) => glyph == letter,
            },
        )
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it names one thing only.
    pub fn is_exact(&self) -> bool {
        self.glyphs
            .iter()
            .all(|glyph| matches!(glyph, Glyph::Exact(_)))
    }

    /// The one name it fits, if it [is exact](Self::is_exact).
    pub fn exact_name(&self) -> Option<String> {
        self.glyphs
            .iter()
            .map(|glyph| match glyph {
                Glyph::Exact(c) => Some(*c),
                Glyph::One | Glyph::Many => None,
            })
            .collect()
    }

    fn is_everything(&self) -> bool {
        *self.glyphs == [Glyph::Many]
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The usual greedy match: on a mismatch only the last `*` is widened by one letter, so nothing is
/// tried more often than the pattern is long. `takes` tells whether a glyph other than `*` takes a letter.
fn fits<L: Copy>(
    glyphs: &[Glyph],
    text: impl Iterator<Item = L> + Clone,
    takes: impl Fn(Glyph, L) -> bool,
) -> bool {
    let mut rest = text;
    let mut at = 0;
    let mut retry = None;
    loop {
        let mut next = rest.clone();
        let letter = next.next();
        match (glyphs.get(at).copied(), letter) {
            (Some(Glyph::Many), _) => {
                at += 1;
                retry = Some((at, rest.clone()));
            }
            (None, None) => return true,
            (Some(_), None) => return false,
            (Some(glyph), Some(letter)) if takes(glyph, letter) => {
                at += 1;
                rest = next;
            }
            (_, Some(_)) => {
                let Some((resume, mut from)) = retry.take() else {
                    return false;
                };
                from.next();
                at = resume;
                rest = from.clone();
                retry = Some((resume, from));
            }
        }
    }
}

/// A pattern over relations: `orders` (in any schema), `public.orders`, `analytics.*`,
/// `"Weird.Name"`. Inside double quotes every character stands for itself.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RelationPattern {
    text: Arc<str>,
    schema: Option<Pattern>,
    name: Pattern,
}

impl RelationPattern {
    /// Reads `name` or `schema.name`.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        if text.chars().nth(2 * PATTERN_CHARS_MAX).is_some() {
            return Err(BadPattern::TooLong);
        }
        let (first, rest) = part(text)?;
        let (schema, name) = match rest {
            None => (None, first),
            Some(rest) => match part(rest)? {
                (second, None) => (Some(first), second),
                (_, Some(_)) => return Err(BadPattern::TooManyParts),
            },
        };
        Ok(Self {
            text: text.into(),
            schema,
            name,
        })
    }

    /// Whether the relation fits. A pattern with a schema does not fit a relation whose schema is
    /// not known.
    pub fn matches(&self, schema: Option<&str>, name: &str) -> bool {
        self.name.matches(name)
            && match (&self.schema, schema) {
                (None, _) => true,
                (Some(pattern), Some(schema)) => pattern.matches(schema),
                (Some(_), None) => false,
            }
    }

    /// Whether every relation that fits `other` fits this one too; as [`Pattern::covers`].
    pub fn covers(&self, other: &RelationPattern) -> bool {
        self.name.covers(&other.name)
            && match (&self.schema, &other.schema) {
                (None, _) => true,
                (Some(own), Some(other)) => own.covers(other),
                (Some(_), None) => false,
            }
    }

    /// Whether it fits every relation there is.
    pub fn is_everything(&self) -> bool {
        self.schema.is_none() && self.name.is_everything()
    }

    /// The schema part.
    pub fn schema(&self) -> Option<&Pattern> {
        self.schema.as_ref()
    }

    /// The name part.
    pub fn name(&self) -> &Pattern {
        &self.name
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it names one relation, or one name in any schema.
    pub fn is_exact(&self) -> bool {
        self.name.is_exact() && self.schema.as_ref().is_none_or(Pattern::is_exact)
    }
}

impl fmt::Debug for RelationPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RelationPattern({:?})", self.text)
    }
}

impl fmt::Display for RelationPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One part of a dotted name, and what follows the dot.
fn part(text: &str) -> Result<(Pattern, Option<&str>), BadPattern> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (part, rest) = match text.split_once('.') {
            Some((part, rest)) => (part, Some(rest)),
            None => (text, None),
        };
        if part.contains('"') {
            return Err(BadPattern::HalfQuoted);
        }
        return Ok((Pattern::new(part)?, rest));
    };
    let mut name = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '"' {
            name.push(c);
        } else if chars.next_if(|(_, next)| *next == '"').is_some() {
            name.push('"');
        } else {
            let pattern = Pattern::exact(&name)?;
            return match &quoted[at + 1..] {
                "" => Ok((pattern, None)),
                rest => match rest.strip_prefix('.') {
                    Some(rest) => Ok((pattern, Some(rest))),
                    None => Err(BadPattern::HalfQuoted),
                },
            };
        }
    }
    Err(BadPattern::OpenQuote)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    fn glob(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    fn relation(text: &str) -> RelationPattern {
        RelationPattern::new(text).unwrap()
    }

    #[test]
    fn globs() {
        assert!(glob("bi_*").matches("bi_"));
        assert!(glob("bi_*").matches("bi_anna"));
        assert!(!glob("bi_*").matches("BI_anna"));
        assert!(glob("*a*b*").matches("xxaxxbxx"));
        assert!(!glob("*a*b").matches("xxaxxbxx"));
        assert!(glob("?é?").matches("aéb"));
        assert!(!glob("??").matches("a"));
        assert!(glob("*").matches(""));
        assert_eq!(Pattern::new(""), Err(BadPattern::Empty));
        assert_eq!(Pattern::new(&"a".repeat(300)), Err(BadPattern::TooLong));
        assert_eq!(glob("orders").exact_name().as_deref(), Some("orders"));
    }

    #[test]
    fn relations() {
        assert!(relation("orders").matches(Some("any"), "orders"));
        assert!(relation("orders").matches(None, "orders"));
        assert!(relation("public.orders").matches(Some("public"), "orders"));
        assert!(!relation("public.orders").matches(None, "orders"));
        assert!(relation("analytics.*").matches(Some("analytics"), "x"));
        assert!(!relation("analytics.*").matches(Some("public"), "x"));
        assert!(relation(r#""Weird.Name""#).matches(None, "Weird.Name"));
        assert!(relation(r#"s."a""*""#).matches(Some("s"), "a\"*"));
        assert!(!relation(r#"s."a*""#).matches(Some("s"), "ab"));
        assert_eq!(RelationPattern::new("a.b.c"), Err(BadPattern::TooManyParts));
        assert_eq!(RelationPattern::new("\"a"), Err(BadPattern::OpenQuote));
        assert_eq!(RelationPattern::new("\"a\"b"), Err(BadPattern::HalfQuoted));
        assert_eq!(RelationPattern::new("a\"b\""), Err(BadPattern::HalfQuoted));
        assert_eq!(RelationPattern::new("a."), Err(BadPattern::Empty));
        assert_eq!(RelationPattern::new(".a"), Err(BadPattern::Empty));
    }

    #[test]
    fn covering() {
        for (wide, narrow) in [
            ("*", "?*"),
            ("a*", "ab*c"),
            ("?", "x"),
            ("a*", "a?"),
            ("*b*", "ab?"),
            ("x", "x"),
        ] {
            assert!(glob(wide).covers(&glob(narrow)), "{wide} covers {narrow}");
        }
        for (one, other) in [
            ("a*", "*"),
            ("?", "*"),
            ("a?", "a*"),
            ("ab", "a?"),
            ("?*", "*"),
        ] {
            assert!(
                !glob(one).covers(&glob(other)),
                "{one} does not cover {other}"
            );
        }
        assert!(relation("orders").covers(&relation("public.orders")));
        assert!(!relation("public.orders").covers(&relation("orders")));
        assert!(relation("*").is_everything());
        // A star that stands for itself is only a letter.
        assert!(!Pattern::exact("*").unwrap().covers(&glob("a")));
        assert!(glob("?").covers(&Pattern::exact("*").unwrap()));
    }

    #[test]
    fn hard_patterns_are_fast() {
        let pattern = glob(&"a*".repeat(120));
        let name = "a".repeat(50_000) + "b";
        let start = Instant::now();
        assert!(pattern.matches(&name));
        assert!(!glob(&("*a".repeat(120) + "c")).matches(&name));
        assert!(start.elapsed().as_secs() < 2);
    }

    proptest! {
        #[test]
        fn covering_is_sound(wide in "[ab*?]{1,6}", narrow in "[ab*?]{1,6}", name in "[abc]{0,6}") {
            let (wide, narrow) = (glob(&wide), glob(&narrow));
            if wide.covers(&narrow) && narrow.matches(&name) {
                prop_assert!(wide.matches(&name));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}", name in "\\PC{0,40}") {
            if let Ok(pattern) = RelationPattern::new(&text) {
                pattern.matches(None, &name);
            }
            if let Ok(exact) = Pattern::exact(&name) {
                prop_assert!(exact.matches(&name));
            }
        }
    }
}
