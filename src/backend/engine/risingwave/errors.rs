//! What does an error of RisingWave say in PostgreSQL's words?
//!
//! RisingWave's errors have one code for nearly everything and a text of several lines: what it was doing, then the causes, outermost first.
//! A client goes by the SQLSTATE and shows the first line, so both are made from the innermost cause; all causes stay in the detail. The
//! words are those of 2.8.4; what is not known here keeps its code.

use crate::error::ClientError;
use crate::protocol::sqlstate::{
    DUPLICATE_PREPARED_STATEMENT, FEATURE_NOT_SUPPORTED, INSUFFICIENT_PRIVILEGE,
    INVALID_CURSOR_NAME, INVALID_PARAMETER_VALUE, QUERY_CANCELED, READ_ONLY_SQL_TRANSACTION,
    SYNTAX_ERROR, UNDEFINED_OBJECT, UNDEFINED_STATEMENT,
};

const INTERNAL: &str = "XX000";
const UNDEFINED_TABLE: &str = "42P01";
const DUPLICATE_COLUMN: &str = "42701";
const DUPLICATE_TABLE: &str = "42P07";
const UNDEFINED_COLUMN: &str = "42703";
const UNDEFINED_FUNCTION: &str = "42883";
const NOT_GROUPED: &str = "42803";
const UNDEFINED_DATABASE: &str = "3D000";
const UNDEFINED_SCHEMA: &str = "3F000";
const DUPLICATE_CURSOR: &str = "42P03";
const WRONG_OBJECT_TYPE: &str = "42809";
const STILL_NEEDED: &str = "2BP01";
const DIVISION_BY_ZERO: &str = "22012";
const INVALID_TEXT: &str = "22P02";
const INVALID_BINARY: &str = "22P03";
const INVALID_ENCODING: &str = "22021";
const OUT_OF_RANGE: &str = "22003";
const NOT_NULL_VIOLATION: &str = "23502";

/// Lines that only ask for bug reports.
const ASIDES: &[&str] = &[
    "No tracking issue yet.",
    "Tracking issue:",
    "This is a bug.",
    "https://",
];

/// Words before a cause that say which part of RisingWave speaks, not what is wrong.
const PREFIXES: &[&str] = &[
    "Permission denied: ",
    "PermissionDenied: ",
    "Invalid input syntax: ",
    "Invalid Parameter Value: ",
    "Bind error: ",
    "internal error: ",
    "Not supported: ",
    "Feature is not yet implemented: ",
];

/// The error in PostgreSQL's words.
pub(super) fn translate(code: &str, text: &str) -> ClientError {
    let read = Causes::of(text);
    let root = read.root();
    let known = cancelled(root)
        .or_else(|| syntax(root))
        .or_else(|| missing(root))
        .or_else(|| value(root, text))
        .or_else(|| session(root))
        .or_else(|| refused(root))
        .or_else(|| read.setting());
    let (sqlstate, message) = known.unwrap_or_else(|| (kept(code), plain(root).to_owned()));
    let mut error = ClientError::refused(sqlstate, message);
    error.detail = read.detail(&error.message);
    error.hint = read.hint;
    error
}

/// A text taken apart.
struct Causes<'a> {
    /// What it was doing, and why that failed, outermost first; one that has several lines keeps them.
    chain: Vec<String>,
    hint: Option<String>,
    text: &'a str,
}

impl<'a> Causes<'a> {
    fn of(text: &'a str) -> Self {
        let (mut chain, mut hint) = (vec![String::new()], None);
        for line in text.lines() {
            let trimmed = line.trim();
            if let Some(said) = trimmed.strip_prefix("HINT:") {
                hint = Some(said.trim().to_owned());
                continue;
            }
            let caption =
                trimmed == "Caused by:" || trimmed.starts_with("Caused by these errors (recent");
            let aside = ASIDES.iter().any(|aside| trimmed.starts_with(aside));
            if trimmed.is_empty() || aside {
                continue;
            }
            if caption {
                chain.push(String::new());
                continue;
            }
            let first = chain.len() == 2 && chain.last().is_some_and(String::is_empty);
            match numbered(line).filter(|_| chain.len() > 1) {
                Some(cause) if first => chain[1].push_str(cause),
                Some(cause) => chain.push(cause.to_owned()),
                None => {
                    // The caret below the line it points at keeps its place.
                    let line = if first { trimmed } else { line.trim_end() };
                    if let Some(last) = chain.last_mut() {
                        if !last.is_empty() {
                            last.push('\n');
                        }
                        last.push_str(line);
                    }
                }
            }
        }
        Self { chain, hint, text }
    }

    /// The first line of the innermost cause.
    fn root(&self) -> &str {
        let last = self.chain.last().map(String::as_str).unwrap_or_default();
        last.lines().next().unwrap_or(self.text)
    }

    /// A value that a setting does not take; why stands behind it.
    fn setting(&self) -> Known {
        let given = |cause: &String| {
            let (value, rest) = cause
                .strip_prefix("Invalid value `")?
                .split_once("` for `")?;
            let name = rest.split('`').next()?;
            Some(format!(
                "invalid value for parameter \"{name}\": \"{value}\""
            ))
        };
        let message = self.chain.iter().find_map(given)?;
        Some((INVALID_PARAMETER_VALUE, message))
    }

    /// All of it, where it says more than `message`.
    fn detail(&self, message: &str) -> Option<String> {
        let all: Vec<&str> = self.chain.iter().map(|cause| cause.trim_end()).collect();
        let all = all.join(": ");
        (all != message && !all.is_empty()).then_some(all)
    }
}

/// `  2: cause`
fn numbered(line: &str) -> Option<&str> {
    let (number, cause) = line.strip_prefix("  ")?.split_once(": ")?;
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    digits.then_some(cause)
}

/// RisingWave's code, where it is one that stands here.
fn kept(code: &str) -> &'static str {
    const KEPT: &[&str] = &[
        UNDEFINED_OBJECT,
        "42710",
        UNDEFINED_DATABASE,
        "53300",
        "08P01",
    ];
    KEPT.iter()
        .find(|known| **known == code)
        .unwrap_or(&INTERNAL)
}

/// Without the words that say who speaks.
fn plain(mut text: &str) -> &str {
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        text = rest;
    }
    text.trim_end()
}

type Known = Option<(&'static str, String)>;

fn cancelled(root: &str) -> Known {
    let by_user = [
        "Task aborted: cancelled",
        "Receive shutdown msg: Cancel",
        "Cancelled by user",
    ];
    if root.contains("Query cancelled: timeout") {
        let message = "canceling statement due to statement timeout";
        return Some((QUERY_CANCELED, message.to_owned()));
    }
    by_user.iter().any(|words| root.contains(words)).then(|| {
        let message = "canceling statement due to user request";
        (QUERY_CANCELED, message.to_owned())
    })
}

fn syntax(root: &str) -> Known {
    let what = root.strip_prefix("sql parser error: ")?;
    let message = match what.rsplit_once(", found: ") {
        Some((_, "EOF")) => "syntax error at end of input".to_owned(),
        Some((_, found)) => format!("syntax error at or near \"{}\"", found.trim_matches('"')),
        None => format!("syntax error: {what}"),
    };
    Some((SYNTAX_ERROR, message))
}

/// What is not there, or is there already.
fn missing(root: &str) -> Known {
    let after = |words: &str| root.split_once(words).map(|(_, name)| name.trim());
    for words in ["table or source not found: ", "table not found: "] {
        if let Some(name) = after(words) {
            let message = format!("relation \"{name}\" does not exist");
            return Some((UNDEFINED_TABLE, message));
        }
    }
    for kind in ["view", "source", "sink", "index"] {
        if let Some(name) = root.strip_prefix(&format!("{kind} not found: ")) {
            let message = format!("{kind} \"{name}\" does not exist");
            return Some((UNDEFINED_TABLE, message));
        }
    }
    if let Some((_, name)) = root.split_once(" with name ")
        && let Some(name) = name.strip_suffix(" exists")
    {
        let message = format!("relation \"{name}\" already exists");
        return Some((DUPLICATE_TABLE, message));
    }
    let of_table = root.contains("column \"") && root.contains("\" of table \"");
    if of_table && root.ends_with(" already exists") {
        return Some((DUPLICATE_COLUMN, plain(root).to_owned()));
    }
    if of_table && root.ends_with(" does not exist") {
        return Some((UNDEFINED_COLUMN, plain(root).to_owned()));
    }
    if let Some(name) = after("Invalid column: ") {
        let message = format!("column \"{name}\" does not exist");
        return Some((UNDEFINED_COLUMN, message));
    }
    if root.starts_with("function ") && root.ends_with(" does not exist") {
        return Some((UNDEFINED_FUNCTION, root.to_owned()));
    }
    if let Some(name) = after("database not found: ") {
        let message = format!("database \"{name}\" does not exist");
        return Some((UNDEFINED_DATABASE, message));
    }
    if let Some(name) = after("schema not found: ") {
        let message = format!("schema \"{name}\" does not exist");
        return Some((UNDEFINED_SCHEMA, message));
    }
    let user = root.contains("User \"") && root.ends_with("does not exist");
    user.then(|| (UNDEFINED_OBJECT, plain(root).to_owned()))
}

/// A value that cannot be computed or read.
fn value(root: &str, text: &str) -> Known {
    if root.eq_ignore_ascii_case("division by zero") {
        return Some((DIVISION_BY_ZERO, "division by zero".to_owned()));
    }
    if let Some(why) = root.strip_prefix("Parse error: ") {
        let read = text
            .split_once("`str_parse('")
            .and_then(|(_, value)| value.split_once("')`"))
            .map(|(value, _)| value);
        let message = match (read, why.starts_with("integer")) {
            (Some(value), true) => format!("invalid input syntax for type integer: \"{value}\""),
            (Some(value), false) => format!("invalid input syntax: \"{value}\""),
            (None, _) => format!("invalid input syntax: {why}"),
        };
        return Some((INVALID_TEXT, message));
    }
    if root.starts_with("null value in column") {
        return Some((NOT_NULL_VIOLATION, root.to_owned()));
    }
    // What Bind finds in a parameter stands alone.
    if root == "failed to fill whole buffer" || root.contains("could not convert slice to array") {
        let message = "incorrect binary data format in bind parameter";
        return Some((INVALID_BINARY, message.to_owned()));
    }
    if root.starts_with("invalid utf-8 sequence") {
        let message = "invalid byte sequence for encoding \"UTF8\"";
        return Some((INVALID_ENCODING, message.to_owned()));
    }
    if root.starts_with("invalid digit found in") || root.starts_with("invalid float literal") {
        return Some((INVALID_TEXT, format!("invalid input syntax: {root}")));
    }
    let range = ["overflow", "out of range"];
    range
        .iter()
        .any(|words| root.to_ascii_lowercase().contains(words))
        .then(|| (OUT_OF_RANGE, plain(root).to_owned()))
}

/// What a session holds: settings, statements, portals and cursors.
fn session(root: &str) -> Known {
    let quoted = |rest: &str| rest.split('`').next().unwrap_or_default().to_owned();
    if let Some(rest) = root.strip_prefix("Unrecognized config entry `") {
        let message = format!("unrecognized configuration parameter \"{}\"", quoted(rest));
        return Some((UNDEFINED_OBJECT, message));
    }
    if let Some(rest) = root.strip_prefix("Prepare statement ") {
        let name = rest.strip_suffix(" not found")?;
        let message = format!("prepared statement \"{name}\" does not exist");
        return Some((UNDEFINED_STATEMENT, message));
    }
    if let Some(rest) = root.strip_prefix("Portal ") {
        let name = rest.strip_suffix(" not found")?;
        let message = format!("portal \"{name}\" does not exist");
        return Some((INVALID_CURSOR_NAME, message));
    }
    let cursor = root.strip_prefix("cursor `").or_else(|| {
        root.split_once("Cannot find cursor `")
            .map(|(_, rest)| rest)
    });
    if let Some(rest) = cursor {
        let message = format!("cursor \"{}\" does not exist", quoted(rest));
        return Some((INVALID_CURSOR_NAME, message));
    }
    match root {
        "Duplicated statement name" => {
            let message = "prepared statement already exists";
            Some((DUPLICATE_PREPARED_STATEMENT, message.to_owned()))
        }
        "Duplicated portal name" => Some((DUPLICATE_CURSOR, "portal already exists".to_owned())),
        "Only one statement is allowed in extended query mode" => {
            let message = "cannot insert multiple commands into a prepared statement";
            Some((SYNTAX_ERROR, message.to_owned()))
        }
        _ if root.starts_with("time unit is required") => {
            Some((INVALID_PARAMETER_VALUE, root.to_owned()))
        }
        _ if root.starts_with("Not a valid timezone")
            || root.starts_with("Only support 'UTF8'") =>
        {
            Some((INVALID_PARAMETER_VALUE, root.to_owned()))
        }
        _ => None,
    }
}

/// What may not be done, or cannot.
fn refused(root: &str) -> Known {
    let message = plain(root).to_owned();
    let lower = root.to_ascii_lowercase();
    let sqlstate = if lower.contains("read-only transaction") {
        READ_ONLY_SQL_TRANSACTION
    } else if lower.contains(" other objects")
        || lower.contains("unable to drop the column")
        || lower.contains("schema is not empty")
    {
        STILL_NEEDED
    } else if lower.contains("permission denied") || lower.contains("permissiondenied") {
        INSUFFICIENT_PRIVILEGE
    } else if lower.contains("not yet implemented")
        || lower.contains("not supported")
        || lower.contains("unsupported")
        || lower.contains("only be used on")
        || lower.contains("non-const expression")
    {
        FEATURE_NOT_SUPPORTED
    } else if lower.contains("must appear in the group by clause") {
        NOT_GROUPED
    } else if message.starts_with("cannot change ")
        || message.contains("is not a table")
        || message.starts_with("Use `DROP")
    {
        WRONG_OBJECT_TYPE
    } else {
        return None;
    };
    Some((sqlstate, message))
}
