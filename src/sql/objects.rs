//! Which kinds of things can be created, altered and dropped?
//!
//! A closed list over PostgreSQL 15 and RisingWave, so that a statement's kind is always one of a
//! known set of words (metrics use it as a label).

use super::tokens::Cursor;

/// The first word of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Alter,
    Drop,
}

impl Verb {
    /// Passes the verb; anything that is neither `CREATE` nor `ALTER` counts as `DROP`.
    pub(super) fn eat(cursor: &mut Cursor<'_>) -> Self {
        if cursor.eat("create") {
            Verb::Create
        } else if cursor.eat("alter") {
            Verb::Alter
        } else {
            cursor.advance();
            Verb::Drop
        }
    }

    /// The kind where the object is not on the list.
    pub(super) fn unknown_kind(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::Alter => "alter",
            Verb::Drop => "drop",
        }
    }
}

/// What the names of an object are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// They share their names with tables.
    Relations,
    /// They belong to the relation after `ON`.
    On,
    /// Neither.
    Others,
}

/// A kind of object.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) words: &'static [&'static str],
    create: &'static str,
    alter: &'static str,
    drop: &'static str,
    pub(super) named: Named,
}

impl Object {
    /// Passes the words of an object's kind.
    pub(super) fn eat(cursor: &mut Cursor<'_>) -> Option<&'static Object> {
        OBJECTS.iter().find(|object| cursor.eat_all(object.words))
    }

    pub(super) fn kind(&self, verb: Verb) -> &'static str {
        match verb {
            Verb::Create => self.create,
            Verb::Alter => self.alter,
            Verb::Drop => self.drop,
        }
    }
}

/// Words between `CREATE` and the object's kind that do not change it.
pub(super) const MODIFIERS: &[&str] = &[
    "global",
    "local",
    "unlogged",
    "unique",
    "constraint",
    "recursive",
    "trusted",
    "procedural",
    "default",
];

macro_rules! objects {
    ($($named:ident: $($first:literal $($more:literal)*),+;)+) => {
        &[$($(Object {
            words: &[$first $(, $more)*],
            create: concat!("create ", $first $(, " ", $more)*),
            alter: concat!("alter ", $first $(, " ", $more)*),
            drop: concat!("drop ", $first $(, " ", $more)*),
            named: Named::$named,
        }),+),+]
    };
}

/// Longer phrases stand before their beginnings.
const OBJECTS: &[Object] = objects! {
    Relations: "materialized" "view", "foreign" "table", "table", "view", "index", "sequence",
        "source", "sink";
    On: "trigger", "rule", "policy";
    Others: "event" "trigger", "foreign" "data" "wrapper", "text" "search" "configuration",
        "text" "search" "dictionary", "text" "search" "parser", "text" "search" "template",
        "operator" "class", "operator" "family", "operator", "user" "mapping", "user",
        "access" "method", "default" "privileges", "privileges", "large" "object",
        "compaction" "group", "resource" "group", "schema", "database", "function", "procedure",
        "routine", "aggregate", "type", "domain", "role", "group", "extension", "collation",
        "conversion", "cast", "language", "tablespace", "server", "publication", "subscription",
        "statistics", "transform", "connection", "secret", "system", "fragment", "owned";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_phrase_hides_a_longer_one() {
        for (at, object) in OBJECTS.iter().enumerate() {
            for later in &OBJECTS[at + 1..] {
                assert!(!later.words.starts_with(object.words), "{:?}", later.words);
            }
        }
    }
}
