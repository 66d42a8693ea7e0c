//! Rows 36 and 40: what discovery and browsing ask.

use crate::support::run;
use crate::support::wire::tags;

use super::{done, fresh, read, refused, session, syntax_error};

#[test]
fn fact_36_sources_views_and_indexes_are_listed_by_kind() {
    run(async {
        let mut raw = session().await;
        let (t, m, v, s) = (fresh("t"), fresh("m"), fresh("v"), fresh("s"));
        done(
            &mut raw,
            &format!("create table {t} (id int primary key, v varchar)"),
        )
        .await;
        done(
            &mut raw,
            &format!("create materialized view {m} as select count(*) from {t}"),
        )
        .await;
        done(&mut raw, &format!("create view {v} as select * from {t}")).await;
        let source = format!(
            "create source {s} (a int) with (connector = 'datagen', fields.a.kind = 'sequence', fields.a.start = '1', fields.a.end = '5', \
             datagen.rows.per.second = '10') format plain encode json"
        );
        done(&mut raw, &source).await;
        for (sql, name) in [
            ("show tables", &t),
            ("show materialized views", &m),
            ("show views", &v),
            ("show sources", &s),
        ] {
            let listed = read(&mut raw, sql).await;
            assert!(
                listed.contains(&format!("public.{name}")) || listed.contains(name),
                "{sql}: {listed:?}"
            );
        }
        let like = read(&mut raw, &format!("show tables like '{t}'")).await;
        assert_eq!(like.len(), 1, "{like:?}");
        let columns = read(&mut raw, &format!("show columns from {t}")).await;
        assert_eq!(columns, ["id", "v", "_rw_timestamp"]);
        let described = read(&mut raw, &format!("describe {t}")).await;
        assert_eq!(
            described,
            [
                "id",
                "v",
                "_rw_timestamp",
                "primary key",
                "distribution key",
                "table description"
            ]
        );
        assert_eq!(refused(&mut raw, "describe nosuch").await.0, "42704");
        assert_eq!(
            read(&mut raw, "show databases")
                .await
                .first()
                .map(String::as_str),
            Some("dev")
        );
    });
}

#[test]
fn fact_40_discovery_finds_relations_columns_readiness_and_dependencies() {
    run(async {
        let mut raw = session().await;
        let (t, m) = (fresh("t"), fresh("m"));
        done(
            &mut raw,
            &format!("create table {t} (id int primary key, v varchar)"),
        )
        .await;
        done(
            &mut raw,
            &format!("create materialized view {m} as select v, count(*) as n from {t} group by v"),
        )
        .await;
        let relations = "SELECT r.relation_type FROM rw_catalog.rw_relations r JOIN rw_catalog.rw_schemas s ON s.id = r.schema_id \
             WHERE r.relation_type IN ('table','materialized view','view','source','index') \
             AND s.name NOT IN ('pg_catalog','information_schema','rw_catalog') \
             AND r.id NOT IN (SELECT id FROM rw_catalog.rw_sources WHERE associated_table_id IS NOT NULL)";
        assert_eq!(
            read(&mut raw, &format!("{relations} AND r.name = '{t}'")).await,
            ["table"]
        );
        assert_eq!(
            read(&mut raw, &format!("{relations} AND r.name = '{m}'")).await,
            ["materialized view"]
        );
        let columns = format!(
            "SELECT c.name FROM rw_catalog.rw_columns c JOIN rw_catalog.rw_relations r ON r.id = c.relation_id \
             WHERE r.name = '{m}' AND NOT c.is_hidden ORDER BY c.\"position\""
        );
        assert_eq!(read(&mut raw, &columns).await, ["v", "n"]);
        syntax_error(
            &mut raw,
            "SELECT position FROM rw_catalog.rw_columns",
            "sql parser error",
        )
        .await;
        let status =
            format!("SELECT status FROM rw_catalog.rw_materialized_views WHERE name = '{m}'");
        assert_eq!(read(&mut raw, &status).await, ["Created"]);
        let depend = format!(
            "SELECT u.name FROM rw_catalog.rw_depend d JOIN rw_catalog.rw_relations r ON r.id = d.objid \
             JOIN rw_catalog.rw_relations u ON u.id = d.refobjid WHERE r.name = '{m}'"
        );
        assert_eq!(read(&mut raw, &depend).await, [t]);
        assert_eq!(
            read(&mut raw, "SELECT rw_recovery_status()").await,
            ["RUNNING"]
        );
        assert_eq!(tags(&raw.query("SELECT rw_epoch_to_ts(committed_epoch) FROM rw_catalog.rw_hummock_snapshot LIMIT 1").await), "TDCZ");
    });
}
