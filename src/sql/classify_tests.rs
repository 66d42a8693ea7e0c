use super::*;
use crate::sql::lexer::Dialect;
use crate::sql::tokens::Tokens;

fn shown(text: &str) -> (String, Effect, Vec<String>) {
    let tokens = Tokens::new(text.as_bytes(), Dialect::default());
    let kind = query_kind(tokens.cursor()).unwrap();
    let facts = query(kind, tokens.cursor());
    let relations = facts
        .relations
        .iter()
        .map(|used| format!("{:?} {}", used.access, used.name).to_lowercase())
        .collect();
    (facts.kind.to_owned(), facts.effect, relations)
}

#[test]
fn names_where_relations_stand() {
    for (text, kind, effect, relations) in [
        (
            "select a, b from t x, s.u as y join only v on a = b where c in (select 1 from w)",
            "select",
            Effect::Unknown,
            "read t,read s.u,read v,read w",
        ),
        (
            "select extract(year from d), f(x) from t where a is distinct from b",
            "select",
            Effect::Unknown,
            "read t",
        ),
        (
            "select 1 from t for no key update",
            "select",
            Effect::Lock,
            "read t,lock t",
        ),
        (
            "select 1 from t for key share of t",
            "select",
            Effect::Lock,
            "read t,lock t",
        ),
        (
            "insert into a.t (x, y) select x, y from s",
            "insert",
            Effect::Write,
            "write a.t,read s",
        ),
        (
            "insert into t values (1) on conflict (a) do update set b = excluded.b",
            "insert",
            Effect::Write,
            "write t",
        ),
        (
            "update only t set a = 1 from s where t.a = s.a",
            "update",
            Effect::Write,
            "write t,read s",
        ),
        (
            "delete from t using s where a = b returning *",
            "delete",
            Effect::Write,
            "write t,read s",
        ),
        (
            "merge into t using s on a = b when matched then update set c = 1",
            "merge",
            Effect::Write,
            "write t,read s",
        ),
        (
            "with x as (delete from t returning *) select * from x",
            "select",
            Effect::Write,
            "write t",
        ),
        (
            "with x (a) as materialized (select 1 from t), y as (select 2) insert into z table y",
            "insert",
            Effect::Write,
            "read t,write z",
        ),
        (
            "select a into temp n from t",
            "select into",
            Effect::Write,
            "define n,read t",
        ),
        (
            "select 1 from tumble(t, ts, interval '1')",
            "select",
            Effect::Unknown,
            "read t",
        ),
        (
            "select 1 from (t join s on true) as x (a, b), (select 1 from u) q",
            "select",
            Effect::Unknown,
            "read t,read s,read u",
        ),
        ("table only \"T\" *", "table", Effect::Read, "read t"),
        ("table t order by 1", "table", Effect::Unknown, "read t"),
        ("values (1), (2)", "values", Effect::Unknown, ""),
    ] {
        let (k, e, r) = shown(text);
        assert_eq!(
            (k.as_str(), e, r.join(",").as_str()),
            (kind, effect, relations),
            "{text}"
        );
    }
}
