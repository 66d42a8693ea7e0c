//! Can an unquoted word be a column's or a relation's name?
//!
//! sqlparser takes a reserved word for a name where it finds nothing better: `SELECT interval FROM t` is a column of the
//! interval `from`, named `t`, to it. PostgreSQL's grammar never does, so a tree with such a name is misread
//! (<https://www.postgresql.org/docs/15/sql-keywords-appendix.html>).

/// Reserved words and those reserved but for types and functions, by length from two bytes on. Left out are the words that
/// are a value: `TRUE`, `DEFAULT`, `CURRENT_DATE` and their like.
const RESERVED: &[&[&str]] = &[
    &["as", "do", "in", "is", "on", "or", "to"],
    &["all", "and", "any", "asc", "end", "for", "not"],
    &[
        "both", "case", "cast", "desc", "else", "from", "full", "into", "join", "left", "like",
        "only", "some", "then", "when", "with",
    ],
    &[
        "check", "cross", "fetch", "grant", "group", "ilike", "inner", "limit", "order", "outer",
        "right", "table", "union", "using", "where",
    ],
    &[
        "binary", "column", "create", "except", "freeze", "having", "isnull", "offset", "select",
        "unique", "window",
    ],
    &[
        "analyse", "analyze", "collate", "foreign", "lateral", "leading", "natural", "notnull",
        "placing", "primary", "similar", "verbose",
    ],
    &["distinct", "overlaps", "trailing", "variadic"],
    &[
        "collation",
        "initially",
        "intersect",
        "returning",
        "symmetric",
    ],
    &["asymmetric", "constraint", "deferrable", "references"],
    &["tablesample"],
    &["concurrently"],
    &["authorization"],
];

/// Whether the unquoted word is no name.
pub(super) fn is_reserved(word: &str) -> bool {
    let same_length = word.len().checked_sub(2).and_then(|at| RESERVED.get(at));
    same_length.is_some_and(|words| words.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_where_it_is_looked_for() {
        for word in RESERVED.iter().copied().flatten() {
            assert!(
                is_reserved(word) && is_reserved(&word.to_uppercase()),
                "{word}"
            );
        }
        for word in ["", "a", "interval", "user", "default", "null", "orders"] {
            assert!(!is_reserved(word), "{word}");
        }
    }
}
