//! Does the statement ask for something only an OLTP engine honours?
//!
//! RisingWave takes a `PRIMARY KEY` but overwrites on a duplicate, ignores or rejects every other
//! constraint, and has no triggers. A client who asks for one must be told, so it is found here by the
//! words of the definition, the least supported first.

use super::lexer::Kind;
use super::tokens::Cursor;

/// The constraint or feature in a definition of this kind.
pub(super) fn find(kind: &str, cursor: Cursor<'_>) -> Option<&'static str> {
    match kind {
        "create trigger" | "create event trigger" | "alter trigger" | "alter event trigger" => {
            return Some("TRIGGER");
        }
        "create index" => {
            return cursor.is(1, "unique").then_some("UNIQUE INDEX");
        }
        "create table"
        | "alter table"
        | "create foreign table"
        | "alter foreign table"
        | "create domain"
        | "alter domain"
        | "create schema" => {}
        _ => return None,
    }
    let mut worst: Option<usize> = None;
    let mut at = cursor;
    while !at.is_done() {
        if let Some(found) = starts(&at) {
            worst = Some(worst.map_or(found, |before| before.min(found)));
        }
        at.advance();
    }
    worst.and_then(|rank| RANKS.get(rank).copied())
}

/// From the least supported on.
const RANKS: &[&str] = &[
    "FOREIGN KEY",
    "UNIQUE",
    "CHECK",
    "EXCLUDE",
    "TRIGGER",
    "PRIMARY KEY",
    "NOT NULL",
];

fn starts(at: &Cursor<'_>) -> Option<usize> {
    let before = |words: &[&str]| {
        at.behind().is_some_and(|token| {
            token.kind == Kind::Word
                && words
                    .iter()
                    .any(|w| token.bytes(at.text).eq_ignore_ascii_case(w.as_bytes()))
        })
    };
    // Part of a dotted name.
    if at
        .behind()
        .is_some_and(|token| token.bytes(at.text) == b".")
    {
        return None;
    }
    if at.is(0, "references") || at.are(&["foreign", "key"]) {
        Some(0)
    } else if at.is(0, "unique") {
        Some(1)
    } else if at.is(0, "check") && at.is_mark(1, "(") {
        Some(2)
    } else if at.is(0, "exclude") && (at.is(1, "using") || at.is_mark(1, "(")) {
        Some(3)
    } else if at.is(0, "trigger") && before(&["enable", "disable", "always", "replica"]) {
        Some(4)
    } else if at.are(&["primary", "key"]) {
        Some(5)
    } else if at.are(&["not", "null"]) && !before(&["is", "drop"]) {
        Some(6)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::facts;

    #[test]
    fn constraints_are_found_in_both_paths() {
        for (text, expected) in [
            (
                "alter table orders add constraint fk foreign key (a) references b (id)",
                Some("FOREIGN KEY"),
            ),
            (
                "alter table orders add column a int references b",
                Some("FOREIGN KEY"),
            ),
            (
                "create table o (id int primary key, a int unique)",
                Some("UNIQUE"),
            ),
            (
                "create table o (id int primary key, a int check (a > 0))",
                Some("CHECK"),
            ),
            (
                "alter table o add exclude using gist (r with &&)",
                Some("EXCLUDE"),
            ),
            (
                "create table o (id int primary key, b int not null)",
                Some("PRIMARY KEY"),
            ),
            ("alter table o alter a set not null", Some("NOT NULL")),
            ("alter table o alter a drop not null", None),
            (
                "create unique index concurrently i on o (a)",
                Some("UNIQUE INDEX"),
            ),
            ("create index i on o (a) where b is not null", None),
            (
                "create trigger t before insert on o execute function f()",
                Some("TRIGGER"),
            ),
            (
                "create constraint trigger t after insert on o execute function f()",
                Some("TRIGGER"),
            ),
            ("alter table o disable trigger all", Some("TRIGGER")),
            ("create table o as select 1 where 1 is not null", None),
            ("create table o (a int) -- check (a)", None),
            ("create view v as select a from o with check option", None),
        ] {
            assert_eq!(facts(text.as_bytes()).constraint, expected, "{text}");
        }
    }
}
