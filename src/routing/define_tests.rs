//! What may be defined and written where, told as cases.

use std::sync::Arc;

use super::{Explanation, Proof, RoutingTable, SessionView, decide, explain};
use crate::catalog::{BackendCatalog, Catalog, RelationKind};
use crate::config;
use crate::sql;

/// On OLTP `carts`; on the analytic side table `orders`, its mirror of `users`, materialized view `daily`; `customers` on both. Rules name
/// `shop_*`.
fn scene(keys: &str) -> (RoutingTable, SessionView) {
    let text = format!(
        "backends:\n  oltp: {{ engine: postgres, url: 'postgres://app@h/app' }}\n  rw:\n    engine: risingwave\n    url: 'postgres://root@h/dev'\n{keys}\
         default: oltp\nroutes:\n  - relations: [\"shop_*\"]\n    to: rw\n"
    );
    let loaded = config::parse("router.yaml", &text, &|_| None, &|_| Ok(String::new()));
    let config = match loaded {
        Ok(loaded) => Arc::new(loaded.config),
        Err(problems) => panic!("{problems:?}"),
    };
    let (mut oltp, mut rw) = (BackendCatalog::default(), BackendCatalog::default());
    oltp.insert("public", "carts", RelationKind::Table);
    oltp.insert("public", "customers", RelationKind::Table);
    rw.insert("public", "customers", RelationKind::Table);
    rw.insert("public", "orders", RelationKind::Table);
    rw.insert("public", "orders_state", RelationKind::Index);
    rw.insert_mirror("public", "users");
    rw.insert("public", "daily", RelationKind::MaterializedView);
    let catalog = Catalog {
        backends: vec![Some(oltp), Some(rw)],
    };
    let table = RoutingTable::new(config, Arc::new(catalog), 1);
    (table, SessionView::new("app", "app", "psql"))
}

fn told(scene: &(RoutingTable, SessionView), statement: &str) -> Explanation {
    let facts = sql::facts(statement.as_bytes());
    explain(statement, &facts, &scene.1, &scene.0)
}

fn proof(scene: &(RoutingTable, SessionView), statement: &str) -> Option<Proof> {
    decide(&sql::facts(statement.as_bytes()), &scene.1, &scene.0).proof
}

const DEFINITIONS: &[&str] = &[
    "create table shop_a (id int primary key)",
    "create materialized view m as select state, count(*) from orders group by state",
    "create view v as select * from daily join customers using (id)",
    "create index orders_qty on orders (qty)",
    "create sink s from daily with (connector = 'blackhole')",
    "create source shop_s with (connector = 'datagen')",
    "alter materialized view daily rename to weekly",
    "drop index orders_state",
    "drop materialized view daily",
    "comment on table orders is 'x'",
    "/* tidegate: to=rw */ create table x (id int)",
    "/* tidegate: to=rw */ create secret s with (backend = 'meta') as 'x'",
    "/* tidegate: to=rw */ flush",
    "/* tidegate: to=rw */ drop source nobody_knows",
];

#[test]
fn definitions_are_proven_where_router_yaml_allows_them_alone() {
    let (refusing, forwarding) = (scene(""), scene("    ddl: forward\n"));
    for text in DEFINITIONS {
        let found = proof(&forwarding, text);
        assert!(matches!(found, Some(Proof::Define(_))), "{text}: {found:?}");
        assert_eq!(found.map(Proof::backend), Some(1), "{text}");
        let refused = told(&refusing, text);
        assert!(refused.refused.is_some(), "{text}: {refused:?}");
        assert_eq!(proof(&refusing, text), None, "{text}");
    }
    let text = "insert into orders values (1)";
    for scene in [refusing, forwarding] {
        assert_eq!(proof(&scene, text), None);
        assert_eq!(told(&scene, text).reason, "write_on_analytic");
    }
}

#[test]
fn definitions_go_where_their_relations_live() {
    let scene = scene("    ddl: adapt\n    access: read_write\n");
    for (text, target) in [
        ("create table new (id int)", "oltp"),
        ("create materialized view m as select * from carts", "oltp"),
        ("create view v as select * from customers", "oltp"),
        ("alter table customers add x int", "oltp"),
        ("drop table nowhere", "oltp"),
        ("flush", "oltp"),
        (
            "/* tidegate: to=oltp */ create table shop_a (id int)",
            "oltp",
        ),
        ("create table shop_a (id int references carts (id))", "rw"),
        (
            "alter table orders add foreign key (a) references carts (id)",
            "rw",
        ),
        ("create index carts on orders (qty)", "rw"),
        ("drop table if exists shop_a, nowhere", "rw"),
    ] {
        let found = told(&scene, text);
        assert_eq!(found.target.as_deref(), Some(target), "{text}: {found:?}");
    }
    for (text, reason) in [
        (
            "create view v as select * from orders, carts",
            "mixed_backends",
        ),
        (
            "create table shop_a as select * from carts",
            "mixed_backends",
        ),
        ("drop table orders, carts", "mixed_backends"),
        (
            "create table copied as select * from orders",
            "ddl_on_analytic",
        ),
        (
            "create temp table t as select * from orders",
            "ddl_on_analytic",
        ),
        (
            "alter table carts add foreign key (a) references orders (id)",
            "constraint_on_analytic",
        ),
        ("lock table orders", "lock_on_analytic"),
        (
            "/* tidegate: to=rw */ create table carts (id int)",
            "hint_refused",
        ),
    ] {
        let found = told(&scene, text);
        assert_eq!(found.reason, reason, "{text}: {found:?}");
        assert_eq!(proof(&scene, text), None, "{text}");
    }
}

#[test]
fn a_constraint_that_nobody_keeps_is_forwarded_nowhere() {
    let scene = scene("    ddl: forward\n");
    for text in [
        "create table shop_a (id int unique)",
        "create table shop_a (id int references carts (id))",
        "/* tidegate: to=rw */ create table x (id int check (id > 0))",
        "create unique index i on orders (qty)",
    ] {
        let found = told(&scene, text);
        assert_eq!(found.reason, "constraint_on_analytic", "{text}");
        assert_eq!(found.refused.map(|refused| refused.sqlstate), Some("0A000"));
        assert_eq!(proof(&scene, text), None, "{text}");
    }
}

#[test]
fn a_refresh_of_what_is_kept_fresh_needs_no_proof() {
    for keys in ["", "    ddl: adapt\n"] {
        let scene = scene(keys);
        for text in [
            "refresh materialized view daily",
            "refresh materialized view concurrently shop_m",
            "/* tidegate: to=rw */ refresh materialized view daily",
        ] {
            let found = told(&scene, text);
            assert_eq!(
                (found.target.as_deref(), found.reason),
                (Some("rw"), "local"),
                "{text}"
            );
            assert_eq!(proof(&scene, text), None);
        }
        let table = "refresh materialized view orders";
        assert_eq!(told(&scene, table).reason, "ddl_on_analytic");
        assert_eq!(
            told(&scene, "refresh materialized view mine")
                .target
                .as_deref(),
            Some("oltp")
        );
    }
}

#[test]
fn single_changes_of_tables_are_proven_where_they_are_allowed() {
    let mut scene = scene("    access: read_write\n");
    for text in [
        "insert into orders values (1)",
        "insert into orders select * from daily returning id",
        "update orders set a = (select max(id) from customers)",
        "delete from orders where id = 1",
        "/* tidegate: to=rw */ delete from orders",
    ] {
        let found = proof(&scene, text);
        assert!(
            matches!(found, Some(Proof::Write(_))),
            "{text}: {:?}",
            told(&scene, text)
        );
    }
    assert_eq!(
        proof(&scene, "insert into orders values (1)").map(Proof::sees_rows),
        Some(false)
    );
    assert_eq!(
        proof(&scene, "delete from orders").map(Proof::sees_rows),
        Some(true)
    );
    let refused = [
        ("insert into daily values (1)", "write_on_analytic"),
        ("delete from users", "write_on_analytic"),
        ("insert into shop_unseen values (1)", "write_on_analytic"),
        ("truncate orders", "write_on_analytic"),
        (
            "merge into orders using daily on true when matched then delete",
            "write_on_analytic",
        ),
        (
            "with x as (delete from orders returning 1) select * from x",
            "write_on_analytic",
        ),
        ("explain insert into orders values (1)", "write_on_analytic"),
        (
            "prepare p as insert into orders values (1)",
            "write_on_analytic",
        ),
        ("insert into orders select * from carts", "mixed_backends"),
        ("insert into carts select * from orders", "mixed_backends"),
        ("create table shop_a (id int)", "ddl_on_analytic"),
    ];
    for (text, reason) in refused {
        assert_eq!(told(&scene, text).reason, reason, "{text}");
        assert_eq!(proof(&scene, text), None, "{text}");
    }
    let adapting = self::scene("    access: read_write\n    ddl: adapt\n");
    let found = proof(
        &adapting,
        "truncate table only orders restart identity cascade",
    );
    assert!(matches!(found, Some(Proof::Write(_))));
    for text in ["truncate daily", "truncate orders, daily"] {
        assert_eq!(told(&adapting, text).reason, "write_on_analytic", "{text}");
    }
    scene.1.in_transaction = true;
    let found = told(&scene, "insert into orders values (1)");
    assert_eq!(found.reason, "write_on_analytic");
    assert!(
        found
            .refused
            .is_some_and(|refused| refused.message.contains("transaction block"))
    );
}
