//! What goes where, told as cases.

use std::sync::Arc;

use super::{Explanation, RoutingTable, SessionView, explain};
use crate::catalog::{BackendCatalog, Catalog, RelationKind};
use crate::config;
use crate::sql::{self, Hint};

const BACKENDS: &str = "
backends:
  oltp: { engine: postgres, url: 'postgres://app@127.0.0.1:5432/app' }
  rw: { engine: risingwave, url: 'postgres://root@127.0.0.1:4566/dev' }
default: oltp
";

/// `accounts` and `s.orders` on OLTP, `orders` and `dash.sales` on the analytic side, `customers` on both.
fn catalogs() -> Catalog {
    let (mut oltp, mut rw) = (BackendCatalog::default(), BackendCatalog::default());
    for (schema, name) in [
        ("public", "accounts"),
        ("s", "orders"),
        ("public", "customers"),
    ] {
        oltp.insert(schema, name, RelationKind::Table);
    }
    for (schema, name) in [
        ("public", "orders"),
        ("dash", "sales"),
        ("public", "customers"),
    ] {
        rw.insert(schema, name, RelationKind::MaterializedView);
    }
    Catalog {
        backends: vec![Some(oltp), Some(rw)],
    }
}

struct Scene {
    table: RoutingTable,
    view: SessionView,
}

impl Scene {
    fn new(rules: &str, catalog: Catalog) -> Self {
        let text = format!("{BACKENDS}{rules}");
        let loaded = config::parse("router.yaml", &text, &|_| None, &|_| Ok(String::new()));
        let config = match loaded {
            Ok(loaded) => Arc::new(loaded.config),
            Err(problems) => panic!("{problems:?}"),
        };
        let table = RoutingTable::new(config, Arc::new(catalog), 1);
        Self {
            table,
            view: SessionView::new("app", "app", "psql"),
        }
    }

    fn explain(&self, statement: &str) -> Explanation {
        explain(
            statement,
            &sql::facts(statement.as_bytes()),
            &self.view,
            &self.table,
        )
    }

    #[track_caller]
    fn goes(&self, statement: &str, target: &str, reason: &str) {
        let route = self.explain(statement);
        let found = (route.target.as_deref(), route.reason);
        assert_eq!(
            found,
            (Some(target), reason),
            "{statement}: {:?}",
            route.refused
        );
    }

    #[track_caller]
    fn refused(&self, statement: &str, sqlstate: &str, reason: &str) {
        let route = self.explain(statement);
        let found = (
            route.refused.as_ref().map(|refused| refused.sqlstate),
            route.reason,
        );
        assert_eq!(
            found,
            (Some(sqlstate), reason),
            "{statement}: {:?}",
            route.target
        );
    }
}

fn discovered() -> Scene {
    Scene::new("", catalogs())
}

#[test]
fn discovery_alone_routes() {
    let scene = discovered();
    scene.goes("select * from accounts", "oltp", "oltp_relation");
    scene.goes("select * from orders", "rw", "analytic_relation");
    scene.goes("select * from dash.sales", "rw", "analytic_relation");
    scene.goes("select * from customers", "oltp", "mirrored_default");
    scene.goes("select 1", "oltp", "no_relations");
    scene.goes("select * from nowhere", "oltp", "unknown_relation");
    scene.goes("select * from pg_class", "oltp", "system_catalog");
    scene.goes(
        "select * from rw_catalog.rw_schemas",
        "rw",
        "analytic_relation",
    );
    scene.goes("begin", "oltp", "transaction_control");
    scene.goes("set x = 1", "oltp", "session");
    scene.goes("insert into accounts values (1)", "oltp", "write");
    scene.goes("create table new (a int)", "oltp", "ddl");
    scene.goes(
        "select * from orders o join customers c on c.id = o.id",
        "rw",
        "analytic_relation",
    );
    scene.goes(
        "with orders as (select 1) select * from orders",
        "oltp",
        "no_relations",
    );
}

#[test]
fn writes_on_the_analytic_side_are_refused() {
    let scene = discovered();
    scene.refused(
        "insert into orders values (1)",
        "25006",
        "write_on_analytic",
    );
    scene.refused(
        "select * from orders for no key update",
        "25006",
        "lock_on_analytic",
    );
    scene.refused("select * into t from orders", "25006", "write_on_analytic");
    scene.refused(
        "select nextval('s') from orders",
        "25006",
        "function_on_analytic",
    );
    scene.refused(
        "alter table orders add check (a > 0)",
        "0A000",
        "constraint_on_analytic",
    );
    scene.refused("drop table orders", "0A000", "ddl_on_analytic");
    scene.refused(
        "create table c (id int references orders (id))",
        "0A000",
        "constraint_on_analytic",
    );
    scene.refused(
        "insert into accounts select * from orders",
        "0A000",
        "mixed_backends",
    );
    scene.refused("select * from orders, accounts", "0A000", "mixed_backends");
    scene.refused("select * from orders, pg_class", "0A000", "mixed_backends");
    scene.refused(
        "prepare p as select * from orders",
        "0A000",
        "session_on_analytic",
    );
    scene.goes(
        "declare c cursor for select * from orders",
        "rw",
        "analytic_relation",
    );
    scene.refused(
        "declare c cursor for select * from orders, accounts",
        "0A000",
        "mixed_backends",
    );
    scene.refused(
        "declare c cursor for select * from orders for update",
        "25006",
        "lock_on_analytic",
    );
    scene.goes("insert into customers values (1)", "oltp", "write");
    scene.goes("alter table customers add check (id > 0)", "oltp", "ddl");
}

#[test]
fn the_search_path_decides_which_relation_is_meant() {
    let mut scene = discovered();
    scene.view.set_search_path("s, public", "app");
    scene.goes("select * from orders", "oltp", "oltp_relation");
    scene.goes("select * from public.orders", "rw", "analytic_relation");
    scene.view.set_search_path("dash", "app");
    scene.goes("select * from sales", "rw", "analytic_relation");
    scene.goes("select * from orders", "oltp", "unknown_relation");
    scene.view.temporary.insert("sales".to_owned());
    scene.goes("select * from sales", "oltp", "oltp_relation");
    scene.goes("insert into sales values (1)", "oltp", "write");
}

#[test]
fn in_another_database_the_catalogs_say_nothing() {
    let mut scene = discovered();
    scene.view.database = "test_app".to_owned();
    scene.goes("select * from orders", "oltp", "unknown_relation");
    scene.goes("insert into orders values (1)", "oltp", "write");
}

#[test]
fn a_rule_by_shape_sends_mirrored_reads_only() {
    let rules = "routes: [{ relations: [customers], shape: aggregate, to: rw }]";
    let mut scene = Scene::new(rules, catalogs());
    scene.goes("select count(*) from customers", "rw", "rule");
    scene.goes("select * from customers", "oltp", "mirrored_default");
    scene.goes("delete from customers", "oltp", "write");
    scene.goes(
        "select count(*) from customers, accounts",
        "oltp",
        "mirrored_kept",
    );
    scene.goes(
        "select count(nextval('s')) from customers",
        "oltp",
        "mirrored_kept",
    );
    scene.view.keep_mirrored = true;
    scene.goes("select count(*) from customers", "oltp", "mirrored_kept");
}

#[test]
fn rules_match_users_databases_and_applications() {
    let rules =
        "routes: [{ relations: [customers], users: [bi_*], applications: ['metabase*'], to: rw }]";
    let mut scene = Scene::new(rules, catalogs());
    scene.goes("select * from customers", "oltp", "mirrored_default");
    scene.view.user = "bi_anna".to_owned();
    scene.goes("select * from customers", "oltp", "mirrored_default");
    scene.view.application = "metabase 55".to_owned();
    scene.goes("select * from customers", "rw", "rule");
}

#[test]
fn without_catalogs_rules_vouch_for_what_they_name() {
    let rules = "routes: [{ relations: [orders, 'dash.*'], to: rw }]";
    let scene = Scene::new(rules, Catalog::unknown(2));
    scene.goes("select * from orders", "rw", "rule");
    scene.goes("select * from dash.anything", "rw", "rule");
    scene.goes("select * from sales", "oltp", "unknown_relation");
    scene.refused("update orders set a = 1", "25006", "write_on_analytic");
    scene.refused("create table dash.x (a int)", "0A000", "ddl_on_analytic");
}

#[test]
fn a_rule_does_not_send_a_relation_where_it_is_not() {
    let rules = "routes: [{ relations: [accounts], to: rw }, { users: [app], to: rw }]";
    let scene = Scene::new(rules, catalogs());
    scene.goes("select * from accounts", "oltp", "oltp_relation");
    scene.goes("select * from nowhere", "oltp", "unknown_relation");
    scene.goes("select * from customers", "rw", "rule");
}

#[test]
fn hints_are_obeyed_only_where_it_is_safe() {
    let mut scene = discovered();
    scene.goes(
        "/* tidegate: to=analytic */ select * from customers",
        "rw",
        "hint",
    );
    scene.goes(
        "/* tidegate: to=oltp */ select * from orders",
        "oltp",
        "hint",
    );
    scene.refused(
        "/* tidegate: to=nowhere */ select 1",
        "22023",
        "hint_refused",
    );
    scene.view.hint = Some(Hint::To("rw".to_owned()));
    scene.goes("select * from customers", "rw", "hint");
    scene.goes("select * from pg_class", "oltp", "system_catalog");
    scene.goes("commit", "oltp", "transaction_control");
    scene.refused(
        "insert into customers values (1)",
        "25006",
        "write_on_analytic",
    );
    scene.refused("select * from accounts", "0A000", "hint_refused");
    scene.refused(
        "select set_config('a', 'b', false)",
        "25006",
        "function_on_analytic",
    );
}

#[test]
fn hints_of_users_who_may_not_give_them_are_comments() {
    let scene = Scene::new("hints: [admin]", catalogs());
    scene.goes(
        "/* tidegate: to=analytic */ select * from customers",
        "oltp",
        "mirrored_default",
    );
}

#[test]
fn catalogs_that_show_passwords_are_for_admins() {
    for text in [
        "select * from rw_catalog.rw_sources",
        "select name from rw_catalog.rw_secrets",
        "with s as (select * from rw_catalog.rw_relations) select definition from s",
    ] {
        let mut scene = Scene::new("admins: [dba]", catalogs());
        scene.refused(text, "42501", "secret_on_analytic");
        "dba".clone_into(&mut scene.view.user);
        scene.goes(text, "rw", "analytic_relation");
    }
    // A rule that claims the name alone must not open them either.
    let rule = "routes: [{ relations: [rw_sources], to: rw }]";
    let scene = Scene::new(rule, catalogs());
    scene.refused("select * from rw_sources", "42501", "secret_on_analytic");
    let scene = Scene::new("", catalogs());
    scene.goes(
        "select * from rw_catalog.rw_columns",
        "rw",
        "analytic_relation",
    );
}

#[test]
fn a_failed_transaction_is_postgres_own_business() {
    let mut scene = discovered();
    scene.view.failed = true;
    scene.goes(
        "insert into orders values (1)",
        "oltp",
        "failed_transaction",
    );
    scene.goes("select * from orders", "oltp", "failed_transaction");
}

#[test]
fn functions_are_denied_unless_known() {
    let scene = discovered();
    scene.goes(
        "select sum(a), lower(b) from orders",
        "rw",
        "analytic_relation",
    );
    scene.refused(
        "select my_function(a) from orders",
        "25006",
        "function_on_analytic",
    );
    let listed = Scene::new(
        "functions: { reads: [my_*], writes: [my_writer] }",
        catalogs(),
    );
    listed.goes(
        "select my_function(a) from orders",
        "rw",
        "analytic_relation",
    );
    listed.refused(
        "select my_writer(a) from orders",
        "25006",
        "function_on_analytic",
    );
    let mut catalog = catalogs();
    if let Some(Some(rw)) = catalog.backends.get_mut(1) {
        rw.insert_function("public", "my_function", true);
        rw.insert_function("evil", "lower", false);
    }
    let known = Scene::new("", catalog);
    known.goes(
        "select my_function(a) from orders",
        "rw",
        "analytic_relation",
    );
    known.refused(
        "select other.my_function(a) from orders",
        "25006",
        "function_on_analytic",
    );
}

#[test]
fn a_refusal_names_relation_backend_rule_and_a_way_out() {
    let scene = Scene::new(
        "routes: [{ name: dashboards, relations: [orders], to: rw }]",
        catalogs(),
    );
    let refused = scene
        .explain("insert into orders values (1)")
        .refused
        .unwrap();
    assert_eq!(
        refused.message,
        "cannot execute INSERT on analytic relation \"public.orders\""
    );
    let detail = refused.detail.unwrap();
    assert_eq!(
        detail,
        "Relation \"public.orders\" lives on \"rw\", by rule routes[0] dashboards."
    );
    assert!(refused.hint.unwrap().contains("\"oltp\""));
}

#[test]
fn rules_by_name_and_by_glob_are_tried_in_the_order_of_the_file() {
    let scene = Scene::new(
        "routes:
  - { relations: [accounts, orders], users: [nobody], to: rw }
  - { relations: ['acc*'], users: [nobody], to: rw }
  - { users: [nobody], to: rw }
  - { relations: [orders], to: rw }
  - { relations: ['*'], to: oltp }
  - { relations: [accounts], to: rw }
",
        catalogs(),
    );
    let tried = |name: &str| -> Vec<usize> {
        let rules = scene.table.rules_for(name);
        rules.map(|rule| rule.index).collect()
    };
    assert_eq!(tried("accounts"), [0, 1, 2, 4, 5]);
    assert_eq!(tried("orders"), [0, 1, 2, 3, 4]);
    assert_eq!(tried("other"), [1, 2, 4]);
}
