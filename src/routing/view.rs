//! What of a session does routing look at?

use std::collections::HashSet;

use super::table::RoutingTable;
use crate::sql::Hint;

/// The session as far as routing is concerned. Kept by the session, read by [`super::decide`].
#[derive(Debug, Clone, Default)]
pub struct SessionView {
    /// The database user.
    pub user: String,
    /// The database as the client named it.
    pub database: String,
    /// The client's `application_name`.
    pub application: String,
    /// Schemas in which unqualified names are looked for, in order, `"$user"` resolved. System and temporary schemas,
    /// which come first, are not listed.
    pub search_path: Vec<String>,
    /// Temporary relations the session has made; they hide everything else.
    pub temporary: HashSet<String>,
    /// `SET tidegate.to`.
    pub hint: Option<Hint>,
    /// Inside a transaction block.
    pub in_transaction: bool,
    /// The transaction block has failed.
    pub failed: bool,
    /// The transaction is REPEATABLE READ or SERIALIZABLE, or has written.
    pub keep_mirrored: bool,
}

impl SessionView {
    /// A session that has just logged in, with PostgreSQL's default search path.
    #[must_use]
    pub fn new(user: &str, database: &str, application: &str) -> Self {
        Self {
            user: user.to_owned(),
            database: database.to_owned(),
            application: application.to_owned(),
            search_path: vec![user.to_owned(), "public".to_owned()],
            ..Self::default()
        }
    }

    /// The search path as it is set on an analytic backend: the session's, without schemas that are not there.
    #[must_use]
    pub fn path_on(&self, backend: usize, table: &RoutingTable) -> String {
        let catalog = table.catalog.backend(backend);
        let there = |schema: &&String| catalog.is_none_or(|catalog| catalog.has_schema(schema));
        let path: Vec<String> = self
            .search_path
            .iter()
            .filter(there)
            .map(|s| quoted(s))
            .collect();
        if path.is_empty() {
            "public".to_owned()
        } else {
            path.join(", ")
        }
    }

    /// Takes over a `search_path` as `SHOW search_path` prints it.
    pub fn set_search_path(&mut self, shown: &str, user: &str) {
        self.search_path = schemas(shown)
            .into_iter()
            .map(|schema| {
                if schema == "$user" {
                    user.to_owned()
                } else {
                    schema
                }
            })
            .filter(|schema| schema != "pg_temp")
            .collect();
    }
}

/// An identifier, quoted where it must be.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// The schemas of a search path's text: identifiers separated by commas, quoted or folded to lower case.
fn schemas(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (schema, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].trim().to_ascii_lowercase(), &rest[end..])
            }
        };
        if !schema.is_empty() {
            found.push(schema);
        }
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    found
}

/// The identifier up to its closing quote, and what follows.
fn unquote(quoted: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '"' {
            name.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == '"') {
            chars.next();
            name.push('"');
        } else {
            return (name, &quoted[at + 1..]);
        }
    }
    (name, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_paths_are_read_as_postgres_prints_them() {
        let mut view = SessionView::new("app", "app", "");
        assert_eq!(view.search_path, ["app", "public"]);
        view.set_search_path("\"$user\", public, \"We\"\"ird, one\", Upper", "bob");
        assert_eq!(view.search_path, ["bob", "public", "We\"ird, one", "upper"]);
        view.set_search_path("\"\"", "bob");
        assert!(view.search_path.is_empty());
        view.set_search_path("\"unterminated", "bob");
        assert_eq!(view.search_path, ["unterminated"]);
    }
}
