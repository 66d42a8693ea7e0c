//! Which names in a run of tokens stand where a relation may stand, and which are called?
//!
//! For whatever has no tree: queries that do not parse, the actions of rules, the expressions of
//! definitions. It follows the words that open and close the places of relations and errs towards too
//! many of them.

use super::ctes::Ctes;
use super::facts::{Access, FunctionName, SessionEffect};
use super::findings::Findings;
use super::lexer::Kind;
use super::tokens::{Cursor, relation};

/// Words after which a relation's name may follow.
const OPENERS: &[&str] = &[
    "from", "join", "into", "update", "using", "table", "only", "lateral",
];

/// Words that end the part of a query in which relations are named.
const CLOSERS: &[&str] = &[
    "select",
    "union",
    "intersect",
    "except",
    "where",
    "set",
    "on",
    "returning",
    "group",
    "order",
    "having",
    "limit",
    "offset",
    "fetch",
    "values",
    "when",
    "window",
    "for",
    "default",
    "do",
    "as",
];

/// Words that may stand between an opener and the name.
const FILLERS: &[&str] = &["only", "lateral", "table"];

/// More of them, behind the `INTO` of a query.
const INTO_FILLERS: &[&str] = &["temp", "temporary", "unlogged", "local", "global"];

/// Words before `(` that are no functions.
const NOT_FUNCTIONS: &[&str] = &[
    "all",
    "and",
    "any",
    "as",
    "between",
    "by",
    "case",
    "check",
    "conflict",
    "distinct",
    "else",
    "except",
    "exists",
    "filter",
    "from",
    "group",
    "having",
    "in",
    "intersect",
    "into",
    "is",
    "join",
    "lateral",
    "like",
    "limit",
    "materialized",
    "not",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "over",
    "partition",
    "primary",
    "references",
    "returning",
    "row",
    "select",
    "set",
    "some",
    "table",
    "then",
    "union",
    "unique",
    "using",
    "values",
    "when",
    "where",
    "with",
    "within",
];

/// Functions whose arguments hold a `FROM` that names no relation.
const FROM_INSIDE: &[&str] = &["extract", "substring", "trim", "overlay", "position"];

/// Functions in `FROM` whose first argument is a relation.
const WINDOWING: &[&str] = &["tumble", "hop", "session", "gap_fill"];

/// What may stand at the current place, at one depth of parentheses.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Relations, used so.
    Relations(Access),
    /// The condition of a join in a list of relations so used: a comma ends it.
    Condition(Access),
    /// Expressions and column lists.
    Expressions,
    /// Arguments in which `FROM` is no clause.
    Arguments,
}

/// Finds every name that stands where a relation may stand, and every function called.
pub(super) fn scan(mut cursor: Cursor<'_>, findings: &mut Findings) {
    let ctes = Ctes::new(cursor);
    let mut outer: Vec<Place> = Vec::new();
    let mut place = Place::Expressions;
    let mut expects_name = false;
    while let Some(token) = cursor.peek(0) {
        if cursor.is_mark(0, "(") {
            outer.push(place);
            place = match (place, expects_name) {
                (Place::Relations(access), true) => Place::Relations(access),
                _ => Place::Expressions,
            };
            cursor.advance();
            continue;
        }
        if cursor.is_mark(0, ")") {
            place = outer.pop().unwrap_or(Place::Expressions);
            expects_name = false;
            cursor.advance();
            continue;
        }
        if cursor.is_mark(0, ",") {
            if let Place::Condition(access) = place {
                place = Place::Relations(access);
            }
            expects_name = matches!(place, Place::Relations(_));
            cursor.advance();
            continue;
        }
        if passed_within_from(&mut cursor, place, expects_name)
            || !expects_name && passed_cycle(&mut cursor)
        {
            expects_name = false;
            continue;
        }
        if expects_name && is_filler(&cursor, place) {
            cursor.advance();
            continue;
        }
        // Words that open and close places, but may name a relation or an alias too.
        let name = if expects_name {
            cursor.is_any(0, &["set", "update"])
                || cursor.is(0, "values") && !cursor.is_mark(1, "(")
        } else {
            matches!(place, Place::Relations(Access::Read)) && cursor.is_any(0, &["set", "values"])
        };
        if !name && let Some(opened) = opens(&cursor, place) {
            place = opened;
            expects_name = true;
            into_temp(cursor, findings);
            cursor.advance();
            continue;
        }
        let query = expects_name && cursor.is(0, "with") && !cursor.is_mark(1, ".");
        if query || cursor.is_any(0, CLOSERS) && !name {
            place = match place {
                Place::Arguments => Place::Arguments,
                Place::Relations(access) if cursor.is(0, "on") => Place::Condition(access),
                _ => Place::Expressions,
            };
            expects_name = false;
            cursor.advance();
            continue;
        }
        if !matches!(token.kind, Kind::Word | Kind::Quoted | Kind::UnicodeQuoted) {
            expects_name = false;
            cursor.advance();
            continue;
        }
        let bare = token.kind == Kind::Word;
        let at = cursor.position();
        let Some(parts) = cursor.chain() else {
            cursor.advance();
            continue;
        };
        let calls = cursor.is_mark(0, "(");
        let written = matches!(place, Place::Relations(Access::Write | Access::Define));
        match place {
            Place::Relations(access) if expects_name && (!calls || written) => {
                // What is changed is never a CTE.
                let is_cte =
                    access == Access::Read && matches!(&parts[..], [name] if ctes.has(name, at));
                if !is_cte && let Some(name) = relation(parts) {
                    findings.relation(name, access);
                }
            }
            _ if calls => {
                let name = parts.last().cloned().unwrap_or_default();
                let keyword = bare && parts.len() == 1 && NOT_FUNCTIONS.contains(&name.as_str());
                if !keyword {
                    call(parts, findings);
                }
                if WINDOWING.contains(&name.as_str()) || FROM_INSIDE.contains(&name.as_str()) {
                    outer.push(place);
                    cursor.advance();
                    place = Place::Arguments;
                    if WINDOWING.contains(&name.as_str())
                        && let Some(first) = cursor.chain()
                        && let Some(name) = relation(first)
                    {
                        findings.relation(name, Access::Read);
                    }
                }
            }
            _ => {}
        }
        expects_name = false;
    }
}

fn is_filler(cursor: &Cursor<'_>, place: Place) -> bool {
    let makes_table = matches!(place, Place::Relations(Access::Define));
    let filler = cursor.is_any(0, FILLERS) || makes_table && cursor.is_any(0, INTO_FILLERS);
    filler && !cursor.is_mark(1, ".")
}

/// Passes what in a list of relations is neither one nor ends the list: `ROWS FROM` and `COLLATION
/// FOR` before their parenthesis, `USING (a, b)` of a join, `AS alias`, `FOR SYSTEM_TIME`.
fn passed_within_from(cursor: &mut Cursor<'_>, place: Place, expects_name: bool) -> bool {
    if !matches!(place, Place::Relations(_)) {
        return false;
    }
    if expects_name {
        let mut ahead = *cursor;
        let functions = (ahead.eat_all(&["rows", "from"]) || ahead.eat_all(&["collation", "for"]))
            && ahead.is_mark(0, "(");
        if functions {
            *cursor = ahead;
        }
        return functions;
    }
    if cursor.eat("as") {
        cursor.ident();
        return true;
    }
    if cursor.are(&["for", "system_time"]) || cursor.are(&["for", "system_version"]) {
        cursor.advance();
        cursor.advance();
        return true;
    }
    let mut ahead = *cursor;
    let columns = ahead.eat("using") && ahead.eat_mark("(") && ahead.names() && ahead.eat_mark(")");
    if columns {
        *cursor = ahead;
    }
    columns
}

/// Passes a CTE's `CYCLE a, b SET c [TO constant DEFAULT constant] USING d`, whole or not at all.
fn passed_cycle(cursor: &mut Cursor<'_>) -> bool {
    let constant = |cursor: &mut Cursor<'_>, end: &str| {
        // `true`, `'Y'`, `point '(1,1)'`.
        (0..3).any(|_| {
            cursor.advance();
            cursor.eat(end)
        })
    };
    let mut ahead = *cursor;
    let set = ahead.eat("cycle") && ahead.names() && ahead.eat("set") && ahead.ident().is_some();
    let whole =
        set && if ahead.eat("to") {
            constant(&mut ahead, "default") && constant(&mut ahead, "using")
        } else {
            ahead.eat("using")
        } && ahead.ident().is_some();
    if whole {
        *cursor = ahead;
    }
    whole
}

fn call(mut parts: Vec<String>, findings: &mut Findings) {
    if let Some(name) = parts.pop() {
        let schema = parts.pop();
        findings.function(FunctionName { schema, name });
    }
}

/// The place that the next word opens, if it opens one.
fn opens(cursor: &Cursor<'_>, place: Place) -> Option<Place> {
    if !cursor.is_any(0, OPENERS) || matches!(place, Place::Arguments) {
        return None;
    }
    let before = |words: &[&str]| {
        cursor.behind().is_some_and(|token| {
            let bytes = token.bytes(cursor.text);
            words
                .iter()
                .any(|word| bytes.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    if before(&["."]) {
        return None;
    }
    // `ORDER BY a USING >`.
    let sorts = cursor.is(0, "using")
        && cursor
            .peek(1)
            .is_some_and(|token| token.kind == Kind::Operator);
    if sorts {
        return None;
    }
    let access = if cursor.is(0, "update") {
        // `FOR UPDATE`, `DO UPDATE`, `THEN UPDATE` and `ON UPDATE` name nothing.
        if before(&["for", "key", "do", "then", "on"]) {
            return None;
        }
        Access::Write
    } else if cursor.is(0, "into") {
        if before(&["insert", "merge"]) {
            Access::Write
        } else {
            Access::Define
        }
    } else if cursor.is(0, "from") {
        // `IS [NOT] DISTINCT FROM` compares.
        if before(&["distinct"]) {
            return None;
        }
        if before(&["delete"]) {
            Access::Write
        } else {
            Access::Read
        }
    } else if cursor.is_any(0, &["only", "lateral"]) {
        return None;
    } else {
        Access::Read
    };
    Some(Place::Relations(access))
}

/// `INTO TEMP t` makes a temporary relation.
fn into_temp(mut cursor: Cursor<'_>, findings: &mut Findings) {
    if cursor.eat("into") && cursor.eat_any(&["temp", "temporary"]) {
        cursor.eat("table");
        if let Some(name) = cursor.ident() {
            findings.session = SessionEffect::CreateTemp(name);
        }
    }
}

/// Every name in a statement nothing is known of, save those right before `(`.
pub(super) fn every_name(mut cursor: Cursor<'_>, findings: &mut Findings) {
    cursor.advance();
    while !cursor.is_done() {
        match cursor.chain() {
            Some(parts) if cursor.is_mark(0, "(") => call(parts, findings),
            Some(parts) => {
                if let Some(name) = relation(parts) {
                    findings.relation(name, Access::Read);
                }
            }
            None => cursor.advance(),
        }
    }
}
