use crate::sql::facts;
use crate::sql::facts::{Effect, SessionEffect};

fn shown(text: &str) -> (&'static str, Effect, String) {
    let facts = facts(text.as_bytes());
    let relations: Vec<String> = facts
        .relations
        .iter()
        .map(|used| format!("{:?} {}", used.access, used.name).to_lowercase())
        .collect();
    (facts.kind, facts.effect, relations.join(","))
}

#[test]
fn kinds_and_relations_of_definitions() {
    for (text, kind, relations) in [
        (
            "create table if not exists a.b (id int references c.d (id))",
            "create table",
            "define a.b,reference c.d",
        ),
        (
            "create table t (like s including all, x int) inherits (p, q)",
            "create table",
            "define t,read s,define p,define q",
        ),
        (
            "create table t partition of p for values in (1)",
            "create table",
            "define t,define p",
        ),
        (
            "create table t as select * from s with no data",
            "create table",
            "define t,read s",
        ),
        (
            "create table t (a) as with x as (select 1 from s) table x",
            "create table",
            "define t,read s",
        ),
        (
            "create table t (*) from src table 'public.orders'",
            "create table",
            "define t,read src",
        ),
        (
            "create or replace view v (a, b) as select 1, 2 from s with cascaded check option",
            "create view",
            "define v,read s",
        ),
        (
            "create materialized view mv with (x = 1) as select window_start, count(*) from \
          tumble(s, ts, interval '1' minute) group by 1 emit on window close",
            "create materialized view",
            "define mv,read s",
        ),
        (
            "create sink k from mv with (connector = 'kafka', properties.x = 'y')",
            "create sink",
            "define k,read mv",
        ),
        (
            "create sink k into t as select a from s with (type = 'upsert') format plain encode json",
            "create sink",
            "define k,write t,read s",
        ),
        (
            "create source s (id int, watermark for ts as ts - interval '5 s') with (connector='x') \
          format plain encode json",
            "create source",
            "define s",
        ),
        (
            "create subscription s from mv with (retention = '1D')",
            "create subscription",
            "read mv",
        ),
        (
            "create unique index concurrently if not exists i on only s.t (a) where b > 1",
            "create index",
            "define i,define s.t",
        ),
        ("create index on t (a)", "create index", "define t"),
        (
            "create trigger x before update of a on t for each row execute function f()",
            "create trigger",
            "define t",
        ),
        (
            "create rule r as on insert to t do also (insert into u select * from v; delete from w)",
            "create rule",
            "define t,write u,read v,write w",
        ),
        (
            "create policy p on t using (true)",
            "create policy",
            "define t",
        ),
        (
            "create statistics st (dependencies) on a, b from t",
            "create statistics",
            "read t",
        ),
        (
            "create publication p for table t, only u where (a > 1)",
            "create publication",
            "define t,define u",
        ),
        (
            "create sequence s owned by t.c",
            "create sequence",
            "define s,define t",
        ),
        ("alter sequence s restart", "alter sequence", "define s"),
        (
            "alter table if exists only t rename to u",
            "alter table",
            "define t,define u",
        ),
        (
            "alter table t rename column a to b",
            "alter table",
            "define t",
        ),
        (
            "alter table p attach partition t for values from (1) to (2)",
            "alter table",
            "define p,define t",
        ),
        (
            "alter table t swap with u",
            "alter table",
            "define t,define u",
        ),
        (
            "alter materialized view mv set schema s",
            "alter materialized view",
            "define mv",
        ),
        (
            "alter default privileges in schema s grant select on tables to r",
            "alter default privileges",
            "",
        ),
        ("alter system set x = 1", "alter system", ""),
        (
            "drop table if exists a, b.c cascade",
            "drop table",
            "define a,define b.c",
        ),
        ("drop index concurrently i", "drop index", "define i"),
        ("drop trigger x on t", "drop trigger", "define t"),
        ("drop source s", "drop source", "define s"),
        ("drop owned by r", "drop owned", ""),
        ("drop function f(int)", "drop function", ""),
        (
            "create or replace procedure p() language sql as $$ delete from t $$",
            "create procedure",
            "",
        ),
        ("create extension pgcrypto", "create extension", ""),
        (
            "create foreign table f (a int) server s",
            "create foreign table",
            "define f",
        ),
        (
            "create foreign data wrapper w",
            "create foreign data wrapper",
            "",
        ),
        (
            "create text search configuration c (copy = simple)",
            "create text search configuration",
            "",
        ),
    ] {
        assert_eq!(
            shown(text),
            (kind, Effect::Define, relations.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn other_commands() {
    use Effect::{Define, Lock, Session, Unknown, Write};
    for (text, kind, effect, relations) in [
        (
            "truncate only a *, b restart identity cascade",
            "truncate",
            Write,
            "write a,write b",
        ),
        ("truncate table orders", "truncate", Write, "write orders"),
        (
            "lock table a, b in exclusive mode nowait",
            "lock",
            Lock,
            "lock a,lock b",
        ),
        ("lock a", "lock", Lock, "lock a"),
        ("vacuum", "vacuum", Define, ""),
        (
            "vacuum full verbose analyze t (a, b), u",
            "vacuum",
            Define,
            "define t,define u",
        ),
        ("vacuum (full, analyze) t", "vacuum", Define, "define t"),
        ("analyze verbose t", "analyze", Define, "define t"),
        (
            "reindex (verbose) table concurrently t",
            "reindex",
            Define,
            "define t",
        ),
        ("reindex database d", "reindex", Define, ""),
        (
            "cluster verbose t using i",
            "cluster",
            Define,
            "define t,define i",
        ),
        (
            "refresh materialized view concurrently mv with no data",
            "refresh materialized view",
            Define,
            "define mv",
        ),
        (
            "comment on table a.b is 'x'",
            "comment on",
            Define,
            "define a.b",
        ),
        (
            "comment on column a.b.c is 'x'",
            "comment on",
            Define,
            "define a.b",
        ),
        (
            "comment on trigger x on t is 'x'",
            "comment on",
            Define,
            "define t",
        ),
        (
            "comment on function f(int) is 'x'",
            "comment on",
            Define,
            "",
        ),
        (
            "security label for p on table t is 'x'",
            "security label",
            Define,
            "define t",
        ),
        (
            "grant select (a, b), insert on t, s.u to r",
            "grant",
            Define,
            "define t,define s.u",
        ),
        (
            "grant all on all tables in schema s to r",
            "grant",
            Define,
            "",
        ),
        ("grant usage on schema s to r", "grant", Define, ""),
        ("grant admin to bob", "grant", Define, ""),
        (
            "revoke all on materialized view mv from public",
            "revoke",
            Define,
            "define mv",
        ),
        ("reassign owned by a to b", "reassign owned", Define, ""),
        (
            "import foreign schema a from server b into c",
            "import foreign schema",
            Define,
            "",
        ),
        ("do $$ begin delete from orders; end $$", "do", Write, ""),
        ("call p(1)", "call", Write, ""),
        ("checkpoint", "checkpoint", Write, ""),
        ("flush", "flush", Write, ""),
        ("wait", "wait", Write, ""),
        ("recover", "recover", Write, ""),
        ("cancel jobs 1, 2", "cancel", Write, ""),
        ("describe t", "describe", Session, "read t"),
        (
            "frobnicate a.b with c",
            "unknown",
            Unknown,
            "read a.b,read with,read c",
        ),
        ("create gizmo a", "create", Define, "read gizmo,read a"),
    ] {
        assert_eq!(shown(text), (kind, effect, relations.to_owned()), "{text}");
    }
}

#[test]
fn a_query_that_writes_makes_the_definition_a_write() {
    let text = "create table t as with x as (delete from orders returning *) select * from x";
    assert_eq!(
        shown(text),
        (
            "create table",
            Effect::Write,
            "define t,write orders".into()
        )
    );
}

#[test]
fn temporary_relations_are_the_sessions() {
    for text in [
        "create temp table t (a int)",
        "create local temporary table if not exists T as select 1",
        "create temporary view t as select 1",
        "create table pg_temp.t (a int)",
        "select 1 into temp t",
        "select 1 into temporary table t from s for no key update",
    ] {
        assert_eq!(
            facts(text.as_bytes()).session,
            SessionEffect::CreateTemp("t".into()),
            "{text}"
        );
    }
}

#[test]
fn relations_deep_in_definitions_are_found() {
    for (text, expected) in [
        (
            "create schema s create table a (x int references b) create unique index i on a (x) \
             create view v as select 1 as create from c grant select on a to u",
            "create schema: define a,reference b,define i,define v,read c",
        ),
        (
            "create publication p for table only a (x), b where (x > 1), c, tables in schema s, t, table d with (x = 1)",
            "create publication: define a,define b,define c,define d",
        ),
        (
            "create policy p on a using (x = (select y from b)) with check (exists (table c))",
            "create policy: define a,read b,read c",
        ),
        (
            "create rule r as on insert to a where exists (select 1 from b) do update c set x = 1",
            "create rule: define a,read b,write c",
        ),
        (
            "create statistics s on x, (extract(day from y)) from a natural join b",
            "create statistics: read a,read b",
        ),
        (
            "create constraint trigger t after insert on a from b for each row when (old.* is distinct from new.*) execute function f()",
            "create trigger: define a,reference b",
        ),
        (
            "create event trigger e on ddl_command_end execute function f()",
            "create event trigger: ",
        ),
        (
            "alter table all in tablespace x set tablespace y",
            "alter table: ",
        ),
        (
            "alter table a no inherit b",
            "alter table: define a,define b",
        ),
        (
            "alter table a add check (x > 1) no inherit not valid",
            "alter table: define a",
        ),
        ("create role r inherit connection limit 1", "create role: "),
        (
            "create recursive view v (n) as values (1) union all select n from v, a",
            "create view: define v,read a",
        ),
    ] {
        let (kind, _, relations) = shown(text);
        assert_eq!(format!("{kind}: {relations}"), expected, "{text}");
    }
}
