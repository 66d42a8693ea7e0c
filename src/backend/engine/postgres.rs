//! PostgreSQL in the analytic role: it can be told to refuse writes, and ends portals with their transaction.

use super::{Dialect, Lineage};

/// PostgreSQL.
pub(super) struct Postgres;

impl Dialect for Postgres {
    fn read_only_parameters(&self) -> &'static [(&'static str, &'static str)] {
        &[("options", "-c default_transaction_read_only=on")]
    }

    fn read_block(&self) -> Option<(&'static str, &'static str)> {
        Some(("BEGIN READ ONLY", "ROLLBACK"))
    }

    fn snapshot_block(&self) -> Option<(&'static str, &'static str)> {
        Some((
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            "ROLLBACK",
        ))
    }

    fn followed_settings(&self) -> &'static [&'static str] {
        &["client_encoding", "DateStyle", "IntervalStyle", "TimeZone"]
    }

    fn relations_query(&self) -> &'static str {
        "SELECT n.nspname, c.relname, c.relkind::text FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r','p','v','m','f','S','i','I') AND c.relpersistence <> 't' \
         AND n.nspname NOT IN ('pg_catalog','information_schema','pg_toast')"
    }

    fn functions_query(&self) -> Option<&'static str> {
        Some(
            "SELECT n.nspname, p.proname, \
             bool_and(p.provolatile IN ('i','s') AND p.prokind IN ('f','a','w')) \
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
             WHERE n.nspname NOT IN ('pg_catalog','information_schema') GROUP BY 1, 2",
        )
    }

    fn leaving_query(&self) -> Option<&'static str> {
        // By the words of its source; calls of set_config that are plainly for the transaction do not count.
        Some(
            "WITH code AS (SELECT p.oid, p.proname, p.prosrc ~* '\\m(pg_(try_)?advisory_lock|listen|temp(orary)?)' AS leaves, \
               pg_catalog.regexp_replace(p.prosrc, 'set_config\\s*\\([^()]*,\\s*true\\s*\\)', '', 'gi') \
                 ~* '(set_config|setseed|dblink|\\mload\\M)' AS hides \
               FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
               WHERE n.nspname NOT IN ('pg_catalog','information_schema')) \
             SELECT 'function', proname, bool_or(hides)::text FROM code WHERE leaves OR hides GROUP BY 2 \
             UNION ALL SELECT 'relation', c.relname, bool_or(code.hides)::text FROM pg_catalog.pg_trigger t \
               JOIN code ON code.oid = t.tgfoid JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid \
               WHERE NOT t.tgisinternal AND (leaves OR hides) GROUP BY 2",
        )
    }

    fn lineage(&self) -> &'static Lineage {
        &LINEAGE
    }

    fn columns_query(&self, names: &str) -> String {
        format!(
            "SELECT n.nspname, c.relname, a.attname FROM pg_catalog.pg_attribute a \
             JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relname IN ({names}) AND a.attnum > 0 AND NOT a.attisdropped"
        )
    }

    fn hides_notice(&self, _: &str) -> bool {
        false
    }
}

/// Views from their rules; foreign tables, and what a subscription copies, from what they were made with.
const LINEAGE: Lineage = Lineage {
    bases: "SELECT DISTINCT vn.nspname, v.relname, bn.nspname, b.relname FROM pg_catalog.pg_rewrite w \
        JOIN pg_catalog.pg_class v ON v.oid = w.ev_class AND v.relkind IN ('v','m') \
        JOIN pg_catalog.pg_namespace vn ON vn.oid = v.relnamespace \
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid \
          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid <> v.oid \
        JOIN pg_catalog.pg_class b ON b.oid = d.refobjid \
        JOIN pg_catalog.pg_namespace bn ON bn.oid = b.relnamespace \
        WHERE vn.nspname NOT IN ('pg_catalog','information_schema')",
    origins: "SELECT n.nspname, c.relname, coalesce(o.schema_name, n.nspname), coalesce(o.table_name, c.relname), NULL, \
          s.srvname, a.host, a.port, a.dbname, NULL \
        FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver \
        JOIN pg_catalog.pg_class c ON c.oid = f.ftrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        CROSS JOIN LATERAL (SELECT max(option_value) FILTER (WHERE option_name = 'schema_name') AS schema_name, \
          max(option_value) FILTER (WHERE option_name = 'table_name') AS table_name \
          FROM pg_catalog.pg_options_to_table(f.ftoptions)) o \
        CROSS JOIN LATERAL (SELECT max(option_value) FILTER (WHERE option_name = 'host') AS host, \
          max(option_value) FILTER (WHERE option_name = 'port') AS port, max(option_value) FILTER (WHERE option_name = 'dbname') AS dbname \
          FROM pg_catalog.pg_options_to_table(s.srvoptions)) a \
        UNION ALL \
        SELECT n.nspname, c.relname, n.nspname, c.relname, NULL, s.subname, NULL, NULL, NULL, s.subslotname \
        FROM pg_catalog.pg_subscription_rel r JOIN pg_catalog.pg_subscription s ON s.oid = r.srsubid \
        JOIN pg_catalog.pg_class c ON c.oid = r.srrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
    keys: None,
    slots: Some(
        "SELECT slot_name FROM pg_catalog.pg_replication_slots WHERE database = pg_catalog.current_database()",
    ),
    unready: &[(
        "SELECT n.nspname, c.relname, 'its first copy is not done' FROM pg_catalog.pg_subscription_rel r \
         JOIN pg_catalog.pg_class c ON c.oid = r.srrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE r.srsubstate IN ('i','d')",
        "first copies",
    )],
    copies: None,
};
