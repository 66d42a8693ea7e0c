//! Facts across the whole layer: scopes, disguises, and hostile texts.

use std::time::{Duration, Instant};

use super::*;

/// `access name` of every relation, in order.
fn relations(text: &str) -> String {
    let used: Vec<String> = facts(text.as_bytes())
        .relations
        .iter()
        .map(|used| format!("{:?} {}", used.access, used.name).to_lowercase())
        .collect();
    used.join(",")
}

fn effect(text: &str) -> Effect {
    facts(text.as_bytes()).effect
}

#[test]
fn cte_names_are_not_relations_within_their_scope() {
    for (text, expected) in [
        ("with x as (select 1 from t) select * from x", "read t"),
        // Not visible in itself unless recursive.
        ("with t as (select 1 from t) select * from t", "read t"),
        ("with recursive t as (select 1 from t) select * from t", ""),
        (
            "with a as (select 1 from b), b as (select 1 from a) select * from b",
            "read b",
        ),
        (
            "with recursive a as (select 1 from b), b as (select 1) select * from a",
            "",
        ),
        (
            "select * from (with x as (select 1) select * from x) q, x",
            "read x",
        ),
        ("with x as (select 1) select * from (select * from x) q", ""),
        (
            "with x as (select 1) select (with y as (select 1 from x) select 1 from y) from y",
            "read y",
        ),
        (
            "with x as (select 1) select * from public.x",
            "read public.x",
        ),
        ("with \"X\" as (select 1) select * from x", "read x"),
        ("with X as (select 1) select * from \"x\"", ""),
        (
            "with x as (select 1) insert into x select * from x",
            "write x",
        ),
        (
            "with orders as (delete from orders returning *) select * from orders",
            "write orders",
        ),
        (
            "with x as (select 1) select * from t where a in (table x) union table x",
            "read t",
        ),
    ] {
        assert_eq!(relations(text), expected, "{text}");
    }
}

#[test]
fn relations_are_found_wherever_a_subquery_may_stand() {
    for text in [
        "select (select 1 from t)",
        "select array(select 1 from t)",
        "select case when exists (select 1 from t) then 1 end",
        "select 1 where 1 in (select 1 from t)",
        "select 1 where 1 = any (select 1 from t)",
        "select 1 where (1, 2) = (select 1, 2 from t)",
        "select 1 order by (select 1 from t)",
        "select 1 limit (select 1 from t)",
        "select 1 offset (select 1 from t)",
        "select 1 fetch first (select 1 from t) rows only",
        "select 1 group by (select 1 from t) ",
        "select 1 having (select true from t)",
        "values ((select 1 from t))",
        "select f((select 1 from t))",
        "select f(x => (select 1 from t))",
        "select sum(1) filter (where exists (select 1 from t))",
        "select sum(1) over (order by (select 1 from t))",
        "select sum(1) over w window w as (partition by (select 1 from t))",
        "select percentile_cont(0.5) within group (order by (select 1 from t))",
        "select array_agg(a order by (select 1 from t))",
        "select distinct on ((select 1 from t)) 1",
        "select * from lateral (select 1 from t) x",
        "select * from unnest(array(select 1 from t))",
        "select * from generate_series(1, (select 1 from t))",
        "select * from (values ((select 1 from t))) x",
        "select * from ((t))",
        "select a[(select 1 from t)] ",
        "select a between 1 and (select 1 from t)",
        "select extract(year from (select a from t))",
        "select (select 1 from t)::int",
        "select row((select 1 from t))",
        "select interval '1' + (select a from t)",
        "select 1 union (select 1 from t)",
        "select 1 from tumble(t, ts, interval '1 minute')",
        "select 1 from gap_fill(t, a)",
        "table t",
        "table only t",
    ] {
        assert_eq!(relations(text), "read t", "{text}");
    }
    assert_eq!(
        relations("select 1 from s join t on exists (select 1 from u)"),
        "read s,read t,read u"
    );
    assert_eq!(
        relations("select 1 from hop((select 1 from t), ts, '1', '2')"),
        "read t"
    );
    assert_eq!(
        relations("with x as (select 1) select 1 from tumble(x, ts, '1')"),
        ""
    );
}

#[test]
fn data_changes_name_targets_and_sources() {
    for (text, expected) in [
        (
            "insert into t select * from s on conflict (a) do update set b = (select 1 from u) \
          returning (select 1 from v)",
            "write t,read s,read u,read v",
        ),
        (
            "update t x set a = (select 1 from s) from u where x.b = u.b",
            "write t,read s,read u",
        ),
        (
            "delete from t using s where exists (select 1 from u)",
            "write t,read s,read u",
        ),
        (
            "merge into t using s on t.a = s.a when matched then update set b = (select 1 from u)",
            "write t,read s,read u",
        ),
        ("update t set a = 1 from t y", "write t,read t"),
    ] {
        assert_eq!(relations(text), expected, "{text}");
        assert_eq!(effect(text), Effect::Write, "{text}");
    }
}

#[test]
fn locks_reach_the_relations_of_their_query() {
    for (text, expected) in [
        ("select 1 from t for update", "read t,lock t"),
        (
            "select 1 from (select 1 from t for share) x, s",
            "read t,lock t,read s",
        ),
        (
            "with x as (select 1 from s) select 1 from t for update",
            "read s,read t,lock t",
        ),
    ] {
        assert_eq!(relations(text), expected, "{text}");
        assert_eq!(effect(text), Effect::Lock, "{text}");
    }
}

#[test]
fn what_sqlparser_takes_from_other_dialects_is_no_read() {
    for text in [
        "select top 5 a from t",
        "select a from t qualify row_number() over () = 1",
        "select * exclude (a) from t",
        "select a from t pivot (sum(a) for b in ('x'))",
        "from t",
        "select a from t limit 1 by a",
        "select a from t settings x = 1",
        "select a from t for json auto",
        "select a from 'file.csv'",
        "select a from a.b.c.d",
        "select a from t group by all with totals",
        "select a from t sort by a",
        "select a from t |> where a > 1",
        "select a, from t semi join s on true",
    ] {
        assert_ne!(effect(text), Effect::Read, "{text}");
    }
}

#[test]
fn operators_of_users_are_listed_as_functions() {
    let calls = |text: &str| -> Vec<String> {
        facts(text.as_bytes())
            .functions
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(calls("select a <@@> b from t"), ["<@@>"]);
    assert_eq!(calls("select a operator(public.+) b from t"), ["public.+"]);
    assert_eq!(
        calls("select a operator(pg_catalog.+) b, c @> d, e ->> 'x' from t"),
        [""; 0]
    );
}

#[test]
fn backslashes_follow_the_dialect() {
    let text = br"select 'a\'; delete from orders; --'";
    let off = Dialect {
        standard_conforming_strings: false,
    };
    // One string to PostgreSQL, three statements to a server that does not know the setting.
    assert_eq!(facts_with(text, &off).effect, Effect::Unknown);
    assert_eq!(facts_with(b"select 'a' from t", &off).effect, Effect::Read);
    assert_ne!(
        facts_with(br"select 'a\' from orders for update; --'", &off).effect,
        Effect::Lock
    );
    assert_eq!(split_with(text, &off).len(), 1);
    assert_eq!(split(text).len(), 2);
    assert_eq!(facts(text).effect, Effect::Write);
}

#[test]
fn texts_that_are_not_utf8_or_not_closed_are_no_reads() {
    assert_ne!(facts(b"select '\xff' from t").effect, Effect::Read);
    assert_ne!(facts(b"table \xff").effect, Effect::Read);
    assert_ne!(facts(b"select 1 from t /* ").effect, Effect::Read);
    assert_ne!(facts(b"copy t to stdout 'x").effect, Effect::Read);
    assert_eq!(facts(b"").effect, Effect::Empty);
    assert_eq!(facts(b" ; -- x\n /* y */ ;").effect, Effect::Empty);
}

#[test]
fn too_many_relations_or_functions_make_the_effect_unknown() {
    let names = |count: usize, name: &str| -> String {
        let all: Vec<String> = (0..count).map(|n| format!("{name}{n}")).collect();
        all.join(", ")
    };
    let select = |count| format!("select 1 from {}", names(count, "t"));
    assert_eq!(effect(&select(limits::RELATIONS_MAX)), Effect::Read);
    assert_eq!(effect(&select(limits::RELATIONS_MAX + 1)), Effect::Unknown);
    assert_eq!(
        effect(&format!("truncate {}", names(300, "t"))),
        Effect::Unknown
    );
    let calls: Vec<String> = (0..300).map(|n| format!("f{n}()")).collect();
    assert_eq!(
        effect(&format!("select {}", calls.join(", "))),
        Effect::Unknown
    );
}

/// Runs on a stack as small as a tokio worker's and fails if it takes long.
fn on_a_worker(text: String) -> StatementFacts {
    let start = Instant::now();
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    let name = text
        .get(..text.len().min(60))
        .unwrap_or_default()
        .to_owned();
    let found = thread
        .spawn(move || facts(text.as_bytes()))
        .unwrap()
        .join()
        .unwrap();
    // Debug builds are some twenty times slower than what is shipped.
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 1500 } else { 50 });
    assert!(start.elapsed() < limit, "{name}: {:?}", start.elapsed());
    found
}

#[test]
fn chains_up_to_the_limit_do_not_exhaust_the_stack() {
    let n = limits::CHAIN_TOKENS_MAX - 10;
    for text in [
        format!("select {}a from t", "a or ".repeat(n)),
        format!("select {}1 from t", "1+".repeat(n)),
        format!("select {}1 from t", "- ".repeat(n)),
        format!("select {}true from t", "not ".repeat(n)),
        format!("select a{} from t", "::int".repeat(n)),
        format!("select a{} from t", " is null".repeat(n)),
        format!("select a{} from t", " collate \"C\"".repeat(n)),
        format!("select a{} from t", "[1]".repeat(n)),
        format!("select a{} from t", ".b".repeat(n)),
        format!("select a{} from t", " at time zone 'x'".repeat(n)),
        format!("select a{} from t", " isnull".repeat(n)),
        format!("select a{} from t", " in (1)".repeat(n)),
        format!("select a{} from t", " like b".repeat(n)),
        format!("select a{} from t", " between 1 and 2".repeat(n / 2)),
        format!("select 1 from t{}", " union select 1".repeat(n)),
        format!("select 1 from t{}", " join t on true".repeat(n)),
        format!("select 1 from t{}", " natural join t".repeat(n)),
        format!("select 1 from t{}", ", t".repeat(n)),
        format!(
            "select {}1{} from t",
            "case when a then ".repeat(n),
            " end".repeat(n)
        ),
        format!("select 1 from t where a in (1{})", ", 1".repeat(n)),
        format!("with {} select 1", vec!["x as (select 1)"; n].join(", ")),
        format!("{}select 1", "with x as (select 1) ".repeat(n)),
        format!("{}select 1", "explain ".repeat(n)),
    ] {
        on_a_worker(text);
    }
}

#[test]
fn deep_nesting_does_not_take_exponential_time() {
    for depth in [10, 20, 30, 60, 64, 65, 1000] {
        for (open, close) in [
            ("(", ")"),
            ("(select ", ")"),
            ("f(", ")"),
            ("case when (", ") then 1 end"),
            ("array[", "]"),
            ("a[", "]"),
            ("cast(", " as int)"),
            ("exists(select ", ")"),
            ("(1, ", ")"),
            ("coalesce(x, ", ")"),
            ("trim(both ", ")"),
            ("interval ", ""),
            ("position(1 in ", ")"),
            ("not ", ""),
            ("a in (", ")"),
        ] {
            on_a_worker(format!(
                "select {}1{} from t",
                open.repeat(depth),
                close.repeat(depth)
            ));
        }
        for (open, close) in [
            ("(", ")"),
            ("(select 1 from ", ") x"),
            ("(t join ", " on true)"),
            ("lateral (", ")"),
            ("(select 1 union select 1 from ", ") x"),
            ("(values (1)), (", ")"),
        ] {
            on_a_worker(format!(
                "select 1 from {}t{}",
                open.repeat(depth),
                close.repeat(depth)
            ));
        }
        on_a_worker(format!(
            "{}select 1{}",
            "(".repeat(depth),
            ")".repeat(depth)
        ));
    }
}

#[test]
fn a_megabyte_is_read_off_its_tokens_in_no_time() {
    let big = |piece: &str| piece.repeat(1024 * 1024 / piece.len());
    for (text, expected) in [
        (format!("select {} a from t", big("a or ")), Effect::Unknown),
        (
            format!("insert into t values {} (1)", big("(1, 'x'), ")),
            Effect::Write,
        ),
        (format!("select '{}' from t", big("x")), Effect::Unknown),
        (format!("/* {} */ select 1", big("x")), Effect::Read),
        (format!("select 1 from {}t", big("(")), Effect::Unknown),
        (format!("select 1 from {} t", big("t, ")), Effect::Unknown),
        (
            format!("with {} x as (select 1) select 1", big("x as (select 1), ")),
            Effect::Unknown,
        ),
        (
            format!("create table t as {} 1", big("as ( ")),
            Effect::Define,
        ),
        (
            format!("create table t ({} a int)", big("a int, ")),
            Effect::Define,
        ),
        (
            format!("grant {} a on t to u", big("a (b), ")),
            Effect::Define,
        ),
        (format!("set x = {} 1", big("1, ")), Effect::Unknown),
        (big("( "), Effect::Unknown),
        (big("$a$ "), Effect::Unknown),
        (big("/*"), Effect::Empty),
    ] {
        assert_eq!(on_a_worker(text).effect, expected);
    }
}

#[test]
fn a_tree_that_takes_reserved_words_for_names_is_not_believed() {
    for (text, expected) in [
        ("select interval from t", "read t"),
        (
            "select a, interval from t union select b from u",
            "read t,read u",
        ),
        ("select drop and from t", "read t"),
        ("select into t from s", "define t,read s"),
    ] {
        assert_eq!(relations(text), expected, "{text}");
        assert_ne!(effect(text), Effect::Read, "{text}");
    }
    for text in [
        "select \"from\", t.from, t.\"select\", user, current_date from t as \"where\"",
        "select a as from, b as select from t",
    ] {
        assert_eq!(effect(text), Effect::Read, "{text}");
    }
}

#[test]
fn words_that_change_no_fact_do_not_hinder_the_parser() {
    for text in [
        "select f(variadic array[a]), g(1, variadic b) from t",
        "select 1 from t where a between symmetric 1 and 2",
        "select sum(a) over (order by b rows between 1 preceding and 1 following exclude current row) from t",
        "select sum(a) over (rows unbounded preceding exclude no others) from t",
        "select a::text collate \"C\", b collate pg_catalog.\"C\" from t order by a collate \"de_DE\" desc",
    ] {
        assert_eq!(effect(text), Effect::Read, "{text}");
        assert_eq!(relations(text), "read t", "{text}");
    }
}

#[test]
fn functions_have_the_name_that_was_called() {
    let called = |text: &str| {
        let facts = facts(text.as_bytes());
        facts
            .functions
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(",")
    };
    // A user's function may hide either.
    assert_eq!(called("select substr(a, 1) from t"), "substr");
    assert_eq!(called("select substring(a from 1) from t"), "substring");
}

#[test]
fn into_where_it_makes_no_table_leaves_the_kind() {
    let kind = |text: &str| facts(text.as_bytes()).kind;
    assert_eq!(kind("insert into t select 1 into f"), "insert");
    assert_eq!(kind("select 1 into f"), "select into");
}

#[test]
fn relations_inside_risingwaves_windows_are_found() {
    for (text, expected) in [
        (
            "select * from gap_fill(tumble(t, ts, interval '1'), ts, interval '1', locf(n))",
            "read t",
        ),
        (
            "select * from tumble((select * from t) as p, ts, interval '1')",
            "read t",
        ),
        (
            "alter materialized view m as select 1 from t",
            "define m,read t",
        ),
        (
            "replace sink s from t with (connector = 'x')",
            "define s,read t",
        ),
        ("explain analyze materialized view m", "read m"),
        ("explain analyze (duration_secs 5) sink s", "read s"),
    ] {
        assert_eq!(relations(text), expected, "{text}");
    }
    for text in [
        "select * except (a, b) from t",
        "select t.* except (a) from t",
        "select 1 from t asof left join u on t.a >= u.a",
    ] {
        assert_eq!(effect(text), Effect::Read, "{text}");
    }
}
