//! What does a `COPY … TO STDOUT` ask for, exactly?
//!
//! Its facts say what it reads. Whoever answers it himself needs the query and the options too, and reads them here off the text, in both
//! spellings that PostgreSQL knows (<https://www.postgresql.org/docs/15/sql-copy.html>). What the options mean is not looked at.

use std::iter::Peekable;
use std::str::Chars;

use super::lexer::{Dialect, Kind};
use super::tokens::{Cursor, Tokens, is_string};

/// `COPY … TO STDOUT …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The query whose rows are wanted.
    pub query: String,
    /// Options in their order.
    pub options: Vec<CopyOption>,
}

/// One option, its name in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyOption {
    /// As in `WITH (name value)`.
    pub name: String,
    /// Its value.
    pub value: CopyValue,
}

/// An option's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyValue {
    /// Not given.
    None,
    /// A word, number or string.
    Text(String),
    /// `*`
    All,
    /// `(a, b)`
    Names(Vec<String>),
}

/// What a `COPY … TO STDOUT` whose facts are known says.
///
/// # Errors
/// With the word at which it stops to be one, or nothing for its end.
pub fn copied(text: &[u8], dialect: Dialect) -> Result<Copied, String> {
    let tokens = Tokens::new(text, dialect);
    let mut c = tokens.cursor();
    let mut options = Vec::new();
    let query = begin(&mut c, &mut options).ok_or_else(|| near(&c))?;
    if let Some(mut inside) = c.eat_parens() {
        listed(&mut inside, &mut options).ok_or_else(|| near(&inside))?;
    } else {
        spoken(&mut c, &mut options).ok_or_else(|| near(&c))?;
    }
    if c.is_done() {
        Ok(Copied { query, options })
    } else {
        Err(near(&c))
    }
}

/// Up to the options.
fn begin(c: &mut Cursor<'_>, options: &mut Vec<CopyOption>) -> Option<String> {
    c.eat("copy").then_some(())?;
    let of_query = c.is_mark(0, "(");
    let query = source(c, options)?;
    c.eat("to").then_some(())?;
    c.eat_any(&["stdout", "stdin"]).then_some(())?;
    if !of_query && c.eat_all(&["using", "delimiters"]) {
        options.push(option("delimiter", CopyValue::Text(string(c)?)));
    }
    c.eat("with");
    Some(query)
}

fn near(c: &Cursor<'_>) -> String {
    let next = c.peek(0).map(|token| token.bytes(c.text));
    String::from_utf8_lossy(next.unwrap_or_default()).into_owned()
}

/// `(query)`, or a relation with columns.
fn source(c: &mut Cursor<'_>, options: &mut Vec<CopyOption>) -> Option<String> {
    if let Some(inside) = c.eat_parens() {
        let query = c.text.get(inside.span())?;
        return Some(String::from_utf8_lossy(query).into_owned());
    }
    if c.is(0, "binary") && !c.is(1, "to") {
        c.advance();
        options.push(option("format", CopyValue::Text("binary".to_owned())));
    }
    let relation = c.relation()?;
    let columns = match c.eat_parens() {
        Some(mut inside) => match names(&mut inside)? {
            CopyValue::Names(names) if inside.is_done() => names,
            _ => return None,
        },
        None => Vec::new(),
    };
    // In quotes, since a bare word may be more than a name in a query.
    let columns: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    let columns = if columns.is_empty() {
        "*".to_owned()
    } else {
        columns.join(", ")
    };
    let schema = relation.schema.map(|schema| quoted(&schema) + ".");
    let (schema, name) = (schema.unwrap_or_default(), quoted(&relation.name));
    Some(format!("SELECT {columns} FROM {schema}{name}"))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn option(name: &str, value: CopyValue) -> CopyOption {
    let name = name.to_owned();
    CopyOption { name, value }
}

/// `name value, name value`.
fn listed(c: &mut Cursor<'_>, options: &mut Vec<CopyOption>) -> Option<()> {
    loop {
        let name = c.ident()?;
        let value = if c.is_done() || c.is_mark(0, ",") {
            CopyValue::None
        } else if c.eat_mark("*") {
            CopyValue::All
        } else if let Some(mut inside) = c.eat_parens() {
            let names = names(&mut inside)?;
            inside.is_done().then_some(names)?
        } else {
            CopyValue::Text(scalar(c)?)
        };
        options.push(option(&name, value));
        if !c.eat_mark(",") {
            return c.is_done().then_some(());
        }
    }
}

/// The spelling of before PostgreSQL 9.0: `CSV HEADER QUOTE AS 'x' …`.
fn spoken(c: &mut Cursor<'_>, options: &mut Vec<CopyOption>) -> Option<()> {
    while !c.is_done() {
        let given = if c.eat("binary") {
            option("format", CopyValue::Text("binary".to_owned()))
        } else if c.eat("csv") {
            option("format", CopyValue::Text("csv".to_owned()))
        } else if c.eat("header") {
            option("header", CopyValue::None)
        } else if c.eat_all(&["force", "not", "null"]) {
            option("force_not_null", names(c)?)
        } else if c.eat_all(&["force", "null"]) {
            option("force_null", names(c)?)
        } else if c.eat_all(&["force", "quote"]) {
            let all = c.eat_mark("*");
            let value = if all { CopyValue::All } else { names(c)? };
            option("force_quote", value)
        } else if c.eat("freeze") {
            option("freeze", CopyValue::None)
        } else {
            let known = ["delimiter", "null", "quote", "escape", "encoding"];
            let name = known.into_iter().find(|name| c.eat(name))?;
            c.eat("as");
            option(name, CopyValue::Text(string(c)?))
        };
        options.push(given);
    }
    Some(())
}

fn names(c: &mut Cursor<'_>) -> Option<CopyValue> {
    let mut names = Vec::new();
    loop {
        // A value in a list may be a string too.
        let quoted = c.peek(0).is_some_and(|token| is_string(token.kind));
        names.push(if quoted { string(c)? } else { c.ident()? });
        if !c.eat_mark(",") {
            return Some(CopyValue::Names(names));
        }
    }
}

/// A word, a number or a string.
fn scalar(c: &mut Cursor<'_>) -> Option<String> {
    if let Some(found) = string(c) {
        return Some(found);
    }
    let sign = if c.eat_mark("-") { "-" } else { "" };
    let token = c.peek(0).filter(|token| token.kind == Kind::Number);
    if let Some(number) = token.map(|token| token.bytes(c.text)) {
        c.advance();
        return Some(format!("{sign}{}", String::from_utf8_lossy(number)));
    }
    c.ident()
}

/// A string literal's value.
fn string(c: &mut Cursor<'_>) -> Option<String> {
    let token = c.peek(0)?;
    let text = std::str::from_utf8(token.bytes(c.text)).ok()?;
    let inside = |prefix: &str| text.strip_prefix(prefix)?.strip_suffix('\'');
    let value = match token.kind {
        Kind::String => inside("'")?.replace("''", "'"),
        Kind::National => inside("N'").or_else(|| inside("n'"))?.replace("''", "'"),
        Kind::Escaped => unescaped(inside("E'").or_else(|| inside("e'"))?)?,
        Kind::Dollar => text.strip_prefix("$$")?.strip_suffix("$$")?.to_owned(),
        _ => return None,
    };
    c.advance();
    Some(value)
}

/// The value of what stands in `E'…'`.
fn unescaped(written: &str) -> Option<String> {
    let mut value = String::with_capacity(written.len());
    let mut rest = written.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\'' {
            // It is doubled.
            rest.next();
        }
        value.push(match c {
            '\\' => match rest.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'x' => number(&mut rest, 16, 2, 0)?,
                'u' => number(&mut rest, 16, 4, 0)?,
                'U' => number(&mut rest, 16, 8, 0)?,
                digit @ '0'..='7' => number(&mut rest, 8, 2, digit.to_digit(8)?)?,
                other => other,
            },
            other => other,
        });
    }
    Some(value)
}

fn number(rest: &mut Peekable<Chars<'_>>, base: u32, digits: usize, first: u32) -> Option<char> {
    let mut code = first;
    for _ in 0..digits {
        let Some(digit) = rest.peek().and_then(|c| c.to_digit(base)) else {
            break;
        };
        code = code.checked_mul(base)?.checked_add(digit)?;
        rest.next();
    }
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, String), String> {
        let copied = copied(text.as_bytes(), Dialect::default())?;
        let shown: Vec<String> = copied
            .options
            .iter()
            .map(|option| match &option.value {
                CopyValue::None => option.name.clone(),
                CopyValue::Text(text) => format!("{}={text:?}", option.name),
                CopyValue::All => format!("{}=*", option.name),
                CopyValue::Names(names) => format!("{}=({})", option.name, names.join(",")),
            })
            .collect();
        Ok((copied.query, shown.join(" ")))
    }

    #[test]
    fn both_spellings_and_all_sources_are_read() {
        for (text, query, options) in [
            ("copy (select 1) to stdout", "select 1", ""),
            ("copy t to stdout", "SELECT * FROM \"t\"", ""),
            (
                "copy s.\"T\" (a, \"B\") to stdout;",
                "SELECT \"a\", \"B\" FROM \"s\".\"T\"",
                "",
            ),
            (
                "copy binary t to stdout",
                "SELECT * FROM \"t\"",
                "format=\"binary\"",
            ),
            ("copy binary to stdout", "SELECT * FROM \"binary\"", ""),
            (
                "copy (select (1)) to stdout with (format csv, HEADER, delimiter E'\\t', null '', force_quote (a, B), force_quote *)",
                "select (1)",
                "format=\"csv\" header delimiter=\"\\t\" null=\"\" force_quote=(a,b) force_quote=*",
            ),
            (
                "copy t to stdout (header off, quote '''')",
                "SELECT * FROM \"t\"",
                "header=\"off\" quote=\"'\"",
            ),
            (
                "copy t to stdout with csv header quote as '\"' escape E'\\x41' force quote a, b null 'x'",
                "SELECT * FROM \"t\"",
                "format=\"csv\" header quote=\"\\\"\" escape=\"A\" force_quote=(a,b) null=\"x\"",
            ),
            (
                "copy t to stdout using delimiters '|' binary",
                "SELECT * FROM \"t\"",
                "delimiter=\"|\" format=\"binary\"",
            ),
        ] {
            let expected = Ok((query.to_owned(), options.to_owned()));
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_option_is_not_read() {
        for (text, near) in [
            ("copy t to stdout wobbly", "wobbly"),
            ("copy (select 1) to stdout using delimiters ','", "using"),
            ("copy t to stdout (format csv header)", "header"),
            ("copy t to stdout (format csv,)", ""),
            ("copy t to stdout delimiter 5", "5"),
            ("copy t from stdin", "from"),
        ] {
            assert_eq!(read(text), Err(near.to_owned()), "{text}");
        }
    }
}
