//! Which columns must GROUP BY name that PostgreSQL does not ask for?
//!
//! PostgreSQL knows that a table's other columns depend on its key, and lets a query that is grouped by the key select them
//! (<https://www.postgresql.org/docs/15/sql-select.html#SQL-GROUPBY>). Django groups by the key alone. RisingWave wants each column named (42803).
//! Adding columns of a row to the key of that row changes no group. What is added is what the query itself names as `table.column`,
//! as ORMs do.

use std::collections::{BTreeMap, BTreeSet};

use super::mentions;
use crate::sql::facts::RelationName;
use crate::sql::lexer::Dialect;
use crate::sql::tokens::{Cursor, Tokens};

/// Words that end the list of GROUP BY.
const BEHIND_GROUPS: &[&str] = &[
    "having",
    "window",
    "union",
    "intersect",
    "except",
    "order",
    "limit",
    "offset",
    "fetch",
    "for",
];
/// Words that begin another query behind this one.
const NEXT_QUERY: &[&str] = &["union", "intersect", "except"];
/// Functions of whose arguments nothing has to be grouped, and what may follow them.
const AGGREGATES: &[&str] = &[
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "string_agg",
    "array_agg",
    "bool_and",
    "bool_or",
    "every",
    "bit_and",
    "bit_or",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "variance",
    "var_pop",
    "var_samp",
    "json_agg",
    "jsonb_agg",
    "json_object_agg",
    "jsonb_object_agg",
    "first_value",
    "last_value",
    "approx_count_distinct",
    "approx_percentile",
    "percentile_cont",
    "percentile_disc",
    "mode",
    "grouping",
    "filter",
    "group",
];
/// How many SELECTs of a statement are looked at; each is read to its end.
const QUERIES_MAX: usize = 64;
/// Words behind a table's name that are no alias of it.
const NO_ALIAS: &[&str] = &[
    "on",
    "using",
    "join",
    "inner",
    "left",
    "right",
    "full",
    "cross",
    "natural",
    "where",
    "group",
    "tablesample",
];

/// The statement with such columns added; `None` where there are none. `key_of` tells the columns of a table's key.
pub(super) fn adapt(
    statement: &str,
    key_of: &dyn Fn(&RelationName) -> Option<Vec<String>>,
) -> Option<String> {
    if !mentions(statement, &["group by"]) {
        return None;
    }
    let tokens = Tokens::new(statement.as_bytes(), Dialect::default());
    if !tokens.sound || has_with(tokens.cursor()) {
        return None;
    }
    let mut added = BTreeMap::new();
    queries(tokens.cursor(), key_of, &mut added, &mut 0);
    let (mut out, mut from) = (String::with_capacity(statement.len() + 64), 0);
    for (at, columns) in &added {
        out.push_str(statement.get(from..*at)?);
        out.push_str(columns);
        from = *at;
    }
    out.push_str(statement.get(from..)?);
    (from > 0).then_some(out)
}

/// Whether a WITH may give a table's name another meaning. Those of `timestamp with time zone` and the like do not.
fn has_with(mut at: Cursor<'_>) -> bool {
    while !at.is_done() {
        if at.is(0, "with") && !at.is_any(1, &["time", "ordinality", "ties"]) {
            return true;
        }
        at.advance();
    }
    false
}

/// Looks at the queries of a run of tokens, those in parentheses too.
fn queries(
    run: Cursor<'_>,
    key_of: &dyn Fn(&RelationName) -> Option<Vec<String>>,
    added: &mut BTreeMap<usize, String>,
    seen: &mut usize,
) {
    let mut at = run;
    while !at.is_done() {
        if at.is(0, "select") && *seen < QUERIES_MAX {
            *seen += 1;
            query(at, key_of, added);
        }
        match at.eat_parens() {
            Some(inside) => queries(inside, key_of, added, seen),
            None => at.skip(),
        }
    }
}

/// A column as it was written, and where that ends.
struct Column {
    table: String,
    name: String,
    start: usize,
    end: usize,
}

/// Looks at the query that begins with the next SELECT, up to its end or the next one's.
fn query(
    mut at: Cursor<'_>,
    key_of: &dyn Fn(&RelationName) -> Option<Vec<String>>,
    added: &mut BTreeMap<usize, String>,
) {
    let mut named = Vec::new();
    at.advance();
    while !at.is_done() && !is_from(&at) {
        if at.is_any(0, NEXT_QUERY) || at.is(0, "group") {
            return;
        }
        collect(&mut at, &mut named);
    }
    at.advance();
    let tables = tables(&mut at);
    while !at.is_done() && !at.are(&["group", "by"]) {
        if at.is_any(0, NEXT_QUERY) {
            return;
        }
        at.skip();
    }
    if !at.eat_all(&["group", "by"]) {
        return;
    }
    let mut groups = Vec::new();
    while !at.is_done() && !at.is_any(0, BEHIND_GROUPS) {
        // Sets of groups are no groups.
        if at.is_any(0, &["rollup", "cube", "grouping"]) {
            return;
        }
        // `t.a`, not `t.a + 1`.
        let before = at.behind().map(|token| token.bytes(at.text));
        let begins = before.is_some_and(|word| word == b"," || word.eq_ignore_ascii_case(b"by"));
        let mut ahead = at;
        let column = column(&mut ahead).filter(|_| begins);
        let ends = ahead.is_done() || ahead.is_mark(0, ",") || ahead.is_any(0, BEHIND_GROUPS);
        match column.filter(|_| ends) {
            Some(column) => {
                groups.push(column);
                at = ahead;
            }
            None => at.skip(),
        }
    }
    while !at.is_done() && !at.is_any(0, NEXT_QUERY) {
        collect(&mut at, &mut named);
    }
    for (table, relation) in tables {
        let of_table = || groups.iter().filter(|column| column.table == table);
        let Some(end) = of_table().map(|column| column.end).max() else {
            continue;
        };
        let mut grouped: BTreeSet<&str> = of_table().map(|column| &*column.name).collect();
        let key = key_of(&relation).unwrap_or_default();
        if key.is_empty() || !key.iter().all(|column| grouped.contains(&**column)) {
            continue;
        }
        for column in named.iter().filter(|column| column.table == table) {
            if grouped.insert(&column.name) {
                let written = at.text.get(column.start..column.end).unwrap_or_default();
                let columns = added.entry(end).or_default();
                columns.push_str(", ");
                columns.push_str(&String::from_utf8_lossy(written));
            }
        }
    }
}

/// Whether FROM is next, and not that of `IS DISTINCT FROM`.
fn is_from(at: &Cursor<'_>) -> bool {
    let distinct = at
        .behind()
        .is_some_and(|behind| behind.bytes(at.text).eq_ignore_ascii_case(b"distinct"));
    at.is(0, "from") && !distinct
}

/// Passes one token, or what is in parentheses unless it is a query of its own, and keeps the columns named there.
fn collect(at: &mut Cursor<'_>, named: &mut Vec<Column>) {
    if let Some(mut inside) = at.eat_parens() {
        if !inside.is_any(0, &["select", "with", "values"]) {
            while !inside.is_done() {
                collect(&mut inside, named);
            }
        }
        return;
    }
    if at.is_any(0, AGGREGATES) && at.is_mark(1, "(") {
        at.advance();
        at.skip();
        return;
    }
    let mut ahead = *at;
    match column(&mut ahead) {
        // Neither a function of a schema nor all columns.
        Some(column) if !ahead.is_mark(0, "(") => {
            named.push(column);
            *at = ahead;
        }
        _ => at.skip(),
    }
}

/// Passes `table.column`.
fn column(at: &mut Cursor<'_>) -> Option<Column> {
    let start = at.peek(0)?.start;
    let parts = at.chain()?;
    let end = at.behind()?.end;
    let [table, name] = parts.as_slice() else {
        return None;
    };
    let (table, name) = (table.clone(), name.clone());
    Some(Column {
        table,
        name,
        start,
        end,
    })
}

/// Passes FROM's tables, and gives what they are called in the query and what they are.
fn tables(at: &mut Cursor<'_>) -> Vec<(String, RelationName)> {
    let mut found: Vec<(String, RelationName)> = Vec::new();
    let mut begins = true;
    while !at.is_done() && !at.is_any(0, &["where", "group"]) && !at.is_any(0, NEXT_QUERY) {
        if !begins {
            begins = at.is_mark(0, ",") || at.is(0, "join");
            at.skip();
            continue;
        }
        begins = at.is_any(0, &["lateral", "only"]);
        let Some(relation) = at.relation().filter(|_| !begins) else {
            at.skip();
            continue;
        };
        at.eat("as");
        let alias = match at.is_any(0, NO_ALIAS) || at.is_any(0, BEHIND_GROUPS) {
            true => None,
            false => at.ident(),
        };
        // A function's rows, or columns under other names.
        if !at.is_mark(0, "(") {
            found.push((alias.unwrap_or_else(|| relation.name.clone()), relation));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapted(statement: &str) -> Option<String> {
        adapt(statement, &|relation| {
            let key: &[&str] = match relation.name.as_str() {
                "shop" | "author" => &["id"],
                "part" => &["order", "line"],
                _ => return None,
            };
            Some(key.iter().map(|column| (*column).to_owned()).collect())
        })
    }

    #[test]
    fn what_depends_on_the_key_is_named() {
        for (written, sent) in [
            (
                r#"SELECT "shop"."id", "shop"."name", COUNT("sale"."id") AS "n" FROM "shop" LEFT OUTER JOIN "sale" ON ("shop"."id" = "sale"."shop_id") GROUP BY "shop"."id" ORDER BY "shop"."city" ASC"#,
                r#"SELECT "shop"."id", "shop"."name", COUNT("sale"."id") AS "n" FROM "shop" LEFT OUTER JOIN "sale" ON ("shop"."id" = "sale"."shop_id") GROUP BY "shop"."id", "shop"."name", "shop"."city" ORDER BY "shop"."city" ASC"#,
            ),
            (
                "select s.id, upper(s.name), s.a IS DISTINCT FROM s.b, count(*) from public.shop as s where s.x > 1 group by s.id having count(*) > s.least",
                "select s.id, upper(s.name), s.a IS DISTINCT FROM s.b, count(*) from public.shop as s where s.x > 1 group by s.id, s.name, s.a, s.b, s.least having count(*) > s.least",
            ),
            (
                "SELECT p.\"order\", p.text, sum(1) FROM part p GROUP BY p.\"order\", p.line LIMIT 3",
                "SELECT p.\"order\", p.text, sum(1) FROM part p GROUP BY p.\"order\", p.line, p.text LIMIT 3",
            ),
            (
                "SELECT COUNT(*) FROM (SELECT a.id AS c, a.name AS d FROM author a, shop GROUP BY a.id, 2 UNION ALL SELECT shop.id, shop.name FROM shop GROUP BY shop.id) subquery",
                "SELECT COUNT(*) FROM (SELECT a.id AS c, a.name AS d FROM author a, shop GROUP BY a.id, a.name, 2 UNION ALL SELECT shop.id, shop.name FROM shop GROUP BY shop.id, shop.name) subquery",
            ),
        ] {
            assert_eq!(adapted(written).as_deref(), Some(sent));
        }
    }

    #[test]
    fn what_does_not_depend_on_a_key_stays_as_it_is() {
        for written in [
            "SELECT 1",
            "SELECT shop.id, count(*) FROM shop GROUP BY shop.id",
            "SELECT shop.city, shop.name FROM shop GROUP BY shop.city",
            "SELECT shop.name FROM shop GROUP BY shop.id + 1",
            "SELECT shop.name FROM shop GROUP BY -shop.id",
            "SELECT part.text FROM part GROUP BY part.line",
            "SELECT sale.a FROM sale GROUP BY sale.id",
            "SELECT shop.name FROM shop GROUP BY ROLLUP (shop.id)",
            "SELECT shop.name FROM shop GROUP BY GROUPING SETS ((shop.id), ())",
            "SELECT shop.name FROM (SELECT 1 AS id, 2 AS name) shop GROUP BY shop.id",
            "SELECT s.name FROM shop GROUP BY s.id",
            "SELECT 'GROUP BY shop.id', shop.name FROM shop",
            "SELECT (SELECT shop.name FROM x) FROM shop GROUP BY shop.id",
            "SELECT shop.f(1) FROM shop GROUP BY shop.id",
            "WITH shop AS (SELECT city AS id, name FROM shop) SELECT shop.id, shop.name FROM shop GROUP BY shop.id",
            "SELECT s.name FROM shop AS s(name, id) GROUP BY s.id",
            "SELECT s.name FROM shop s (name, id) GROUP BY s.id",
            "SELECT shop.name FROM shop(1) GROUP BY shop.id",
            "SELECT shop.name FROM x, LATERAL shop(x.a) GROUP BY shop.id",
            "SELECT shop.id, sum(shop.n) FILTER (WHERE shop.a > 1), max(f(shop.b)) FROM shop GROUP BY shop.id",
            "SELECT GROUP BY",
            "GROUP BY FROM SELECT",
            "SELECT shop.name FROM GROUP BY shop.id",
        ] {
            assert_eq!(adapted(written), None, "{written}");
        }
    }
}
