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
        ("table \"into\"", "table", Effect::Read, "read into"),
        ("table into", "table", Effect::Write, ""),
        ("table update", "table", Effect::Write, "read update"),
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

fn read(text: &str) -> String {
    shown(text).2.join(",")
}

#[test]
fn a_list_of_relations_goes_on_behind_what_is_said_of_one() {
    for (text, expected) in [
        (
            "select 1 from a join b on a.x = b.x, c",
            "read a,read b,read c",
        ),
        (
            "select 1 from a join b using (x, y) as z, c",
            "read a,read b,read c",
        ),
        (
            "select 1 from (a join b using (x) as z) as q, c",
            "read a,read b,read c",
        ),
        ("select 1 from a as z (x, y), c", "read a,read c"),
        ("select 1 from a set, b values, c", "read a,read b,read c"),
        (
            "select 1 from a for system_time as of now(), c",
            "read a,read c",
        ),
        (
            "select 1 from f(1) with ordinality, a, (with x as (select 1 from b) table x) q, c",
            "read a,read b,read c",
        ),
        (
            "select 1 from rows from (f(a), g(b) as (x int)) with ordinality, c",
            "read c",
        ),
        ("select 1 from collation for ('a') z, c", "read c"),
        ("select 1 from (values (1), (null)) x, c", "read c"),
        (
            "select 1 from a union values (1), (x) order by b using >, z",
            "read a",
        ),
        ("insert into local values (1)", "write local"),
        ("insert into values values (1)", "write values"),
        ("update set set a = 1", "write set"),
        ("insert into x table values", "write x,read values"),
        (
            "select 1 from update u, set, values v",
            "read update,read set,read values",
        ),
        ("select 1 into local temp x from temp", "define x,read temp"),
        (
            "delete from a using (b join c using (x)) where true",
            "write a,read b,read c",
        ),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn a_cte_hides_no_relation_outside_its_scope() {
    for (text, expected) in [
        (
            "with x as (select 1) insert into x select * from x",
            "write x",
        ),
        ("with x as (select 1 from x) select * from x", "read x"),
        (
            "select * from (with x as (select 1) table x) q, x",
            "read x",
        ),
        (
            "with recursive a as (select 1 from b), b as (select 1) table a",
            "",
        ),
        (
            "with recursive x as (select 1) cycle a, b set c to true default false using d select * from x, y",
            "read y",
        ),
        (
            "with recursive x as (select 1) cycle a set c using d select * from x, y",
            "read y",
        ),
        ("delete from t cycle using d", "write t,read d"),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}
