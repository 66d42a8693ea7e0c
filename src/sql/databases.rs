//! Which database must nobody be connected to while a statement runs?
//!
//! PostgreSQL drops, renames and copies only databases that nobody else is connected to
//! (<https://www.postgresql.org/docs/15/sql-dropdatabase.html>, <https://www.postgresql.org/docs/15/sql-createdatabase.html>).

use super::lexer::Dialect;
use super::tokens::Tokens;

/// What `CREATE DATABASE` copies when it does not say.
const TEMPLATE: &str = "template1";

/// Bytes that PostgreSQL keeps of a name, its end not counted.
const NAME_BYTES_MAX: usize = 63;

/// The database that `DROP`, `ALTER` or `CREATE DATABASE` wants for itself. `None` where that cannot be told.
#[must_use]
pub fn database_wanted(text: &[u8]) -> Option<String> {
    let tokens = Tokens::new(text, Dialect::default());
    let mut cursor = tokens.cursor();
    let creates = cursor.is(0, "create");
    if !cursor.eat_any(&["create", "drop", "alter"]) || !cursor.eat("database") {
        return None;
    }
    cursor.eat_all(&["if", "exists"]);
    let mut name = cursor.ident()?;
    if creates {
        TEMPLATE.clone_into(&mut name);
        while !cursor.is_done() {
            if cursor.eat("template") {
                cursor.eat_mark("=");
                if !cursor.eat("default") {
                    name = cursor.ident()?;
                }
            } else {
                cursor.advance();
            }
        }
    }
    Some(name).filter(|name| name.len() <= NAME_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_named_wherever_it_stands() {
        for (text, wanted) in [
            ("DROP DATABASE a", Some("a")),
            ("drop database if exists \"A b\" with (force);", Some("A b")),
            ("ALTER DATABASE Shop RENAME TO b", Some("shop")),
            ("CREATE DATABASE a", Some("template1")),
            (
                "CREATE DATABASE a WITH OWNER b ENCODING 'UTF8'",
                Some("template1"),
            ),
            ("CREATE DATABASE a OWNER b TEMPLATE = c", Some("c")),
            (
                "create database a template\n\"C\" strategy file_copy",
                Some("C"),
            ),
            ("CREATE DATABASE a TEMPLATE DEFAULT", Some("template1")),
            ("/* x */ DROP /* y */ DATABASE a -- b", Some("a")),
            ("DROP TABLE a", None),
            ("DROP DATABASE 'a'", None),
        ] {
            assert_eq!(
                database_wanted(text.as_bytes()).as_deref(),
                wanted,
                "{text}"
            );
        }
    }
}
