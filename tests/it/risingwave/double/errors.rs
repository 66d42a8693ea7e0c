//! In which words does RisingWave refuse?
//!
//! Its errors have a severity, a code and a text of several lines: what it was doing, then the causes. Nearly every code is XX000.

use bytes::{BufMut, BytesMut};

use super::lexer::{Kind, Token};

pub const INTERNAL: &str = "XX000";
pub const NOT_FOUND: &str = "42704";
pub const EXISTS: &str = "42710";

/// What is said of anything that nobody has asked for yet.
const NO_ISSUE: &str = "No tracking issue yet. Feel free to submit a feature request at \
                        https://github.com/risingwavelabs/risingwave/issues/new?labels=type%2Ffeature&template=feature_request.yml";
const BUG: &str = "This is a bug. We would appreciate a bug report at:\n  \
                   https://github.com/risingwavelabs/risingwave/issues/new?labels=type%2Fbug&template=bug_report.yml";

/// What the server was doing when it failed: the first line of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    Running,
    Preparing,
    Executing,
}

impl Doing {
    fn line(self) -> &'static str {
        match self {
            Self::Running => "Failed to run the query",
            Self::Preparing => "Failed to prepare the statement",
            Self::Executing => "Failed to execute the statement",
        }
    }
}

/// An error on its way to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: &'static str,
    /// Outermost first. One that stands alone and is `bare` is the whole text.
    pub causes: Vec<String>,
    bare: bool,
    /// The handler has panicked: the connection is closed behind the error.
    pub panicked: bool,
    /// It came up while rows were asked for, not before: what makes the second ReadyForQuery.
    pub while_running: bool,
}

impl Failure {
    pub fn caused(code: &'static str, causes: &[&str]) -> Self {
        let causes = causes.iter().map(|cause| (*cause).to_owned()).collect();
        Self {
            code,
            causes,
            bare: false,
            panicked: false,
            while_running: false,
        }
    }

    pub fn new(cause: impl Into<String>) -> Self {
        Self::caused(INTERNAL, &[&cause.into()])
    }

    /// A text that comes without a first line of what was being done.
    pub fn bare(text: impl Into<String>) -> Self {
        Self {
            bare: true,
            ..Self::new(text)
        }
    }

    pub fn panic(why: &str) -> Self {
        let text = format!("Panicked when handling the request: {why}\n{BUG}");
        Self {
            panicked: true,
            ..Self::bare(text)
        }
    }

    /// The parser's error at a byte of the text.
    pub fn syntax(sql: &str, at: usize, what: &str) -> Self {
        let start = sql[..at].rfind('\n').map_or(0, |end| end + 1);
        let end = sql[at..].find('\n').map_or(sql.len(), |end| at + end);
        let number = sql[..at].matches('\n').count() + 1;
        let label = format!("LINE {number}: ");
        let pad = " ".repeat(label.len() + sql[start..at].chars().count());
        let line = &sql[start..end];
        Self::new(format!("sql parser error: {what}\n{label}{line}\n{pad}^"))
    }

    /// `expected …, found: …` at a token, or at the end of the text.
    pub fn expected(sql: &str, what: &str, found: Option<&Token>) -> Self {
        let (at, text) = found.map_or((sql.len(), "EOF"), |t| (t.start, t.text.as_str()));
        Self::syntax(sql, at, &format!("expected {what}, found: {text}"))
    }

    pub fn not_found(what: &str) -> Self {
        Self::caused(NOT_FOUND, &["Catalog error", what])
    }

    pub fn exists(kind: &str, name: &str) -> Self {
        Self::caused(
            EXISTS,
            &["Catalog error", &format!("{kind} with name {name} exists")],
        )
    }

    pub fn unimplemented(what: &str) -> Self {
        Self::new(Self::unimplemented_text(what))
    }

    pub fn unimplemented_text(what: &str) -> String {
        format!("Feature is not yet implemented: {what}\n{NO_ISSUE}")
    }

    pub fn tracked(what: &str, issue: u32) -> Self {
        Self::new(format!(
            "Feature is not yet implemented: {what}\nTracking issue: https://github.com/risingwavelabs/risingwave/issues/{issue}"
        ))
    }

    pub fn unhandled(statement: &str) -> Self {
        Self::unimplemented(&format!("Unhandled statement: {statement}"))
    }

    /// An expression that cannot be bound, and why.
    pub fn unbound(expression: &str, why: &[&str]) -> Self {
        let outer = format!("Failed to bind expression: {expression}");
        Self::caused(INTERNAL, &[&[outer.as_str()], why].concat())
    }

    pub fn evaluating(expression: &str, why: &str) -> Self {
        let middle = format!("error while evaluating expression `{expression}`");
        Self::caused(INTERNAL, &["Expr error", &middle, why])
    }

    pub fn read_only() -> Self {
        Self::new("Permission denied: cannot execute in a read-only transaction")
    }

    pub fn while_running(self) -> Self {
        Self {
            while_running: true,
            ..self
        }
    }

    pub fn before_running(self) -> Self {
        Self {
            while_running: false,
            ..self
        }
    }

    pub fn text(&self, doing: Doing) -> String {
        if self.bare {
            return self.causes.concat();
        }
        let head = doing.line();
        match &self.causes[..] {
            [cause] => format!("{head}\n\nCaused by:\n  {cause}\n"),
            causes => {
                let list: String = causes
                    .iter()
                    .enumerate()
                    .map(|(n, cause)| format!("  {}: {cause}\n", n + 1))
                    .collect();
                format!("{head}\n\nCaused by these errors (recent errors listed first):\n{list}")
            }
        }
    }

    pub fn put(&self, out: &mut BytesMut, doing: Doing) {
        put_fields(out, b'E', "ERROR", self.code, &self.text(doing));
    }
}

/// An ErrorResponse or NoticeResponse with the three fields RisingWave sends.
pub fn put_fields(out: &mut BytesMut, tag: u8, severity: &str, code: &str, text: &str) {
    let mut body = BytesMut::new();
    for (field, value) in [(b'S', severity), (b'C', code), (b'M', text)] {
        body.put_u8(field);
        body.put_slice(value.as_bytes());
        body.put_u8(0);
    }
    body.put_u8(0);
    super::wire::put(out, tag, &body);
}

pub fn put_notice(out: &mut BytesMut, text: &str) {
    put_fields(out, b'N', "NOTICE", "00000", text);
}

/// What PostgreSQL said about a statement that was passed on.
#[derive(Debug, Clone, Default)]
pub struct PgError {
    pub code: String,
    pub message: String,
    /// Bytes of the statement before the place meant.
    pub position: Option<usize>,
    pub column: Option<String>,
    pub table: Option<String>,
}

/// The same error in RisingWave's words. `sql` is the string the client sent, `offset` where the statement begins in it.
pub fn translated(error: &PgError, sql: &str, offset: usize, tokens: &[Token]) -> Failure {
    let message = &error.message;
    let quoted = |n: usize| message.split('"').nth(2 * n + 1).unwrap_or_default();
    const CHANGES: &[&str] = &["insert", "update", "delete", "grant", "revoke"];
    let writes = tokens
        .first()
        .is_some_and(|t| CHANGES.iter().any(|word| t.is(word)));
    match error.code.as_str() {
        "42601" => {
            let at = offset + error.position.unwrap_or(0);
            let found = tokens.iter().position(|t| t.start >= at);
            let before = found
                .unwrap_or(tokens.len())
                .checked_sub(1)
                .and_then(|n| tokens.get(n));
            let found = found.and_then(|n| tokens.get(n));
            let expected = match (before, found) {
                (Some(comma), Some(_)) if comma.is_sign(",") => "identifier",
                (Some(select), _) if select.is("select") => "an expression",
                (_, None) => "an expression",
                (_, Some(token)) if token.start == offset => "statement",
                _ => "end of statement",
            };
            Failure::expected(sql, expected, found)
        }
        "42P01" | "3F000" => {
            let name = quoted(0).rsplit('.').next().unwrap_or_default().to_owned();
            let what = if writes { "table" } else { "table or source" };
            Failure::not_found(&format!("{what} not found: {name}"))
        }
        "42703" => {
            let written = message.strip_prefix("column ").unwrap_or(message);
            let name = written.split(" does not exist").next().unwrap_or_default();
            let name = name
                .split(" of relation")
                .next()
                .unwrap_or_default()
                .replace('"', "");
            let last = name.rsplit('.').next().unwrap_or_default();
            Failure::unbound(&name, &[&format!("Item not found: Invalid column: {last}")])
        }
        "42883" => {
            let call = error
                .position
                .map_or_else(String::new, |at| call_at(sql, offset + at, tokens));
            let text = message
                .replace("unknown", "character varying")
                .replace("text", "character varying");
            Failure::unbound(&call, &[&text])
        }
        "22012" => Failure::evaluating("general_div('1', '0')", "Division by zero"),
        "22P02" if message.contains("integer") || message.contains("bigint") => {
            let value = format!("str_parse('{}')", quoted(0));
            Failure::evaluating(&value, "Parse error: integer invalid digit found in string")
        }
        "22P02" => {
            let value = format!("str_parse('{}')", quoted(0));
            Failure::evaluating(&value, &format!("Parse error: {message}"))
        }
        "23502" => {
            let (column, table) = (
                error.column.as_deref().unwrap_or_default(),
                error.table.as_deref().unwrap_or_default(),
            );
            let check = format!("check_not_null(NULL, '{column}', '{table}')");
            Failure::evaluating(&check, message)
        }
        "42501" => {
            let what = message.split_whitespace().nth(3).unwrap_or("relation");
            let right = tokens
                .first()
                .map_or("select", |t| t.text.as_str())
                .to_ascii_uppercase();
            let what = if what == "schema" {
                "schema"
            } else {
                "table or materialized view"
            };
            let name = message.rsplit(' ').next().unwrap_or_default();
            Failure::new(format!(
                "Permission denied: permission denied for {what} \"{name}\": \"{right}\""
            ))
        }
        "42704" if message.starts_with("role ") => Failure::new(format!(
            "Invalid input syntax: User \"{}\" does not exist",
            quoted(0)
        )),
        "42704" => {
            let name = quoted(0);
            Failure::unimplemented(&format!("unsupported data type: {name}"))
        }
        _ => Failure::new(message.clone()),
    }
}

/// The function call that begins at a place, as written.
fn call_at(sql: &str, at: usize, tokens: &[Token]) -> String {
    let from = tokens.iter().position(|t| t.start >= at).unwrap_or(0);
    let mut depth = 0;
    for token in &tokens[from..] {
        if token.is_sign("(") {
            depth += 1;
        } else if token.is_sign(")") {
            depth -= 1;
            if depth == 0 {
                return sql[at..token.end].to_owned();
            }
        }
        if depth == 0 && token.kind != Kind::Word && !token.is_sign(".") {
            break;
        }
    }
    sql.get(at..)
        .unwrap_or_default()
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}
