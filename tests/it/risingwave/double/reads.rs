//! What does RisingWave not take in queries and in changes of rows that PostgreSQL would?

use super::errors::Failure;
use super::grammar::Verb;
use super::lexer::{Kind, Token};
use super::reader::{Reader, shown};
use super::types;

const QUERY_BODY: &str = "SELECT, VALUES, or a subquery in the query body";

/// Functions that PostgreSQL has and RisingWave has not.
const ABSENT: &[&str] = &[
    "pg_advisory_lock",
    "pg_try_advisory_lock",
    "pg_advisory_xact_lock",
    "pg_try_advisory_xact_lock",
    "pg_advisory_unlock",
    "pg_advisory_unlock_all",
    "pg_advisory_lock_shared",
    "pg_notify",
    "nextval",
    "currval",
    "setval",
    "lastval",
    "txid_current",
    "pg_current_xact_id",
    "to_regclass",
    "inet_server_addr",
    "inet_client_addr",
    "pg_size_pretty",
    "pg_total_relation_size",
    "pg_export_snapshot",
    "gen_random_uuid",
    "clock_timestamp",
    "pg_current_wal_lsn",
    "current_query",
    "pg_relation_is_updatable",
    "pg_get_functiondef",
    "pg_function_is_visible",
    "json_build_object",
    "json_agg",
    "row_to_json",
    "to_json",
];

/// Relations of pg_catalog that clients ask for and RisingWave has not.
const ABSENT_CATALOGS: &[&str] = &[
    "pg_cursors",
    "pg_prepared_statements",
    "pg_policy",
    "pg_policies",
    "pg_publication",
    "pg_publication_tables",
    "pg_subscription",
    "pg_replication_slots",
    "pg_stat_replication",
    "pg_stat_all_tables",
    "pg_foreign_table",
    "pg_foreign_server",
    "pg_aggregate",
    "pg_event_trigger",
    "pg_statistic",
    "pg_statistic_ext",
    "pg_opfamily",
    "pg_default_acl",
    "pg_seclabel",
    "pg_timezone_names",
    "pg_stat_statements",
];

/// A query to the end of its statement.
pub fn query(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    let from = reader.at;
    let with = reader.sees("with");
    let tokens = reader.rest();
    let to = reader.at;
    let all = Scan { reader, from, to };
    all.syntax(with)?;
    if tokens.get(1).is_some_and(|t| with && t.is("recursive")) {
        return Ok(Verb::Refused(Failure::new(
            "Bind error: RECURSIVE CTE is not supported",
        )));
    }
    Ok(all.semantics().map_or(Verb::Read, Verb::Refused))
}

/// The tokens of one query or change.
struct Scan<'a, 'b> {
    reader: &'a Reader<'b>,
    from: usize,
    to: usize,
}

impl<'b> Scan<'_, 'b> {
    fn token(&self, at: usize) -> Option<&'b Token> {
        self.reader.tokens.get(at)
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.token(at).is_some_and(|t| t.is(word))
    }

    fn end_expected(&self, at: usize) -> Failure {
        Failure::expected(self.reader.sql, "end of statement", self.token(at))
    }

    /// What the parser stumbles over.
    fn syntax(&self, with: bool) -> Result<(), Failure> {
        let mut depth = 0;
        for at in self.from..self.to {
            let Some(token) = self.token(at) else { break };
            let before = at
                .checked_sub(1)
                .filter(|n| *n >= self.from)
                .and_then(|n| self.token(n));
            if token.is_sign("(") {
                depth += 1;
            } else if token.is_sign(")") {
                depth -= 1;
            }
            let writes = ["insert", "update", "delete", "merge"]
                .iter()
                .any(|w| token.is(w));
            let opens = before.is_some_and(|t| t.is_sign("(") || t.is_sign(")"));
            if with && writes && opens {
                return Err(Failure::expected(self.reader.sql, QUERY_BODY, Some(token)));
            }
            if token.is("for")
                && ["update", "share", "no", "key"]
                    .iter()
                    .any(|w| self.is(at + 1, w))
            {
                // Behind a bare name it is first taken for that name's alias.
                let bare = before.is_some_and(|t| matches!(t.kind, Kind::Word | Kind::Quoted))
                    && at
                        .checked_sub(2)
                        .is_some_and(|n| self.is(n, "from") || self.is(n, "join"));
                return Err(self.end_expected(at + usize::from(bare)));
            }
            let nothing = self
                .token(at + 1)
                .filter(|_| at + 1 < self.to)
                .is_none_or(|t| t.is("from") || t.is_sign(")"));
            if token.is("select") && nothing {
                return Err(Failure::expected(
                    self.reader.sql,
                    "an expression",
                    self.token(at + 1),
                ));
            }
            if token.is("into") && depth == 0 {
                return Err(self.end_expected(at));
            }
            if token.is("tablesample") || (token.is("only") && before.is_some_and(|t| t.is("from")))
            {
                return Err(self.end_expected(at + usize::from(token.is("only"))));
            }
            if token.is("materialized") && before.is_some_and(|t| t.is("as") || t.is("not")) {
                return Err(Failure::expected(self.reader.sql, "(", Some(token)));
            }
            let called = self.token(at + 1).is_some_and(|t| t.is_sign("("));
            if token.is("position")
                && !called
                && before.is_none_or(|t| !t.is_sign(".") && !t.is("as"))
            {
                return Err(Failure::expected(self.reader.sql, "(", self.token(at + 1)));
            }
            if let Some(before) = before {
                let texts = token.kind == Kind::Text && before.kind == Kind::Text;
                let names = token.kind == Kind::Quoted && before.kind == Kind::Quoted;
                if texts || names {
                    return Err(self.end_expected(at));
                }
                let rows = (before.is("first") || before.is("next"))
                    && at.checked_sub(2).is_some_and(|n| self.is(n, "fetch"));
                let counts = (before.is("offset") && !self.is_name(at - 1)) || rows;
                let counted = before.kind == Kind::Number
                    && at
                        .checked_sub(2)
                        .is_some_and(|n| self.is(n, "offset") && !self.is_name(n));
                if counted && ["+", "-", "*", "/"].iter().any(|sign| token.is_sign(sign)) {
                    return Err(self.end_expected(at));
                }
                if counts && token.kind != Kind::Number && !token.is("row") && !token.is("rows") {
                    return Err(Failure::expected(self.reader.sql, "a value", Some(token)));
                }
                if before.is_sign("::") {
                    types::sized_text(self.reader, at)?;
                }
            }
        }
        Ok(())
    }

    /// What the binder refuses.
    fn semantics(&self) -> Option<Failure> {
        for at in self.from..self.to {
            let token = self.token(at)?;
            let next_opens = self.token(at + 1).is_some_and(|t| t.is_sign("("));
            if token.kind == Kind::Dollar {
                let value = token.text.trim_matches('$');
                let why = format!(
                    "value: DollarQuotedString(DollarQuotedString {{ value: \"{value}\", tag: None }})"
                );
                return Some(Failure::unbound(
                    &token.text,
                    &[&Failure::unimplemented_text(&why)],
                ));
            }
            if token.kind == Kind::Text && token.text.starts_with(['x', 'X']) {
                let why = format!("value: HexStringLiteral(\"{}\")", token.value());
                let shown = format!("X{}", &token.text[1..]);
                return Some(Failure::unbound(
                    &shown,
                    &[&Failure::unimplemented_text(&why)],
                ));
            }
            if token.is("u")
                && self
                    .token(at + 1)
                    .is_some_and(|t| t.is_sign("&") && t.start == token.end)
            {
                let text = self.token(at + 2).map_or("", |t| t.text.as_str());
                return Some(Failure::unbound(
                    &format!("U & {text}"),
                    &["Item not found: Invalid column: u"],
                ));
            }
            if token.is("limit") && !self.is_name(at) && self.counts_by_parameter(at + 1) {
                let why = "expects an integer or expression that can be evaluated to an integer after LIMIT, but found non-const expression";
                return Some(Failure::caused(
                    super::errors::INTERNAL,
                    &["Expr error", why],
                ));
            }
            if token.is_sign("::") || token.is("as") {
                let refused = types::refused_cast(self.reader, at, self.from);
                if refused.is_some() {
                    return refused;
                }
            }
            if next_opens && ABSENT.iter().any(|name| token.is(name)) {
                return Some(self.absent(at));
            }
            if token.is("current_setting") && next_opens {
                let arguments = arguments(self.reader.tokens, at + 1);
                if arguments.len() == 2 {
                    let call = self.call(at);
                    return Some(Failure::unbound(
                        &call,
                        &["Expr error", "unexpected arguments number 2, expect 1"],
                    ));
                }
            }
            if ABSENT_CATALOGS.iter().any(|name| token.is(name)) && !next_opens {
                let name = token.value();
                let written = at
                    .checked_sub(2)
                    .is_some_and(|n| n >= self.from && self.is(n, "pg_catalog"));
                if !written {
                    return Some(Failure::not_found(&format!(
                        "table or source not found: {name}"
                    )));
                }
                return Some(Failure::tracked(
                    &format!(
                        "pg_catalog.{name} is not supported, please use `SHOW` commands for now.\n`SHOW TABLES`,\n\
                         `SHOW MATERIALIZED VIEWS`,\n`DESCRIBE <table>`,\n`SHOW COLUMNS FROM [table]`\n"
                    ),
                    1695,
                ));
            }
        }
        None
    }

    /// Whether a word is a name here, which it is behind a point and AS.
    fn is_name(&self, at: usize) -> bool {
        at.checked_sub(1)
            .filter(|n| *n >= self.from)
            .is_some_and(|n| self.is(n, "as") || self.token(n).is_some_and(|t| t.is_sign(".")))
    }

    /// Whether what LIMIT says has a parameter in it, up to the end of the clause.
    fn counts_by_parameter(&self, from: usize) -> bool {
        let mut depth = 0;
        for at in from..self.to {
            let Some(token) = self.token(at) else { break };
            depth += i32::from(token.is_sign("(")) - i32::from(token.is_sign(")"));
            if depth < 0 || token.is("offset") || token.is("select") {
                return false;
            }
            if token.kind == Kind::Parameter {
                return true;
            }
        }
        false
    }

    /// The call that begins at a token, as printed.
    fn call(&self, at: usize) -> String {
        let mut inner = Reader {
            sql: self.reader.sql,
            tokens: self.reader.tokens,
            at: at + 1,
        };
        let _ = inner.group();
        shown(&self.reader.tokens[at..inner.at], true)
    }

    fn absent(&self, at: usize) -> Failure {
        let types: Vec<&str> = arguments(self.reader.tokens, at + 1)
            .iter()
            .map(|argument| match argument.first() {
                Some(token) if token.kind == Kind::Number && token.text.contains('.') => "numeric",
                Some(token) if token.kind == Kind::Number => "integer",
                Some(token) if token.is("true") || token.is("false") => "boolean",
                _ => "character varying",
            })
            .collect();
        let name = self.token(at).map(Token::value).unwrap_or_default();
        let why = format!("function {name}({}) does not exist", types.join(", "));
        Failure::unbound(&self.call(at), &[&why])
    }
}

/// The arguments of a call whose parenthesis stands at a place.
pub fn arguments(tokens: &[Token], open: usize) -> Vec<&[Token]> {
    let (mut depth, mut from, mut found) = (0, open + 1, Vec::new());
    for (at, token) in tokens.iter().enumerate().skip(open) {
        let closes = token.is_sign(")");
        if token.is_sign("(") {
            depth += 1;
        }
        if depth == 1 && (closes || token.is_sign(",")) {
            if at > from {
                found.push(&tokens[from..at]);
            }
            from = at + 1;
        }
        if closes {
            depth -= 1;
            if depth == 0 {
                break;
            }
        }
    }
    found
}

pub fn insert(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    let from = reader.at;
    reader.at += 1;
    reader.must("into")?;
    let table = reader.name()?;
    for word in ["as", "default", "overriding"] {
        if reader.sees(word) {
            return Err(reader.expected(QUERY_BODY));
        }
    }
    if reader.sees_sign("(") {
        reader.group()?;
    }
    if reader.sees("overriding") {
        return Err(reader.expected(QUERY_BODY));
    }
    let values = reader.sees("values");
    let (mut depth, mut returning) = (0, false);
    while let Some(token) = reader.peek().filter(|t| !t.is_sign(";")) {
        if token.is_sign("(") {
            depth += 1;
        } else if token.is_sign(")") {
            depth -= 1;
        }
        if depth == 0 && token.is("on") && reader.peek_at(1).is_some_and(|t| t.is("conflict")) {
            return Err(reader.expected("end of statement"));
        }
        if depth == 1 && values && token.is("default") {
            let line = reader.sql[..token.start]
                .rfind('\n')
                .map_or(0, |end| end + 1);
            let number = reader.sql[..token.start].matches('\n').count() + 1;
            let what = format!(
                "syntax error at or near default at line {number}, column {}",
                token.start - line + 1
            );
            let next = reader.peek_at(1).map_or(reader.sql.len(), |t| t.start);
            return Err(Failure::syntax(reader.sql, next, &what));
        }
        returning |= depth == 0 && token.is("returning");
        reader.at += 1;
    }
    checked(
        reader,
        from,
        Verb::Insert {
            table,
            values,
            returning,
        },
    )
}

pub fn update(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    let from = reader.at;
    reader.at += 1;
    let table = reader.name()?;
    reader.must("set")?;
    let returning = changed_rows(reader, &["from"])?;
    checked(reader, from, Verb::Update { table, returning })
}

pub fn delete(reader: &mut Reader<'_>) -> Result<Verb, Failure> {
    let from = reader.at;
    reader.at += 1;
    reader.must("from")?;
    let table = reader.name()?;
    let returning = changed_rows(reader, &["using", "as"])?;
    checked(reader, from, Verb::Delete { table, returning })
}

/// Steps to the end; words that PostgreSQL would take there are a syntax error. Gives whether rows are returned.
fn changed_rows(reader: &mut Reader<'_>, refused: &[&str]) -> Result<bool, Failure> {
    let (mut depth, mut returning) = (0, false);
    while let Some(token) = reader.peek().filter(|t| !t.is_sign(";")) {
        if token.is_sign("(") {
            depth += 1;
        } else if token.is_sign(")") {
            depth -= 1;
        }
        if depth == 0 && !returning && refused.iter().any(|word| token.is(word)) {
            return Err(reader.expected("end of statement"));
        }
        returning |= depth == 0 && token.is("returning");
        reader.at += 1;
    }
    Ok(returning)
}

fn checked(reader: &Reader<'_>, from: usize, verb: Verb) -> Result<Verb, Failure> {
    let scan = Scan {
        reader,
        from: from + 3,
        to: reader.at,
    };
    scan.syntax(false)?;
    Ok(scan.semantics().map_or(verb, Verb::Refused))
}
